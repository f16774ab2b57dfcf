"""Numba kernels over (series x steps) with a group of each series, without the interpreter's lock.

`values`, float64, and `present`, bool, are (series, steps). `ids`, int64 (series,), is the group of a series.
Results are (groups, steps). `order`, int64 (series,), lists the series by group and `bounds`, int64
(groups + 1,), says where each group begins there; within a group series keep their order.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from query.rollup.statistics.kernels import quantile_sorted
from storage.model import BoolArray, Float64Array, Int64Array

_FEW = 64


@njit(nogil=True, cache=True)
def counts(values: BoolArray, ids: Int64Array, out: Int64Array) -> None:
    """How many series are present; `values` is the presence."""
    for s in range(values.shape[0]):
        g = ids[s]
        for t in range(values.shape[1]):
            out[g, t] += values[s, t]


@njit(nogil=True, cache=True)
def sums(
    values: Float64Array, present: BoolArray, ids: Int64Array, total: Float64Array, lost: Float64Array
) -> None:
    """Neumaier's compensated sums: the sum is total + lost."""
    for s in range(values.shape[0]):
        g = ids[s]
        for t in range(values.shape[1]):
            if not present[s, t]:
                continue
            value = values[s, t]
            old = total[g, t]
            new = old + value
            if np.isinf(new):
                lost[g, t] = 0.0
            elif abs(old) >= abs(value):
                lost[g, t] += (old - new) + value
            else:
                lost[g, t] += (value - new) + old
            total[g, t] = new


@njit(nogil=True, cache=True)
def means(
    values: Float64Array, present: BoolArray, ids: Int64Array, count: Int64Array, mean: Float64Array
) -> None:
    """Means by steps, for sums beyond the largest double. `count` and `mean` begin as zeros."""
    for s in range(values.shape[0]):
        g = ids[s]
        for t in range(values.shape[1]):
            if not present[s, t]:
                continue
            count[g, t] += 1
            value, old, n = values[s, t], mean[g, t], count[g, t]
            keeps = np.isinf(old) and (np.isfinite(value) or (np.isinf(value) and (old > 0) == (value > 0)))
            if not keeps:
                mean[g, t] = old + value / n - old / n


@njit(nogil=True, cache=True)
def extremes(
    values: Float64Array, present: BoolArray, ids: Int64Array, sign: float, out: Float64Array
) -> None:
    """Largest (sign 1) or smallest (sign -1) values; NaN only where every value is. `out` begins as NaN."""
    for s in range(values.shape[0]):
        g = ids[s]
        for t in range(values.shape[1]):
            if present[s, t] and (np.isnan(out[g, t]) or values[s, t] * sign > out[g, t] * sign):
                out[g, t] = values[s, t]


@njit(nogil=True, cache=True)
def variances(
    values: Float64Array,
    present: BoolArray,
    ids: Int64Array,
    count: Int64Array,
    mean: Float64Array,
    squares: Float64Array,
) -> None:
    """Welford's method: the variance is squares / count. All three begin as zeros."""
    for s in range(values.shape[0]):
        g = ids[s]
        for t in range(values.shape[1]):
            if not present[s, t]:
                continue
            count[g, t] += 1
            delta = values[s, t] - mean[g, t]
            mean[g, t] += delta / count[g, t]
            squares[g, t] += delta * (values[s, t] - mean[g, t])


@njit(nogil=True, cache=True)
def quantiles(
    values: Float64Array,
    present: BoolArray,
    order: Int64Array,
    bounds: Int64Array,
    phi: Float64Array,
    out: Float64Array,
) -> None:
    """The phi-quantile, phi a step, of each group."""
    for g in range(len(bounds) - 1):
        found = np.empty(bounds[g + 1] - bounds[g], np.float64)
        for t in range(values.shape[1]):
            n = 0
            for i in range(bounds[g], bounds[g + 1]):
                if present[order[i], t]:
                    found[n] = values[order[i], t]
                    n += 1
            out[g, t] = quantile_sorted(np.sort(found[:n]), phi[t])


@njit(nogil=True, cache=True)
def highest(
    values: Float64Array,
    present: BoolArray,
    order: Int64Array,
    bounds: Int64Array,
    k: Int64Array,
    sign: float,
    keep: BoolArray,
) -> None:
    """Mark the k (a step) highest values of each group, or the lowest for sign -1, in `keep` (series, steps).

    NaN comes last. Of equals the earlier series is kept.
    """
    for g in range(len(bounds) - 1):
        rows = np.empty(bounds[g + 1] - bounds[g], np.int64)
        for t in range(values.shape[1]):
            n = 0
            for i in range(bounds[g], bounds[g + 1]):
                if present[order[i], t]:
                    rows[n] = order[i]
                    n += 1
            if k[t] >= n:
                for i in range(n):
                    keep[rows[i], t] = True
            elif k[t] <= _FEW:
                _keep_few(values, rows, n, t, k[t], sign, keep)
            else:
                keys = np.empty(n, np.float64)
                for i in range(n):
                    keys[i] = -values[rows[i], t] * sign
                ranked = np.argsort(keys, kind="mergesort")
                for i in range(k[t]):
                    keep[rows[ranked[i]], t] = True


@njit(nogil=True, cache=True)
def _keep_few(
    values: Float64Array, rows: Int64Array, n: int, t: int, k: int, sign: float, keep: BoolArray
) -> None:
    """Insertion into a short list, best first."""
    best = np.empty(k, np.int64)
    held = 0
    for i in range(n):
        value = values[rows[i], t] * sign
        at = held
        while at > 0:
            other = values[best[at - 1], t] * sign
            if not (value > other or (np.isnan(other) and not np.isnan(value))):
                break
            at -= 1
        if at >= k:
            continue
        held = min(held + 1, k)
        for j in range(held - 1, at, -1):
            best[j] = best[j - 1]
        best[at] = rows[i]
    for i in range(held):
        keep[best[i], t] = True


@njit(nogil=True, cache=True)
def first_present(
    present: BoolArray, order: Int64Array, bounds: Int64Array, k: Int64Array, keep: BoolArray
) -> None:
    """Mark the first k (a step) present series of each group."""
    for g in range(len(bounds) - 1):
        for t in range(present.shape[1]):
            left = k[t]
            for i in range(bounds[g], bounds[g + 1]):
                if left <= 0:
                    break
                if present[order[i], t]:
                    keep[order[i], t] = True
                    left -= 1
