"""Native histograms in plain Python: what the kernels of query.native must come to."""

import math
from dataclasses import dataclass, field

from query.native.bounds import BOUNDS
from storage.histograms import CUSTOM_SCHEMA
from tests.storage.histograms import Row

Bucket = tuple[float, float, float]
"""Lower bound, upper bound, count."""


@dataclass(slots=True)
class Sum:
    """A sum of histograms, built up one by one. Buckets by index; custom ones by upper bound."""

    schema: int
    threshold: float = 0.0
    zero_count: float = 0.0
    count: float = 0.0
    positive: dict[float, float] = field(default_factory=dict)
    negative: dict[float, float] = field(default_factory=dict)
    bounds: tuple[float, ...] = ()


def upper(index: int, schema: int) -> float:
    """The upper bound of an exponential bucket."""
    if schema < 0:
        return 2.0 ** (index * (1 << -schema))
    whole, part = divmod(index, 1 << schema)
    return math.ldexp(float(BOUNDS[part << (8 - schema)]), whole)


def added(rows: list[Row], weights: list[float]) -> Sum | None:
    """The weighted sum; None where exponential and custom buckets meet."""
    kinds = {row[0] == CUSTOM_SCHEMA for row in rows}
    if len(kinds) > 1:
        return None
    found = _custom(rows, weights) if kinds == {True} else _exponential(rows, weights)
    found.count = math.fsum(weight * row[3] for row, weight in zip(rows, weights, strict=True))
    return found


def _custom(rows: list[Row], weights: list[float]) -> Sum:
    common = set.intersection(*(set(row[8]) for row in rows))
    found = Sum(CUSTOM_SCHEMA, bounds=tuple(sorted(common)))
    for row, weight in zip(rows, weights, strict=True):
        for index, count in row[6]:
            bound = row[8][index] if index < len(row[8]) else math.inf
            place = min((one for one in found.bounds if one >= bound), default=math.inf)
            found.positive[place] = found.positive.get(place, 0) + weight * count
    return found


def _exponential(rows: list[Row], weights: list[float]) -> Sum:
    found = Sum(min(row[0] for row in rows), max(row[1] for row in rows))
    while (wider := max(_unsplit(row, found.threshold) for row in rows)) != found.threshold:
        found.threshold = wider
    for row, weight in zip(rows, weights, strict=True):
        found.zero_count += weight * row[2]
        for side, buckets in ((found.positive, row[6]), (found.negative, row[7])):
            for index, count in buckets:
                if found.threshold > row[1] and upper(index, row[0]) <= found.threshold:
                    found.zero_count += weight * count
                elif not (found.threshold > 0 and upper(index, row[0]) <= found.threshold):
                    place = (index - 1 >> row[0] - found.schema) + 1
                    side[place] = side.get(place, 0) + weight * count
    return found


def _unsplit(row: Row, threshold: float) -> float:
    """The threshold, or the end of the bucket that it would split."""
    if threshold == row[1]:
        return threshold
    ends = [
        upper(index, row[0])
        for index, _ in (*row[6], *row[7])
        if upper(index - 1, row[0]) < threshold < upper(index, row[0])
    ]
    return max(ends, default=threshold)


def buckets(row: Row) -> list[Bucket]:
    """The populated buckets, ascending."""
    if row[0] == CUSTOM_SCHEMA:
        edges = (-math.inf, *row[8], math.inf)
        return [(edges[index], edges[index + 1], count) for index, count in row[6]]
    negative = [(-upper(i, row[0]), -upper(i - 1, row[0]), count) for i, count in reversed(row[7])]
    zero = [(-row[1], row[1], row[2])] if row[2] > 0 else []
    return negative + zero + [(upper(i - 1, row[0]), upper(i, row[0]), count) for i, count in row[6]]


def variance(row: Row, total: float) -> float:
    """The variance about the mean, each bucket standing at its middle."""
    mean = total / row[3]
    return (
        math.fsum(count * (_middle(row, low, high) - mean) ** 2 for low, high, count in buckets(row)) / row[3]
    )


def _middle(row: Row, low: float, high: float) -> float:
    if row[0] == CUSTOM_SCHEMA:
        return (low + high) / 2
    return 0.0 if low <= 0 <= high else math.copysign(math.sqrt(low * high), high)
