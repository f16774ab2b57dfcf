"""A native histogram that grows: made of means with counts, merged, and turned into columns and back."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from storage.histograms import HINT_GAUGE, Buckets, Histograms

ZERO_THRESHOLD: Final = 2.0**-128
"""Prometheus's default."""
FINEST: Final = 8
COARSEST: Final = -4
MOST_BUCKETS: Final = 160


@dataclass(frozen=True, slots=True)
class Distribution:
    """Buckets as of `storage.histograms.Buckets`, by index; few enough of them at any schema but -4."""

    schema: int
    count: float
    sum: float
    zero_count: float
    positive: Mapping[int, float]
    negative: Mapping[int, float]


def distribution(centroids: Iterable[tuple[float, float]]) -> Distribution:
    """The histogram of (count, mean), in the finest schema that has few enough buckets."""
    count = total = zero_count = 0.0
    positive: Counter[int] = Counter()
    negative: Counter[int] = Counter()
    for number, mean in centroids:
        count += number
        total += number * mean
        if abs(mean) <= ZERO_THRESHOLD:
            zero_count += number
        else:
            (positive if mean > 0 else negative)[_index(abs(mean))] += number  # type: ignore[assignment] # whole
    return _fitted(Distribution(FINEST, count, total, zero_count, positive, negative))


def merge(one: Distribution, other: Distribution) -> Distribution:
    """What both have seen."""
    schema = min(one.schema, other.schema)
    return _fitted(
        Distribution(
            schema,
            one.count + other.count,
            one.sum + other.sum,
            one.zero_count + other.zero_count,
            _added(
                _coarser(one.positive, one.schema - schema), _coarser(other.positive, other.schema - schema)
            ),
            _added(
                _coarser(one.negative, one.schema - schema), _coarser(other.negative, other.schema - schema)
            ),
        )
    )


def _index(value: float) -> int:
    """The bucket of schema 8 of a value above 0: the least k with value <= 2^(k/256)."""
    mantissa, exponent = math.frexp(value)
    if mantissa == 0.5:  # a power of two lies on a bound, exactly
        return (exponent - 1) << FINEST
    return math.ceil(math.log2(mantissa) * (1 << FINEST)) + (exponent << FINEST)


def _coarser(buckets: Mapping[int, float], steps: int) -> Mapping[int, float]:
    if not steps:
        return buckets
    found: dict[int, float] = {}
    for index, count in buckets.items():
        wide = ((index - 1) >> steps) + 1
        found[wide] = found.get(wide, 0.0) + count
    return found


def _added(one: Mapping[int, float], other: Mapping[int, float]) -> Mapping[int, float]:
    found = dict(one)
    for index, count in other.items():
        found[index] = found.get(index, 0.0) + count
    return found


def _fitted(found: Distribution) -> Distribution:
    schema, positive, negative = found.schema, found.positive, found.negative
    while len(positive) + len(negative) > MOST_BUCKETS and schema > COARSEST:
        positive, negative, schema = _coarser(positive, 1), _coarser(negative, 1), schema - 1
    return Distribution(schema, found.count, found.sum, found.zero_count, positive, negative)


def as_columns(rows: Sequence[Distribution]) -> Histograms:
    """Gauge histograms, in order."""
    n = len(rows)
    return Histograms(
        np.fromiter((row.schema for row in rows), np.int8, n),
        np.full(n, ZERO_THRESHOLD),
        np.fromiter((row.zero_count for row in rows), np.float64, n),
        np.fromiter((row.count for row in rows), np.float64, n),
        np.fromiter((row.sum for row in rows), np.float64, n),
        np.full(n, HINT_GAUGE, np.uint8),
        _columns([row.positive for row in rows]),
        _columns([row.negative for row in rows]),
        np.zeros(n + 1, np.int64),
        np.empty(0, np.float64),
    )


def _columns(rows: Sequence[Mapping[int, float]]) -> Buckets:
    pairs = [pair for row in rows for pair in sorted(row.items())]
    offsets = np.zeros(len(rows) + 1, np.int64)
    np.cumsum([len(row) for row in rows], out=offsets[1:])
    return Buckets(
        offsets,
        np.fromiter((index for index, _ in pairs), np.int32, len(pairs)),
        np.fromiter((count for _, count in pairs), np.float64, len(pairs)),
    )


def from_columns(found: Histograms, row: int) -> Distribution:
    """The inverse of `as_columns` for one row."""
    return Distribution(
        int(found.schemas[row]),
        float(found.counts[row]),
        float(found.sums[row]),
        float(found.zero_counts[row]),
        _buckets(found.positive, row),
        _buckets(found.negative, row),
    )


def _buckets(found: Buckets, row: int) -> Mapping[int, float]:
    start, end = found.offsets[row], found.offsets[row + 1]
    return dict(zip(found.indexes[start:end].tolist(), found.counts[start:end].tolist(), strict=True))
