"""info(): gives series the labels of the info series of their target (Prometheus, promql/info.go)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from query.ast import Call, Expr, Subquery, VectorSelector, children
from query.block import Block
from query.limits import Memory
from query.matching import describe
from query.times import Times
from storage.catalogue import value_test
from storage.errors import ExecutionError
from storage.labels import LabelColumn, LabelTable, concat
from storage.model import METRIC_NAME, BoolArray, Int64Array, Matcher, MatchOp

_TARGET: Final = ("instance", "job")
"""The labels that tell which info series belong to which series."""
_DEFAULT: Final = Matcher(METRIC_NAME, MatchOp.EQUAL, "target_info")
_ANY: Final = Matcher(METRIC_NAME, MatchOp.REGEX, ".+_info")
"""What a call looks among that only says which metric it does not want."""
_POSITIVE: Final = (MatchOp.EQUAL, MatchOp.REGEX)


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """One call over one vector: which series stay as they are, and which labels are wanted.

    stays: bool (series,), those that are info series themselves. wanted: names of labels; empty for all.
    """

    block: Block
    stays: BoolArray
    selector: VectorSelector
    wanted: frozenset[str]
    is_optional: bool

    @staticmethod
    def of(call: Call, block: Block) -> Request:
        """What a call asks for."""
        given = call.args[1].matchers if len(call.args) > 1 else ()  # type: ignore[union-attr]  # as checked
        names = [one for one in given if one.name == METRIC_NAME]
        others = [one for one in given if one.name != METRIC_NAME]
        # Without a second argument the default metric is asked for by name, with one by default only.
        stays = _are_info(block.labels, names if call.args[1:] else [_DEFAULT])
        targets = block.labels.take(np.flatnonzero(~stays))
        known = [name for name in _TARGET if any(targets.values(name))]
        asked = [Matcher(name, MatchOp.NOT_EQUAL, "") for name in known]
        among = names or [_DEFAULT]
        if not any(one.op in _POSITIVE for one in among):
            among = [_ANY, *among]
        selector = VectorSelector("", (*among, *others, *asked), call.span)
        return Request(
            block,
            stays,
            selector,
            frozenset(one.name for one in others),
            all(value_test(one)("") for one in others),
        )

    @property
    def has_targets(self) -> bool:
        """Whether any series names a target that could have info series."""
        return any(one.name in _TARGET and one.value == "" for one in self.selector.matchers)

    def enriched(self, infos: Block | None, memory: Memory) -> Block:
        """The vector with labels; `infos` has the times of the info series' newest samples as its values.

        Raises `ExecutionError` where two info series of one metric and target are of one moment, or two
        metrics give different values to one label, `LimitError` where the answer would not fit into `memory`.
        """
        found = [] if infos is None else _by_metric(infos)
        chosen = [self._chosen(metric) for metric in found]
        block = self.block
        if not self.is_optional:
            kept = np.any([one >= 0 for one in chosen], axis=0) if chosen else False
            block = block.where(block.present & (kept | self.stays[:, None]))
        if not chosen:
            return block
        rows, codes, choices = _variants(block.present, chosen)
        memory.expect_cells(len(rows), block.values.shape[1])
        labels = self._labelled(rows, found, [one[rows, choices] for one in chosen])
        return replace(
            block.take(rows),
            labels=labels,
            present=block.present[rows] & (codes[0][rows] == codes[1][:, None]),
        )

    def _chosen(self, metric: Block) -> Int64Array:
        """The row of `metric` that each series has at each step, -1 for none; int64 (series, steps)."""
        groups = concat([self.block.labels.keep(_TARGET), metric.labels.keep(_TARGET)]).group()
        mine, theirs = groups.ids[: len(self.stays)], groups.ids[len(self.stays) :]
        best = np.full((len(groups), metric.values.shape[1]), -1, np.int64)
        alone, first = np.unique(theirs, return_index=True)
        best[alone] = np.where(metric.present[first], first[:, None], -1)
        for row in np.setdiff1d(np.arange(len(theirs)), first).tolist():
            group = theirs[row]
            other = best[group]
            is_known = other >= 0
            times = np.where(is_known, metric.values[other, np.arange(len(other))], -np.inf)
            there = metric.present[row]
            if (twice := there & is_known & (times == metric.values[row])).any():
                raise _duplicate(metric, int(other[twice][0]), row, times[twice][0])
            best[group] = np.where(there & (metric.values[row] > times), row, other)
        found: Int64Array = np.where(self.stays[:, None], -1, best[mine])
        return found

    def _labelled(
        self, rows: Int64Array, metrics: Sequence[Block], chosen: Sequence[Int64Array]
    ) -> LabelTable:
        labels = self.block.labels.take(rows)
        names = {name for metric in metrics for name in metric.labels.columns if name != METRIC_NAME}
        for name in sorted(names & self.wanted if self.wanted else names):
            column = labels.columns.get(name) or _no_labels(len(rows))
            given = _no_labels(len(rows))
            for metric, at in zip(metrics, chosen, strict=True):
                if name in metric.labels.columns:
                    given = _combined(name, given, _at(metric.labels.columns[name], at), column)
            labels = labels.with_column(name, _first(column, given))
        return labels


def seen_by(expr: Expr, times: Times) -> Times:
    """The times at which the first selector in an expression looks, and so its info series are looked at."""
    match expr:
        case VectorSelector():
            return times.at(expr.at, expr.offset)
        case Subquery():
            return seen_by(expr.expr, times.at(expr.at, expr.offset))
    for child in children(expr):
        if any(True for _ in _selectors(child)):
            return seen_by(child, times)
    return times


def _selectors(expr: Expr) -> Sequence[VectorSelector]:
    if isinstance(expr, VectorSelector):
        return [expr]
    return [one for child in children(expr) for one in _selectors(child)]


def _are_info(labels: LabelTable, names: Sequence[Matcher]) -> BoolArray:
    """Which series a call asks to take labels from; a negative matcher alone asks for none."""
    stays = np.full(labels.size, any(one.op in _POSITIVE for one in names))
    metrics = labels.values(METRIC_NAME)
    for matcher in names:
        stays &= value_test(matcher).many(metrics)
    return stays


def _by_metric(infos: Block) -> list[Block]:
    """The info series, those of each metric by themselves."""
    groups = infos.labels.keep((METRIC_NAME,)).group()
    return [infos.take(np.flatnonzero(groups.ids == one)) for one in range(len(groups))]


def _variants(
    present: BoolArray, chosen: Sequence[Int64Array]
) -> tuple[Int64Array, tuple[Int64Array, Int64Array], Int64Array]:
    """The rows of the answer, as a series may have other info series at other steps.

    Returns the series of each row, the codes of what was chosen (at each series and step; of each row), and
    a step of each row at which it was.
    """
    codes = np.zeros(present.shape, np.int64)
    for one in chosen:
        _, dense = np.unique(codes, return_inverse=True)
        codes = dense.reshape(codes.shape) * (int(one.max(initial=-1)) + 2) + one + 1
    series, steps = np.nonzero(present)
    width = int(codes.max(initial=0)) + 1
    _, first = np.unique(series * width + codes[series, steps], return_index=True)
    rows, steps = series[first], steps[first]
    return rows, (codes, codes[rows, steps]), steps


def _duplicate(metric: Block, one: int, other: int, time_s: float) -> ExecutionError:
    at = round(time_s * 1000)
    known, new = (describe(metric.labels.row(row)) for row in (one, other))
    return ExecutionError(
        f"found duplicate series for info metric: existing {known} @ {at}, new {new} @ {at}"
    )


def _no_labels(size: int) -> LabelColumn:
    return LabelColumn(np.zeros(size, np.int32), [""])


def _at(column: LabelColumn, rows: Int64Array) -> LabelColumn:
    """The column at `rows`, absent where a row is -1."""
    return LabelColumn(np.where(rows < 0, 0, column.codes[rows]).astype(np.int32), column.values)


def _first(one: LabelColumn, other: LabelColumn) -> LabelColumn:
    """The values of `one`, and where it has none those of `other`."""
    index = {value: code for code, value in enumerate(dict.fromkeys([*one.values, *other.values]))}
    codes = np.where(one.codes != 0, one.recode(index), other.recode(index))
    return LabelColumn(codes.astype(np.int32), list(index))


def _combined(name: str, one: LabelColumn, other: LabelColumn, own: LabelColumn) -> LabelColumn:
    """Values of two info metrics. Raises `ExecutionError` where they differ and the series has none."""
    both = (one.codes != 0) & (other.codes != 0) & (own.codes == 0)
    index = {value: code for code, value in enumerate(dict.fromkeys([*one.values, *other.values]))}
    if (one.recode(index) != other.recode(index))[both].any():
        raise ExecutionError(f"conflicting label: {name}")
    return _first(one, other)
