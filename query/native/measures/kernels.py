"""Kernels that read numbers off native histograms (Prometheus, promql/quantile.go and functions.go)."""

from __future__ import annotations

import math

import numba
import numpy as np

from query.native.kernels import Pool, bucket_room, is_custom, spread
from storage.model import BoolArray, Float64Array, Int32Array, Int64Array

NAN_RESULT = 1
NAN_SKEWED = 2


@numba.njit(cache=True, nogil=True)
def _zero_bounds(pool: Pool, row: int, lower: float, upper: float) -> tuple[float, float]:
    """The bounds of the zero bucket: where only one side is populated, it ends at 0 on the other."""
    has_positive = pool.positive_offsets[row + 1] > pool.positive_offsets[row]
    has_negative = pool.negative_offsets[row + 1] > pool.negative_offsets[row]
    if has_positive and not has_negative:
        return 0.0, upper
    if has_negative and not has_positive:
        return lower, 0.0
    return lower, upper


@numba.njit(cache=True, nogil=True)
def _within(lower: float, upper: float, fraction: float, is_linear: bool) -> float:
    """The value at a fraction of a bucket."""
    if is_linear or (lower <= 0 and upper >= 0):
        return lower + (upper - lower) * fraction
    low, high = math.log2(abs(lower)), math.log2(abs(upper))
    if lower > 0:
        return float(2.0 ** (low + (high - low) * fraction))
    return -float(2.0 ** (high + (low - high) * (1 - fraction)))


@numba.njit(cache=True, nogil=True)
def share_below(lower: float, upper: float, value: float, is_linear: bool) -> float:
    """The fraction of a bucket that lies below a value inside it."""
    if is_linear or (lower <= 0 and upper >= 0):
        return (value - lower) / (upper - lower)
    low, high, at = math.log2(abs(lower)), math.log2(abs(upper)), math.log2(abs(value))
    return (at - low) / (high - low) if value > 0 else 1 - (at - high) / (low - high)


@numba.njit(cache=True, nogil=True)
def _quantile(pool: Pool, row: int, phi: float) -> tuple[float, int]:
    if phi < 0:
        return -np.inf, 0
    if phi > 1:
        return np.inf, 0
    total = pool.counts[row]
    if total == 0 or np.isnan(phi):
        return np.nan, 0
    room = bucket_room(pool, row)
    lowers, uppers, counts = np.empty(room), np.empty(room), np.empty(room)
    n = spread(pool, row, lowers, uppers, counts)
    has_nan = np.isnan(pool.sums[row])
    is_forward = has_nan or phi < 0.5
    rank = phi * total if is_forward else (1 - phi) * total
    seen, at = 0.0, -1
    for i in range(n):
        at = i if is_forward else n - 1 - i
        seen += counts[at]
        if seen >= rank:
            break
    note = NAN_SKEWED if has_nan else 0
    if at < 0 or (has_nan and seen < rank):
        return np.nan, NAN_RESULT if has_nan else 0
    lower, upper, linear = lowers[at], uppers[at], is_custom(pool, row)
    if linear:
        if lower == -np.inf:
            if upper <= 0:
                return upper, note
            lower = 0.0
        elif upper == np.inf:
            return lower, note
    elif lower < 0 and upper > 0:
        lower, upper = _zero_bounds(pool, row, lower, upper)
    seen = min(seen, total)
    if seen < rank:
        return upper, note
    rank = rank - (seen - counts[at]) if is_forward else seen - rank
    return _within(lower, upper, rank / counts[at], linear), note


@numba.njit(cache=True, nogil=True)
def quantiles(pool: Pool, rows: Int64Array, phis: Float64Array, out: Float64Array, notes: Int32Array) -> None:
    """The phis[i]-quantile of histogram rows[i]; notes tell of observations of NaN."""
    for i in range(len(rows)):
        out[i], notes[i] = _quantile(pool, rows[i], phis[i])


@numba.njit(cache=True, nogil=True)
def _rank(pool: Pool, row: int, value: float, n: int, buckets: Float64Array) -> float:
    """How many observations lie below a value; infinity where it lies above every bucket."""
    rank, linear = 0.0, is_custom(pool, row)
    for i in range(n):
        lower, upper, count = buckets[0, i], buckets[1, i], buckets[2, i]
        if linear:
            if lower == -np.inf and upper > 0:
                lower = 0.0
        elif lower < 0 and upper > 0:
            lower, upper = _zero_bounds(pool, row, lower, upper)
        if lower >= value:
            return rank
        if upper > value:
            if upper == np.inf:
                return rank
            if lower == -np.inf:
                return float(rank + count)
            return float(rank + count * share_below(lower, upper, value, linear))
        rank += count
    return np.inf


@numba.njit(cache=True, nogil=True)
def fractions(
    pool: Pool,
    rows: Int64Array,
    lowers: Float64Array,
    uppers: Float64Array,
    out: Float64Array,
    has_nan: BoolArray,
) -> None:
    """The share of histogram rows[i] that lies between two values; `has_nan` tells of observations of NaN."""
    for i in range(len(rows)):
        row, lower, upper = rows[i], lowers[i], uppers[i]
        total, has_nan[i] = pool.counts[row], False
        if total == 0 or np.isnan(lower) or np.isnan(upper):
            out[i] = np.nan
            continue
        has_nan[i] = np.isnan(pool.sums[row])
        if lower >= upper:
            out[i] = 0.0
            continue
        buckets = np.empty((3, bucket_room(pool, row)))
        n = spread(pool, row, buckets[0], buckets[1], buckets[2])
        known = buckets[2, :n].sum() if has_nan[i] else total
        low = min(_rank(pool, row, lower, n, buckets), known)
        high = min(_rank(pool, row, upper, n, buckets), known)
        out[i] = (high - low) / total


@numba.njit(cache=True, nogil=True)
def variances(pool: Pool, rows: Int64Array, out: Float64Array) -> None:
    """The variance of histogram rows[i], each bucket standing at its middle, by compensated addition."""
    for i in range(len(rows)):
        row = rows[i]
        room = bucket_room(pool, row)
        lowers, uppers, counts = np.empty(room), np.empty(room), np.empty(room)
        n = spread(pool, row, lowers, uppers, counts)
        mean = pool.sums[row] / pool.counts[row] if pool.counts[row] != 0 else np.nan
        total, lost = 0.0, 0.0
        for k in range(n):
            if is_custom(pool, row):
                middle = (uppers[k] + lowers[k]) / 2
            elif lowers[k] <= 0 and uppers[k] >= 0:
                middle = 0.0
            else:
                middle = math.copysign(math.sqrt(uppers[k] * lowers[k]), uppers[k])
            value = counts[k] * (middle - mean) * (middle - mean)
            new = total + value
            if not np.isinf(new):
                lost += (total - new) + value if abs(total) >= abs(value) else (value - new) + total
            total = new
        out[i] = (total + lost) / pool.counts[row] if pool.counts[row] != 0 else np.nan
