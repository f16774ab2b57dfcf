"""Numba kernels over classic buckets, without the interpreter's lock.

`values`, float64, and `present`, bool, are (series, steps), a series a bucket. `order`, int64 (series,),
lists the series by group and then by upper bound; `bounds`, int64 (groups + 1,), says where each group
begins there; `uppers`, float64 (series,), are the upper bounds. `out`, float64, and `found`, bool, are
(groups, steps).
"""

from __future__ import annotations

import numpy as np
from numba import njit

from storage.model import BoolArray, Float64Array, Int64Array

_TOLERANCE = 1e-12
_SMALLEST_NORMAL = 2.2250738585072014e-308


@njit(nogil=True, cache=True)
def quantiles(
    values: Float64Array,
    present: BoolArray,
    order: Int64Array,
    bounds: Int64Array,
    uppers: Float64Array,
    phi: Float64Array,
    out: Float64Array,
    found: BoolArray,
    forced: BoolArray,
) -> None:
    """The phi-quantile, phi a step; `forced`, bool (groups,), marks groups of counts not monotonic."""
    for g in range(len(bounds) - 1):
        size = bounds[g + 1] - bounds[g]
        edges, counts = np.empty(size), np.empty(size)
        for t in range(values.shape[1]):
            n = _collect(values, present, order, bounds[g], bounds[g + 1], uppers, t, edges, counts)
            found[g, t] = n > 0
            out[g, t] = np.nan
            if n > 0:
                if np.isinf(edges[n - 1]) and edges[n - 1] > 0 and 0 <= phi[t] <= 1:
                    forced[g] |= _ensure_monotonic(counts, n)
                out[g, t] = _quantile(edges, counts, n, phi[t])


@njit(nogil=True, cache=True)
def fractions(
    values: Float64Array,
    present: BoolArray,
    order: Int64Array,
    bounds: Int64Array,
    uppers: Float64Array,
    lower: Float64Array,
    upper: Float64Array,
    out: Float64Array,
    found: BoolArray,
) -> None:
    """The share of observations between `lower` and `upper`, both a step."""
    for g in range(len(bounds) - 1):
        size = bounds[g + 1] - bounds[g]
        edges, counts = np.empty(size), np.empty(size)
        for t in range(values.shape[1]):
            n = _collect(values, present, order, bounds[g], bounds[g + 1], uppers, t, edges, counts)
            found[g, t] = n > 0
            out[g, t] = np.nan
            if n == 0 or not np.isinf(edges[n - 1]) or edges[n - 1] < 0:
                continue
            total = counts[n - 1]
            if total == 0 or np.isnan(total) or np.isnan(lower[t]) or np.isnan(upper[t]):
                continue
            if lower[t] >= upper[t]:
                out[g, t] = 0.0
                continue
            above = _rank(edges, counts, n, upper[t])
            below = _rank(edges, counts, n, lower[t])
            out[g, t] = (above - below) / total


@njit(nogil=True, cache=True)
def _collect(
    values: Float64Array,
    present: BoolArray,
    order: Int64Array,
    first: int,
    last: int,
    uppers: Float64Array,
    t: int,
    edges: Float64Array,
    counts: Float64Array,
) -> int:
    """The buckets of one group at one step, ascending; equal bounds are added up. Returns how many."""
    n = 0
    for i in range(first, last):
        s = order[i]
        if not present[s, t]:
            continue
        if n > 0 and edges[n - 1] == uppers[s]:
            counts[n - 1] += values[s, t]
        else:
            edges[n] = uppers[s]
            counts[n] = values[s, t]
            n += 1
    return n


@njit(nogil=True, cache=True)
def _ensure_monotonic(counts: Float64Array, n: int) -> bool:
    """Lift counts that are below the one before; tells whether one was by more than rounding."""
    forced = False
    for i in range(1, n):
        before, now = counts[i - 1], counts[i]
        if now == before:
            continue
        if _almost_equal(before, now):
            counts[i] = before
        elif now < before:
            counts[i] = before
            forced = True
    return forced


@njit(nogil=True, cache=True)
def _almost_equal(a: float, b: float) -> bool:
    difference, both = abs(a - b), abs(a) + abs(b)
    if a == 0 or b == 0 or both < _SMALLEST_NORMAL:
        return bool(difference < _TOLERANCE * _SMALLEST_NORMAL)
    return bool(difference / both < _TOLERANCE)


@njit(nogil=True, cache=True)
def _quantile(edges: Float64Array, counts: Float64Array, n: int, phi: float) -> float:
    """Linear interpolation within the bucket of the rank (Prometheus, promql/quantile.go)."""
    if np.isnan(phi):
        return np.nan
    if phi < 0:
        return -np.inf
    if phi > 1:
        return np.inf
    if n < 2 or not (np.isinf(edges[n - 1]) and edges[n - 1] > 0) or counts[n - 1] == 0:
        return np.nan
    if np.isnan(counts[n - 1]):
        return np.nan
    rank = phi * counts[n - 1]
    b = 0
    while b < n - 1 and not counts[b] >= rank:
        b += 1
    if b == n - 1:
        return float(edges[n - 2])
    if b == 0 and edges[0] <= 0:
        return float(edges[0])
    start, count = 0.0, counts[b]
    if b > 0:
        start = edges[b - 1]
        count -= counts[b - 1]
        rank -= counts[b - 1]
    # The lowest buckets may be empty, and then the 0-quantile lies nowhere.
    return float(start + (edges[b] - start) * (rank / count)) if count else np.nan


@njit(nogil=True, cache=True)
def _rank(edges: Float64Array, counts: Float64Array, n: int, value: float) -> float:
    """How many observations are below `value`, at most all; linear within a bucket."""
    before = 0.0
    for i in range(n):
        left = edges[i - 1] if i > 0 else (0.0 if edges[0] > 0 else -np.inf)
        if left >= value:
            return float(min(before, counts[n - 1]))
        if edges[i] > value:
            # A bucket without end counts as lying wholly at its finite edge.
            inside = 1.0
            if np.isinf(edges[i]):
                inside = 0.0
            elif np.isfinite(left):
                inside = (value - left) / (edges[i] - left)
            return float(min(before + (counts[i] - before) * inside, counts[n - 1]))
        before = counts[i]
    return float(counts[n - 1])
