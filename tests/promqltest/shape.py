"""A native histogram as a value that can be compared and shown; layouts that say the same are equal."""

from dataclasses import dataclass

import numpy as np

from query.block import Cells
from storage.histograms import HINT_UNKNOWN, Buckets

_RELATIVE = 1e-6


@dataclass(frozen=True, slots=True)
class Shape:
    """One histogram; buckets by index, empty ones left out."""

    schema: int
    zero_threshold: float
    numbers: tuple[float, float, float]
    positive: dict[int, float]
    negative: dict[int, float]
    bounds: tuple[float, ...]
    hint: int

    def is_like(self, other: "Shape") -> bool:
        """Whether `other` is what this one, the expected, says; a hint counts only if it is written."""
        if (self.schema, self.zero_threshold, self.bounds) != (
            other.schema,
            other.zero_threshold,
            other.bounds,
        ):
            return False
        if self.hint not in (HINT_UNKNOWN, other.hint):
            return False
        return (
            all(map(near, self.numbers, other.numbers))
            and _alike(self.positive, other.positive)
            and _alike(self.negative, other.negative)
        )


def shape(cells: Cells | None, at: int) -> Shape | None:
    """The histogram at a row of the pool; None for a float."""
    if cells is None or at < 0:
        return None
    pool = cells.pool
    bounds = pool.bounds[pool.bound_offsets[at] : pool.bound_offsets[at + 1]]
    return Shape(
        int(pool.schemas[at]),
        float(pool.zero_thresholds[at]),
        (float(pool.counts[at]), float(pool.sums[at]), float(pool.zero_counts[at])),
        _held(pool.positive, at),
        _held(pool.negative, at),
        tuple(bounds.tolist()),
        int(pool.hints[at]),
    )


def near(a: float, b: float) -> bool:
    """Prometheus's util/almost, with 1e-6."""
    if a == b or (np.isnan(a) and np.isnan(b)):
        return True
    return bool(abs(a - b) / (abs(a) + abs(b)) < _RELATIVE)


def _held(buckets: Buckets, row: int) -> dict[int, float]:
    mine = slice(buckets.offsets[row], buckets.offsets[row + 1])
    pairs = zip(buckets.indexes[mine].tolist(), buckets.counts[mine].tolist(), strict=True)
    return {index: count for index, count in pairs if count != 0}


def _alike(a: dict[int, float], b: dict[int, float]) -> bool:
    return a.keys() == b.keys() and all(near(count, b[index]) for index, count in a.items())
