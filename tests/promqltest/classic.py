"""`load_with_nhcb`: classic buckets, counts and sums as one native histogram with custom bounds."""

from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np

from query.block import Cells
from query.notation import SeriesLine
from storage.histograms import CUSTOM_SCHEMA, Buckets, Histograms, concat
from storage.model import METRIC_NAME, BoolArray, Float64Array, Labels, canonical

_SUFFIXES = ("_bucket", "_count", "_sum")


@dataclass(slots=True)
class Family:
    """The lines of one classic histogram; buckets by their upper bound."""

    buckets: dict[float, SeriesLine] = field(default_factory=dict)
    count: SeriesLine | None = None
    sum: SeriesLine | None = None


def custom_histograms(lines: list[SeriesLine]) -> list[SeriesLine]:
    """A line for each classic histogram among `lines`."""
    families: defaultdict[Labels, Family] = defaultdict(Family)
    for line in lines:
        if line.cells is None:
            _sort_in(families, line)
    return [_line(labels, family) for labels, family in families.items() if family.buckets]


def _sort_in(families: defaultdict[Labels, Family], line: SeriesLine) -> None:
    labels = dict(line.labels)
    name = labels.get(METRIC_NAME, "")
    suffix = next((one for one in _SUFFIXES if name.endswith(one)), None)
    if suffix is None:
        return
    labels[METRIC_NAME] = name.removesuffix(suffix)
    bound = labels.pop("le", None) if suffix == "_bucket" else None
    family = families[canonical(labels)]
    match suffix:
        case "_count":
            family.count = line
        case "_sum":
            family.sum = line
        case _:
            try:
                family.buckets[float(bound or "")] = line
            except ValueError:
                return


def _line(labels: Labels, family: Family) -> SeriesLine:
    steps = max(len(line.values) for line in family.buckets.values())
    columns = {bound: _padded(line, steps) for bound, line in sorted(family.buckets.items())}
    present: BoolArray = np.any([there for _, there in columns.values()], axis=0)
    sums = _padded(family.sum, steps)[0] if family.sum else np.zeros(steps)
    counts = _padded(family.count, steps) if family.count else None
    pool = []
    for i in np.flatnonzero(present).tolist():
        held = {bound: values[i] for bound, (values, there) in columns.items() if there[i]}
        total = counts[0][i] if counts is not None and counts[1][i] else max(held.values())
        pool.append(_histogram(held, held.get(np.inf, total), sums[i]))
    at = np.where(present, np.cumsum(present) - 1, -1).astype(np.int32)
    return SeriesLine(labels, np.full(steps, np.nan), present, Cells(at, concat(pool)), False)


def _histogram(held: dict[float, float], total: float, sum_: float) -> Histograms:
    """One with custom bounds; `held` are cumulated counts by upper bound."""
    bounds = np.array([bound for bound in held if bound < np.inf])
    cumulated = np.array([*(held[bound] for bound in bounds.tolist()), total])
    counts = np.diff(cumulated, prepend=0.0)
    kept = np.flatnonzero(counts)
    none = np.zeros(1)
    return Histograms(
        np.array([CUSTOM_SCHEMA], np.int8),
        none,
        none,
        np.array([total]),
        np.array([sum_]),
        np.zeros(1, np.uint8),
        Buckets(np.array([0, len(kept)], np.int64), kept.astype(np.int32), counts[kept]),
        Buckets(np.zeros(2, np.int64), np.empty(0, np.int32), np.empty(0)),
        np.array([0, len(bounds)], np.int64),
        bounds,
    )


def _padded(line: SeriesLine, steps: int) -> tuple[Float64Array, BoolArray]:
    values, present = np.zeros(steps), np.zeros(steps, np.bool_)
    values[: len(line.values)], present[: len(line.present)] = line.values, line.present
    return values, present
