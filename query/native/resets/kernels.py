"""Kernels that compare a histogram with the one before it (Prometheus, FloatHistogram.DetectReset)."""

from __future__ import annotations

import numba
import numpy as np

from query.native.kernels import Pool, is_custom, reduced, upper_bound, zero_count_within
from storage.histograms import HINT_GAUGE, HINT_NOT_RESET, HINT_RESET, HINT_UNKNOWN, UInt8Array
from storage.model import BoolArray, Float64Array, Int32Array, Int64Array

_UNKNOWN, _RESET, _NOT_RESET, _GAUGE = HINT_UNKNOWN, HINT_RESET, HINT_NOT_RESET, HINT_GAUGE


@numba.njit(cache=True, nogil=True)
def _shrank(
    offsets: Int64Array,
    indexes: Int32Array,
    counts: Float64Array,
    schema: int,
    levels: int,
    threshold: float,
    current: int,
    previous: int,
) -> bool:
    """Whether a bucket of `previous`, `levels` finer, holds more than that of `current`, of `schema`."""
    k, end = offsets[previous], offsets[previous + 1]
    own, own_end = offsets[current], offsets[current + 1]
    while k < end:
        index, held = reduced(indexes[k], levels), 0.0
        while k < end and reduced(indexes[k], levels) == index:
            held += counts[k]
            k += 1
        if threshold > 0 and upper_bound(index, schema) <= threshold:
            continue
        while own < own_end and indexes[own] < index:
            own += 1
        if held > (counts[own] if own < own_end and indexes[own] == index else 0.0):
            return True
    return False


@numba.njit(cache=True, nogil=True)
def _cumulated(pool: Pool, row: int, bound: float) -> float:
    """How many observations of a custom histogram lie up to a bound that is one of its own."""
    first, found = pool.bound_offsets[row], 0.0
    for k in range(pool.positive_offsets[row], pool.positive_offsets[row + 1]):
        at = first + pool.positive_indexes[k]
        if at >= pool.bound_offsets[row + 1] or pool.bounds[at] > bound:
            break
        found += pool.positive_counts[k]
    return found


@numba.njit(cache=True, nogil=True)
def _custom_shrank(pool: Pool, current: int, previous: int) -> bool:
    """Whether a bucket between bounds that both have in common holds less."""
    a, a_end = pool.bound_offsets[current], pool.bound_offsets[current + 1]
    b, b_end = pool.bound_offsets[previous], pool.bound_offsets[previous + 1]
    now, before = 0.0, 0.0
    while a < a_end and b < b_end:
        if pool.bounds[a] < pool.bounds[b]:
            a += 1
        elif pool.bounds[a] > pool.bounds[b]:
            b += 1
        else:
            up_to, was = _cumulated(pool, current, pool.bounds[a]), _cumulated(pool, previous, pool.bounds[a])
            if up_to - now < was - before:
                return True
            now, before = up_to, was
            a, b = a + 1, b + 1
    total = pool.positive_counts[pool.positive_offsets[current] : pool.positive_offsets[current + 1]].sum()
    had = pool.positive_counts[pool.positive_offsets[previous] : pool.positive_offsets[previous + 1]].sum()
    return bool(total - now < had - before)


@numba.njit(cache=True, nogil=True)
def has_shrunk(pool: Pool, current: int, previous: int) -> bool:
    """Whether no counter can have gone from `previous` to `current`, whatever the hints say."""
    if pool.counts[current] < pool.counts[previous]:
        return True
    if is_custom(pool, current) != is_custom(pool, previous):
        return True
    if is_custom(pool, current):
        return bool(_custom_shrank(pool, current, previous))
    threshold = pool.zero_thresholds[current]
    if pool.schemas[current] > pool.schemas[previous] or threshold < pool.zero_thresholds[previous]:
        return True
    zeros, wider = zero_count_within(pool, previous, threshold)
    if wider != threshold or pool.zero_counts[current] < zeros:
        return True
    schema = pool.schemas[current]
    levels = pool.schemas[previous] - schema
    if _shrank(
        pool.positive_offsets,
        pool.positive_indexes,
        pool.positive_counts,
        schema,
        levels,
        threshold,
        current,
        previous,
    ):
        return True
    return bool(
        _shrank(
            pool.negative_offsets,
            pool.negative_indexes,
            pool.negative_counts,
            schema,
            levels,
            threshold,
            current,
            previous,
        )
    )


@numba.njit(cache=True, nogil=True)
def is_reset(pool: Pool, current: int, previous: int) -> bool:
    """Whether a counter was reset between the two; the hint of `current` goes before its buckets."""
    if pool.hints[current] == _RESET:
        return True
    return bool(pool.hints[current] != _NOT_RESET and has_shrunk(pool, current, previous))


@numba.njit(cache=True, nogil=True)
def _same_side(offsets: Int64Array, indexes: Int32Array, counts: Float64Array, one: int, other: int) -> bool:
    a, a_end, b, b_end = offsets[one], offsets[one + 1], offsets[other], offsets[other + 1]
    while True:
        while a < a_end and counts[a] == 0:
            a += 1
        while b < b_end and counts[b] == 0:
            b += 1
        if a == a_end or b == b_end:
            return bool(a == a_end and b == b_end)
        if indexes[a] != indexes[b] or counts[a] != counts[b]:
            return False
        a, b = a + 1, b + 1


@numba.njit(cache=True, nogil=True)
def _same_number(one: float, other: float) -> bool:
    return bool(one == other or (np.isnan(one) and np.isnan(other)))


@numba.njit(cache=True, nogil=True)
def is_equal(pool: Pool, one: int, other: int) -> bool:
    """Whether two histograms say the same; empty buckets and hints do not count."""
    if pool.schemas[one] != pool.schemas[other]:
        return False
    if pool.zero_thresholds[one] != pool.zero_thresholds[other]:
        return False
    if not (
        _same_number(pool.counts[one], pool.counts[other])
        and _same_number(pool.sums[one], pool.sums[other])
        and _same_number(pool.zero_counts[one], pool.zero_counts[other])
    ):
        return False
    bounds = pool.bounds[pool.bound_offsets[one] : pool.bound_offsets[one + 1]]
    others = pool.bounds[pool.bound_offsets[other] : pool.bound_offsets[other + 1]]
    if len(bounds) != len(others) or not (bounds == others).all():
        return False
    if not _same_side(pool.positive_offsets, pool.positive_indexes, pool.positive_counts, one, other):
        return False
    return bool(_same_side(pool.negative_offsets, pool.negative_indexes, pool.negative_counts, one, other))


@numba.njit(cache=True, nogil=True)
def equals(pool: Pool, ones: Int64Array, others: Int64Array, out: BoolArray) -> None:
    """Compare pairs of rows."""
    for i in range(len(ones)):
        out[i] = is_equal(pool, ones[i], others[i])


@numba.njit(cache=True, nogil=True)
def derive_hints(
    offsets: Int64Array, at: Int32Array, pool: Pool, tells_resets: bool, out: UInt8Array
) -> None:
    """The hint of each histogram of flat samples, by what stands before it; out: uint8, a row of the pool.

    offsets: of the series; at: a row of the pool for each sample, -1 for a float or a stale marker.
    """
    for s in range(len(offsets) - 1):
        previous = -1
        for i in range(offsets[s], offsets[s + 1]):
            row = at[i]
            if row < 0:
                previous = -1
                continue
            if pool.hints[row] == _GAUGE:
                out[row], previous = _GAUGE, -1
                continue
            was_reset = pool.hints[row] == _RESET or (previous >= 0 and has_shrunk(pool, row, previous))
            if was_reset:
                out[row] = _RESET if tells_resets else _UNKNOWN
            else:
                out[row] = _UNKNOWN if previous < 0 else _NOT_RESET
            previous = row


@numba.njit(cache=True, nogil=True)
def steps(
    offsets: Int64Array,
    at: Int32Array,
    values: Float64Array,
    pool: Pool,
    changed: BoolArray,
    was_reset: BoolArray,
) -> None:
    """How each sample differs from the one before it in its series; a change of kind is both."""
    for s in range(len(offsets) - 1):
        for i in range(offsets[s], offsets[s + 1]):
            changed[i], was_reset[i] = False, False
            if i == offsets[s]:
                continue
            if at[i] < 0 and at[i - 1] < 0:
                changed[i] = not _same_number(values[i], values[i - 1])
                was_reset[i] = values[i] < values[i - 1]
            elif at[i] >= 0 and at[i - 1] >= 0:
                changed[i] = not is_equal(pool, at[i], at[i - 1])
                was_reset[i] = is_reset(pool, at[i], at[i - 1])
            else:
                changed[i], was_reset[i] = True, True
