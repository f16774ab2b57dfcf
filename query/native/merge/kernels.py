"""Kernels that add histograms up, whatever their resolution, zero bucket and custom bounds.

An output is the weighted sum of some rows of a pool, by compensated addition. It has the lowest resolution,
the widest zero bucket and the common bounds of its rows (Prometheus, FloatHistogram.KahanAdd).
"""

from __future__ import annotations

import numba
import numpy as np

from query.native.kernels import Pool, is_custom, reduced, upper_bound, zero_count_within
from storage.histograms import (
    CUSTOM_SCHEMA,
    HINT_GAUGE,
    HINT_NOT_RESET,
    HINT_RESET,
    HINT_UNKNOWN,
    Int8Array,
    UInt8Array,
)
from storage.model import Float64Array, Int32Array, Int64Array

MIXED = 1
ADDED_BOUNDS = 2
SUBTRACTED_BOUNDS = 4
COLLISION = 8
WIDE = 16

_CUSTOM = CUSTOM_SCHEMA
_WIDEST = 1 << 21
_UNKNOWN, _RESET, _NOT_RESET, _GAUGE = HINT_UNKNOWN, HINT_RESET, HINT_NOT_RESET, HINT_GAUGE


@numba.njit(cache=True, nogil=True)
def _extent(
    offsets: Int64Array,
    indexes: Int32Array,
    schemas: Int8Array,
    rows: Int64Array,
    schema: int,
    threshold: float,
) -> tuple[int, int, int]:
    """(lowest index, indexes from lowest to highest, buckets at most) of one side of the sum."""
    low, high, populated = 1 << 40, -(1 << 40), 0
    for row in rows:
        levels = schemas[row] - schema
        for k in range(offsets[row], offsets[row + 1]):
            if threshold > 0 and upper_bound(indexes[k], schemas[row]) <= threshold:
                continue
            index = int(reduced(indexes[k], levels))
            low, high = min(low, index), max(high, index)
            populated += 1
    if populated == 0:
        return 0, 0, 0
    return low, high - low + 1, min(high - low + 1, populated)


@numba.njit(cache=True, nogil=True)
def _same_kind(pool: Pool, rows: Int64Array) -> bool:
    custom = 0
    for row in rows:
        custom += is_custom(pool, row)
    return custom in (0, len(rows))


@numba.njit(cache=True, nogil=True)
def _common_threshold(pool: Pool, rows: Int64Array) -> float:
    """The narrowest zero bucket that holds those of all rows and splits no bucket of any."""
    threshold = 0.0
    for row in rows:
        threshold = max(threshold, pool.zero_thresholds[row])
    while True:
        before = threshold
        for row in rows:
            _, threshold = zero_count_within(pool, row, threshold)
        if threshold == before:
            return threshold


@numba.njit(cache=True, nogil=True)
def layouts(
    pool: Pool,
    offsets: Int64Array,
    rows: Int64Array,
    schemas: Int8Array,
    thresholds: Float64Array,
    flags: UInt8Array,
    lows: Int64Array,
    widths: Int64Array,
    rooms: Int64Array,
) -> None:
    """Find what each sum looks like; output o adds rows[offsets[o]:offsets[o+1]], at least one.

    lows, widths: int64 (outputs, 2), of the positive and the negative side. rooms: int64 (outputs, 3), the
    most buckets of each side and the most bounds.
    """
    for o in range(len(offsets) - 1):
        mine = rows[offsets[o] : offsets[o + 1]]
        lows[o], widths[o], rooms[o] = 0, 0, 0
        thresholds[o], flags[o], schemas[o] = 0.0, 0, pool.schemas[mine[0]]
        if not _same_kind(pool, mine):
            flags[o] = MIXED
            continue
        if is_custom(pool, mine[0]):
            room = pool.bound_offsets[mine[0] + 1] - pool.bound_offsets[mine[0]]
            widths[o, 0], rooms[o, 0], rooms[o, 2] = room + 1, room + 1, room
            continue
        for row in mine:
            schemas[o] = min(schemas[o], pool.schemas[row])
        thresholds[o] = _common_threshold(pool, mine)
        lows[o, 0], widths[o, 0], rooms[o, 0] = _extent(
            pool.positive_offsets, pool.positive_indexes, pool.schemas, mine, schemas[o], thresholds[o]
        )
        lows[o, 1], widths[o, 1], rooms[o, 1] = _extent(
            pool.negative_offsets, pool.negative_indexes, pool.schemas, mine, schemas[o], thresholds[o]
        )
        if max(widths[o, 0], widths[o, 1]) > _WIDEST:
            flags[o] = WIDE
            widths[o], rooms[o] = 0, 0


@numba.njit(cache=True, nogil=True)
def _add(totals: Float64Array, lost: Float64Array, at: int, value: float) -> None:
    """Neumaier's compensated addition."""
    total = totals[at] + value
    if np.isinf(total):
        lost[at] = 0.0
    elif abs(totals[at]) >= abs(value):
        lost[at] += (totals[at] - total) + value
    else:
        lost[at] += (value - total) + totals[at]
    totals[at] = total


@numba.njit(cache=True, nogil=True)
def _common_bounds(
    pool: Pool, rows: Int64Array, weights: Float64Array, common: Float64Array
) -> tuple[int, int]:
    """Write the bounds that all rows share; (how many, flags)."""
    first = pool.bound_offsets[rows[0]]
    n, flags = pool.bound_offsets[rows[0] + 1] - first, 0
    common[:n] = pool.bounds[first : first + n]
    for i in range(1, len(rows)):
        bounds = pool.bounds[pool.bound_offsets[rows[i]] : pool.bound_offsets[rows[i] + 1]]
        if len(bounds) == n and (bounds == common[:n]).all():
            continue
        flags |= SUBTRACTED_BOUNDS if weights[i] < 0 else ADDED_BOUNDS
        kept, a, b = 0, 0, 0
        while a < n and b < len(bounds):
            if common[a] == bounds[b]:
                common[kept] = common[a]
                kept, a, b = kept + 1, a + 1, b + 1
            elif common[a] < bounds[b]:
                a += 1
            else:
                b += 1
        n = kept
    return n, flags


@numba.njit(cache=True, nogil=True)
def _add_custom(
    pool: Pool, row: int, weight: float, common: Float64Array, totals: Float64Array, lost: Float64Array
) -> None:
    first, last = pool.bound_offsets[row], pool.bound_offsets[row + 1]
    for k in range(pool.positive_offsets[row], pool.positive_offsets[row + 1]):
        at = first + pool.positive_indexes[k]
        index = np.searchsorted(common, pool.bounds[at]) if at < last else len(common)
        _add(totals, lost, index, weight * pool.positive_counts[k])


@numba.njit(cache=True, nogil=True)
def _add_side(
    begin: int,
    end: int,
    indexes: Int32Array,
    counts: Float64Array,
    schema: int,
    levels: int,
    threshold: float,
    low: int,
    weight: float,
    totals: Float64Array,
    lost: Float64Array,
) -> None:
    for k in range(begin, end):
        if threshold > 0 and upper_bound(indexes[k], schema) <= threshold:
            continue
        _add(totals, lost, reduced(indexes[k], levels) - low, weight * counts[k])


@numba.njit(cache=True, nogil=True)
def _adjusted(hint: int, other: int) -> int:
    """The counter reset hint of a sum (Prometheus, adjustCounterReset)."""
    if hint == other:
        return hint
    return _GAUGE if max(hint, other) == _GAUGE else _UNKNOWN


@numba.njit(cache=True, nogil=True)
def _written(
    totals: Float64Array, lost: Float64Array, low: int, indexes: Int32Array, counts: Float64Array
) -> int:
    """Write the buckets that hold something; returns how many."""
    n = 0
    for i in range(len(totals)):
        count = totals[i] + lost[i]
        if count != 0:
            indexes[n], counts[n] = low + i, count
            n += 1
    return n


@numba.njit(cache=True, nogil=True)
def merge(
    pool: Pool,
    offsets: Int64Array,
    rows: Int64Array,
    weights: Float64Array,
    schemas: Int8Array,
    thresholds: Float64Array,
    flags: UInt8Array,
    lows: Int64Array,
    widths: Int64Array,
    begins: Int64Array,
    scalars: Float64Array,
    hints: UInt8Array,
    positive_indexes: Int32Array,
    positive_counts: Float64Array,
    negative_indexes: Int32Array,
    negative_counts: Float64Array,
    bounds: Float64Array,
    used: Int64Array,
) -> None:
    """Add up, after `layouts`.

    begins: int64 (outputs + 1, 3), where each output's room begins. scalars: float64 (outputs, 3): zero
    count, count, sum. used: int64 (outputs, 3), how much of its rooms an output took.
    """
    for o in range(len(offsets) - 1):
        used[o], scalars[o], hints[o] = 0, 0.0, _UNKNOWN
        if flags[o]:
            continue
        mine, weighted = rows[offsets[o] : offsets[o + 1]], weights[offsets[o] : offsets[o + 1]]
        common = bounds[begins[o, 2] : begins[o + 1, 2]]
        if schemas[o] == _CUSTOM:
            used[o, 2], flags[o] = _common_bounds(pool, mine, weighted, common)
            common = common[: used[o, 2]]
        positive, negative = np.zeros((2, widths[o, 0])), np.zeros((2, widths[o, 1]))
        lost, seen_reset, seen_not_reset = np.zeros(3), False, False
        hints[o] = pool.hints[mine[0]]
        for i in range(len(mine)):
            row, weight = mine[i], weighted[i]
            zeros, _ = zero_count_within(pool, row, thresholds[o])
            _add(scalars[o], lost, 0, weight * zeros)
            _add(scalars[o], lost, 1, weight * pool.counts[row])
            _add(scalars[o], lost, 2, weight * pool.sums[row])
            hints[o] = _adjusted(hints[o], pool.hints[row])
            seen_reset |= pool.hints[row] == _RESET
            seen_not_reset |= pool.hints[row] == _NOT_RESET
            if schemas[o] == _CUSTOM:
                _add_custom(pool, row, weight, common, positive[0], positive[1])
                continue
            levels = pool.schemas[row] - schemas[o]
            _add_side(
                pool.positive_offsets[row],
                pool.positive_offsets[row + 1],
                pool.positive_indexes,
                pool.positive_counts,
                pool.schemas[row],
                levels,
                thresholds[o],
                lows[o, 0],
                weight,
                positive[0],
                positive[1],
            )
            _add_side(
                pool.negative_offsets[row],
                pool.negative_offsets[row + 1],
                pool.negative_indexes,
                pool.negative_counts,
                pool.schemas[row],
                levels,
                thresholds[o],
                lows[o, 1],
                weight,
                negative[0],
                negative[1],
            )
        if seen_reset and seen_not_reset:
            flags[o] |= COLLISION
        scalars[o] += lost
        used[o, 0] = _written(
            positive[0],
            positive[1],
            lows[o, 0],
            positive_indexes[begins[o, 0] : begins[o + 1, 0]],
            positive_counts[begins[o, 0] : begins[o + 1, 0]],
        )
        used[o, 1] = _written(
            negative[0],
            negative[1],
            lows[o, 1],
            negative_indexes[begins[o, 1] : begins[o + 1, 1]],
            negative_counts[begins[o, 1] : begins[o + 1, 1]],
        )
