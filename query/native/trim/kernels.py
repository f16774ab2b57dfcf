"""The kernel of `</` and `>/`: what of a histogram lies below or above a value."""

from __future__ import annotations

import math

import numba
import numpy as np

from query.native.kernels import Pool, is_custom, upper_bound
from query.native.measures.kernels import share_below
from storage.model import Float64Array


@numba.njit(cache=True, nogil=True)
def _middle(lower: float, upper: float, is_linear: bool) -> float:
    """Where the observations of a bucket are taken to stand."""
    if lower == -np.inf:
        return upper
    if upper == np.inf:
        return lower
    if is_linear or (lower <= 0 and upper >= 0):
        return (lower + upper) / 2
    return math.copysign(math.sqrt(lower * upper), upper)


@numba.njit(cache=True, nogil=True)
def _cut(
    lower: float, upper: float, count: float, at: float, keeps_lower: bool, is_linear: bool
) -> tuple[float, float]:
    """(what is left of a bucket, the sum of what is left)."""
    if (upper <= at) if keeps_lower else (lower >= at):
        return count, count * _middle(lower, upper, is_linear)
    if not lower < at < upper:
        return 0.0, 0.0
    if lower == -np.inf or upper == np.inf:
        # An outer bucket cannot be divided: it stays whole, at the value, unless it reaches past it.
        stays = (upper != np.inf) if keeps_lower else (lower != -np.inf)
        return (count, count * at) if stays else (0.0, 0.0)
    share = share_below(lower, upper, at, is_linear)
    if keeps_lower:
        return count * share, count * share * _middle(lower, at, is_linear)
    return count * (1 - share), count * (1 - share) * _middle(at, upper, is_linear)


@numba.njit(cache=True, nogil=True)
def _custom(pool: Pool, row: int, at: float, keeps_lower: bool, sums: Float64Array) -> bool:
    """Cut the buckets of a custom histogram; sums: the count and sum of what is left. Whether it changed."""
    first, last = pool.bound_offsets[row], pool.bound_offsets[row + 1]
    changed = False
    for k in range(pool.positive_offsets[row], pool.positive_offsets[row + 1]):
        index, count = pool.positive_indexes[k], pool.positive_counts[k]
        lower = pool.bounds[first + index - 1] if index > 0 else -np.inf
        upper = pool.bounds[first + index] if first + index < last else np.inf
        if lower == -np.inf and 0 < upper < np.inf:
            # It begins at 0; a value below that, which it may or may not hold, takes all of it.
            lower, count = 0.0, 0.0 if -np.inf < at < 0 else count
        left, total = _cut(lower, upper, count, at, keeps_lower, True)
        changed |= left != pool.positive_counts[k]
        pool.positive_counts[k] = left
        sums[0] += left
        sums[1] += total
    return bool(changed)


@numba.njit(cache=True, nogil=True)
def _zero(pool: Pool, row: int, at: float, keeps_lower: bool, sums: Float64Array) -> bool:
    width, count = pool.zero_thresholds[row], pool.zero_counts[row]
    if count == 0:
        return False
    has_positive = pool.positive_offsets[row + 1] > pool.positive_offsets[row]
    has_negative = pool.negative_offsets[row + 1] > pool.negative_offsets[row]
    lower = 0.0 if has_positive and not has_negative else -width
    upper = 0.0 if has_negative and not has_positive else width
    left, total = _cut(lower, upper, count, at, keeps_lower, True)
    pool.zero_counts[row] = left
    sums[0] += left
    sums[1] += total
    return bool(left != count)


@numba.njit(cache=True, nogil=True)
def _exponential(pool: Pool, row: int, at: float, keeps_lower: bool, sums: Float64Array) -> bool:
    schema, changed = pool.schemas[row], _zero(pool, row, at, keeps_lower, sums)
    for k in range(pool.positive_offsets[row], pool.positive_offsets[row + 1]):
        index, count = pool.positive_indexes[k], pool.positive_counts[k]
        lower, upper = upper_bound(index - 1, schema), upper_bound(index, schema)
        left, total = _cut(lower, upper, count, at, keeps_lower, False)
        changed |= left != count
        pool.positive_counts[k] = left
        sums[0] += left
        sums[1] += total
    for k in range(pool.negative_offsets[row], pool.negative_offsets[row + 1]):
        index, count = pool.negative_indexes[k], pool.negative_counts[k]
        lower, upper = -upper_bound(index, schema), -upper_bound(index - 1, schema)
        left, total = _cut(lower, upper, count, at, keeps_lower, False)
        changed |= left != count
        pool.negative_counts[k] = left
        sums[0] += left
        sums[1] += total
    return bool(changed)


@numba.njit(cache=True, nogil=True)
def trim(pool: Pool, at: Float64Array, keeps_lower: bool) -> None:
    """Cut histogram i at at[i], in place; one that loses nothing keeps its count and sum."""
    for row in range(len(pool.counts)):
        sums = np.zeros(2)
        if is_custom(pool, row):
            changed = _custom(pool, row, at[row], keeps_lower, sums)
        else:
            changed = _exponential(pool, row, at[row], keeps_lower, sums)
        if changed:
            pool.counts[row], pool.sums[row] = sums[0], sums[1]
