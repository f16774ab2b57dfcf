"""Aggregations over blocks: groups by label codes, one function a row in a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

import numpy as np
import xxhash

from query.aggregate import kernels
from query.annotations import Annotations, format_float
from query.ast import Aggregate
from query.block import NAME_LABELS, Block, ScalarBlock, StringValue
from query.limits import Memory
from query.native import aggregate as native
from query.native.text import texts as native_texts
from storage.errors import ExecutionError
from storage.labels import Grouping, LabelTable
from storage.model import BoolArray, Float64Array, Int64Array

_INT64_LIMIT: Final = 9.223372036854775e18
_TEXTS_A_CHECK: Final = 10_000
_TOTALS: Final = ("sum", "avg")
_HASH_RANGE: Final = float(2**64 - 1)

Parameter: TypeAlias = ScalarBlock | StringValue | None


@dataclass(frozen=True, slots=True, eq=False)
class Grouped:
    """A block with the group of each series. `labels` are the groups' own."""

    block: Block
    groups: Grouping
    labels: LabelTable

    @property
    def shape(self) -> tuple[int, int]:
        """(groups, steps)."""
        return len(self.groups), self.block.values.shape[1]

    @property
    def order(self) -> Int64Array:
        """Series by group, in their own order within one; int64 (series,)."""
        return np.argsort(self.groups.ids, kind="stable").astype(np.int64)

    @property
    def bounds(self) -> Int64Array:
        """Where each group begins in `order`; int64 (groups + 1,)."""
        sizes = np.bincount(self.groups.ids, minlength=len(self.groups))
        return np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)]).astype(np.int64)

    def counts(self) -> Int64Array:
        """How many series of each group are present at each step."""
        found = np.zeros(self.shape, np.int64)
        kernels.counts(self.block.present, self.groups.ids, found)
        return found

    def drops_name(self) -> BoolArray | None:
        """Which groups lose their names at last, because one of their series does; as of a `Block`."""
        drops = self.block.drops_name
        if drops is None or not any(name in self.labels.columns for name in NAME_LABELS):
            return None
        drops = drops & self.block.present.any(axis=1)
        found: BoolArray = np.bincount(self.groups.ids, drops, len(self.groups)) > 0
        return found


def aggregate(
    node: Aggregate, block: Block, parameter: Parameter, notes: Annotations, memory: Memory
) -> Block:
    """Evaluate an aggregation at every step.

    Raises `ExecutionError` where a parameter is not one that the aggregation takes, and `LimitError` where
    the answer would not fit into `memory`.
    """
    if node.op == "count_values":
        assert isinstance(parameter, StringValue)
        return _count_values(node, block, parameter.value, memory)
    if node.op in _TOTALS and block.cells is not None:
        whole = group(node, block)
        floats = _REDUCERS[node.op](group(node, block.floats()))
        return replace(
            native.with_totals(node, block, whole.groups, floats, notes), drops_name=whole.drops_name()
        )
    grouped = group(node, native.without_histograms(node, block, notes))
    if node.op in _REDUCERS:
        return replace(_REDUCERS[node.op](grouped), drops_name=grouped.drops_name())
    assert isinstance(parameter, ScalarBlock)
    return _WITH_SCALAR[node.op](node, grouped, parameter.values, notes)


def group(node: Aggregate, block: Block) -> Grouped:
    """Partition the series by the labels of `by`, or by all but the name and those of `without`."""
    labels = block.labels
    kept = labels.drop((*node.grouping, *NAME_LABELS)) if node.without else labels.keep(node.grouping)
    groups = kept.group()
    return Grouped(block, groups, kept.take(groups.first))


def _sums(grouped: Grouped) -> tuple[Float64Array, Float64Array]:
    total, lost = np.zeros(grouped.shape), np.zeros(grouped.shape)
    kernels.sums(grouped.block.values, grouped.block.present, grouped.groups.ids, total, lost)
    return total, lost


def _sum(grouped: Grouped) -> Block:
    total, lost = _sums(grouped)
    return Block(grouped.labels, total + lost, grouped.counts() > 0)


def _avg(grouped: Grouped) -> Block:
    total, lost = _sums(grouped)
    counts = grouped.counts()
    n = np.maximum(counts, 1)
    values = total / n + lost / n
    if np.isinf(total).any():
        mean = np.zeros(grouped.shape)
        kernels.means(
            grouped.block.values,
            grouped.block.present,
            grouped.groups.ids,
            np.zeros(grouped.shape, np.int64),
            mean,
        )
        values = np.where(np.isinf(total), mean, values)
    return Block(grouped.labels, values, counts > 0)


def _extreme(sign: float) -> Callable[[Grouped], Block]:
    def run(grouped: Grouped) -> Block:
        out = np.full(grouped.shape, np.nan)
        kernels.extremes(grouped.block.values, grouped.block.present, grouped.groups.ids, sign, out)
        return Block(grouped.labels, out, grouped.counts() > 0)

    return run


def _count(grouped: Grouped) -> Block:
    counts = grouped.counts()
    return Block(grouped.labels, counts.astype(np.float64), counts > 0)


def _group(grouped: Grouped) -> Block:
    return Block(grouped.labels, np.ones(grouped.shape), grouped.counts() > 0)


def _variance(is_deviation: bool) -> Callable[[Grouped], Block]:
    def run(grouped: Grouped) -> Block:
        counts = np.zeros(grouped.shape, np.int64)
        mean, squares = np.zeros(grouped.shape), np.zeros(grouped.shape)
        block = grouped.block
        kernels.variances(block.values, block.present, grouped.groups.ids, counts, mean, squares)
        variance = squares / np.maximum(counts, 1)
        return Block(grouped.labels, np.sqrt(variance) if is_deviation else variance, counts > 0)

    return run


def _quantile(node: Aggregate, grouped: Grouped, phi: Float64Array, notes: Annotations) -> Block:
    warn_of_quantiles(phi, node, notes)
    out = np.empty(grouped.shape)
    block = grouped.block
    kernels.quantiles(block.values, block.present, grouped.order, grouped.bounds, phi, out)
    return Block(grouped.labels, out, grouped.counts() > 0, drops_name=grouped.drops_name())


def warn_of_quantiles(phi: Float64Array, node: Aggregate, notes: Annotations) -> None:
    """Warn of NaN, and of the largest and smallest quantile where they are not between 0 and 1."""
    assert node.param is not None
    for one in (*([np.nan] if np.isnan(phi).any() else []), *_beyond(phi, 0, 1)):
        notes.warn(f"quantile value should be between 0 and 1, got {format_float(one)}", node.param.span)


def _beyond(values: Float64Array, low: float, high: float) -> list[float]:
    """The largest value if it is over `high`, the smallest if it is under `low`; neither where one is NaN."""
    most, least = float(values.max(initial=low)), float(values.min(initial=high))
    return [*([most] if most > high else []), *([least] if least < low else [])]


def _ranked(sign: float) -> Callable[[Aggregate, Grouped, Float64Array, Annotations], Block]:
    def run(node: Aggregate, grouped: Grouped, k: Float64Array, notes: Annotations) -> Block:
        block = grouped.block
        keep: BoolArray = np.zeros(block.present.shape, np.bool_)
        order = grouped.order
        kernels.highest(block.values, block.present, order, grouped.bounds, _whole(k), sign, keep)
        if keep.shape[1] == 1:
            return _best_first(grouped, keep, sign)
        return _only(block, keep)

    return run


def _best_first(grouped: Grouped, keep: BoolArray, sign: float) -> Block:
    """An instant answer of topk and bottomk is ranked within each group; NaN comes last."""
    rows = np.flatnonzero(keep[:, 0])
    ranked = rows[np.lexsort((-sign * grouped.block.values[rows, 0], grouped.groups.ids[rows]))]
    return grouped.block.where(keep).take(ranked)


def _limitk(node: Aggregate, grouped: Grouped, k: Float64Array, notes: Annotations) -> Block:
    keep = np.zeros(grouped.block.present.shape, np.bool_)
    kernels.first_present(grouped.block.present, grouped.order, grouped.bounds, _whole(k), keep)
    return _only(grouped.block, keep)


def _limit_ratio(node: Aggregate, grouped: Grouped, ratio: Float64Array, notes: Annotations) -> Block:
    assert node.param is not None
    if np.isnan(ratio).any():
        raise ExecutionError("Ratio value is NaN")
    for one in _beyond(ratio, -1, 1):
        notes.warn(
            f"ratio value should be between -1 and 1, got {format_float(one)}, "
            f"capping to {1 if one > 0 else -1}",
            node.param.span,
        )
    limit = np.clip(ratio, -1, 1)[None, :]
    place = _places(grouped.block.labels)[:, None]
    keep = np.where(limit >= 0, place < limit, place >= 1 + limit) & grouped.block.present
    return _only(grouped.block, keep)


def _places(labels: LabelTable) -> Float64Array:
    """A number in [0, 1] of each label set, the same in every query; float64 (series,).

    It is Prometheus's own (promql/engine.go, RatioSampler; model/labels, Labels.Hash).
    """
    texts = (b"".join(_sized(part) for pair in row.items() for part in pair) for row in labels.rows())
    hashes = (xxhash.xxh64_intdigest(text) / _HASH_RANGE for text in texts)
    return np.fromiter(hashes, np.float64, labels.size)


def _sized(text: str) -> bytes:
    """A name or value behind its length: a byte, or from 255 on three after one of 255."""
    encoded = text.encode(errors="surrogatepass")
    size = len(encoded)
    return (bytes((size,)) if size < 255 else b"\xff" + size.to_bytes(3, "little")) + encoded


def _only(block: Block, keep: BoolArray) -> Block:
    rows = np.flatnonzero(keep.any(axis=1))
    return block.where(keep).take(rows)


def _whole(k: Float64Array) -> Int64Array:
    """Scalars as counts of 0 or more.

    Raises `ExecutionError` where one is NaN or, unless none is as large as 1, beyond 64 bits.
    """
    if np.isnan(k).any():
        raise ExecutionError("Parameter value is NaN")
    if k.max(initial=0) < 1:
        return np.zeros(len(k), np.int64)
    for one in (float(k.min()), float(k.max())):
        if abs(one) >= _INT64_LIMIT:
            raise ExecutionError(
                f"Scalar value {format_float(one)} {'over' if one > 0 else 'under'}flows int64"
            )
    return np.maximum(k, 0).astype(np.int64)


def _count_values(node: Aggregate, block: Block, label: str, memory: Memory) -> Block:
    """A series for each distinct value, named in `label`, that counts the series with that value."""
    _require_label(label)
    rows, steps = np.nonzero(block.present)
    texts, codes = _texts(block, rows, steps, memory)
    taken = block.labels
    kept = taken.drop((*node.grouping, *NAME_LABELS)) if node.without else taken.keep(node.grouping)
    pairs, pair_of = np.unique(rows * len(texts) + codes, return_inverse=True)
    memory.expect_series(len(pairs))
    memory.check()
    named = kept.take(pairs // max(len(texts), 1)).with_values(
        label, [texts[code] for code in (pairs % max(len(texts), 1)).tolist()]
    )
    memory.check()
    groups = named.group()
    memory.expect_cells(len(groups), block.values.shape[1])
    counts = np.zeros((len(groups), block.values.shape[1]))
    np.add.at(counts, (groups.ids[pair_of], steps), 1.0)
    return Block(named.take(groups.first), counts, counts > 0)


def _texts(block: Block, rows: Int64Array, steps: Int64Array, memory: Memory) -> tuple[list[str], Int64Array]:
    """The distinct values at some cells as texts, and which of them each cell has; int64 (cells,)."""
    # By their bits, since -0 and 0 are equal but written differently.
    distinct, codes = np.unique(block.values[rows, steps].view(np.int64), return_inverse=True)
    memory.expect_cells(len(distinct), block.values.shape[1])
    memory.expect_series(len(distinct))
    texts: list[str] = []
    for begin in range(0, len(distinct), _TEXTS_A_CHECK):
        memory.check()
        part = distinct[begin : begin + _TEXTS_A_CHECK].view(np.float64)
        texts += [_plain(value) for value in part.tolist()]
    if block.cells is None:
        return texts, codes
    at = block.cells.at[rows, steps]
    held, of_held = np.unique(at, return_inverse=True)
    shown = native_texts(block.cells.pool, np.maximum(held, 0).astype(np.int64))
    return [*texts, *shown], np.where(at >= 0, of_held + len(texts), codes)


def _require_label(label: str) -> None:
    try:
        label.encode()
    except UnicodeEncodeError:
        shown = label.encode("utf-8", "surrogateescape")
        text = "".join(chr(byte) if 32 <= byte < 127 else f"\\x{byte:02x}" for byte in shown)
        raise ExecutionError(f'invalid label name "{text}"') from None
    if not label:
        raise ExecutionError('invalid label name ""')


def _plain(value: float) -> str:
    """A number without an exponent, as Go's %f of the shortest precision prints it."""
    if not np.isfinite(value):
        return format_float(value)
    return np.format_float_positional(value, trim="-")


_REDUCERS: Final[Mapping[str, Callable[[Grouped], Block]]] = {
    "sum": _sum,
    "avg": _avg,
    "min": _extreme(-1.0),
    "max": _extreme(1.0),
    "count": _count,
    "group": _group,
    "stddev": _variance(True),
    "stdvar": _variance(False),
}
_WITH_SCALAR: Final[Mapping[str, Callable[[Aggregate, Grouped, Float64Array, Annotations], Block]]] = {
    "quantile": _quantile,
    "topk": _ranked(1.0),
    "bottomk": _ranked(-1.0),
    "limitk": _limitk,
    "limit_ratio": _limit_ratio,
}
