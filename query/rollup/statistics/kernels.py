"""Numba kernels of the statistics of a window, without the interpreter's lock; see `query.rollup.kernels`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

from storage.model import BoolArray, Float64Array, Int64Array

Int32Array = npt.NDArray[np.int32]


@njit(nogil=True, cache=True)
def sums(
    first: int,
    last: int,
    low: Int32Array,
    high: Int32Array,
    values: Float64Array,
    is_mean: bool,
    out: Float64Array,
    present: BoolArray,
) -> None:
    """sum_over_time and avg_over_time, with Neumaier's compensated summation as Prometheus sums."""
    for s in range(first, last):
        for t in range(low.shape[1]):
            n = high[s, t] - low[s, t]
            present[s, t] = n > 0
            total, lost = 0.0, 0.0
            for i in range(low[s, t], high[s, t]):
                value = values[i]
                new = total + value
                if np.isinf(new):
                    lost = 0.0
                elif abs(total) >= abs(value):
                    lost += (total - new) + value
                else:
                    lost += (value - new) + total
                total = new
            if is_mean and n > 0 and np.isinf(total):
                total, lost = running_mean(values, low[s, t], high[s, t]), 0.0
            elif is_mean and n > 0:
                total /= n
                lost /= n
            out[s, t] = total + lost


@njit(nogil=True, cache=True)
def running_mean(values: Float64Array, low: int, high: int) -> float:
    """The mean by steps, for sums beyond the largest double."""
    mean = 0.0
    for i in range(low, high):
        if np.isinf(mean) and (np.isinf(values[i]) and (mean > 0) == (values[i] > 0)):
            continue
        if np.isinf(mean) and np.isfinite(values[i]):
            continue
        mean += values[i] / (i - low + 1) - mean / (i - low + 1)
    return mean


@njit(nogil=True, cache=True)
def extremes(
    first: int,
    last: int,
    low: Int32Array,
    high: Int32Array,
    values: Float64Array,
    sign: float,
    out: Float64Array,
    present: BoolArray,
) -> None:
    """max_over_time (sign 1) and min_over_time (sign -1); NaN only where every sample is."""
    for s in range(first, last):
        for t in range(low.shape[1]):
            present[s, t] = high[s, t] > low[s, t]
            best = np.nan
            for i in range(low[s, t], high[s, t]):
                if np.isnan(best) or values[i] * sign > best * sign:
                    best = values[i]
            out[s, t] = best


@njit(nogil=True, cache=True)
def moments(
    first: int,
    last: int,
    low: Int32Array,
    high: Int32Array,
    values: Float64Array,
    is_deviation: bool,
    out: Float64Array,
    present: BoolArray,
) -> None:
    """stdvar_over_time and stddev_over_time by Welford's method."""
    for s in range(first, last):
        for t in range(low.shape[1]):
            n = high[s, t] - low[s, t]
            present[s, t] = n > 0
            mean, squares = 0.0, 0.0
            for i in range(low[s, t], high[s, t]):
                delta = values[i] - mean
                mean += delta / (i - low[s, t] + 1)
                squares += delta * (values[i] - mean)
            variance = squares / n if n > 0 else 0.0
            out[s, t] = np.sqrt(variance) if is_deviation else variance


@njit(nogil=True, cache=True)
def quantiles(
    first: int,
    last: int,
    low: Int32Array,
    high: Int32Array,
    values: Float64Array,
    phi: Float64Array,
    out: Float64Array,
    present: BoolArray,
) -> None:
    """quantile_over_time; phi, float64 (steps,), one a step."""
    for s in range(first, last):
        for t in range(low.shape[1]):
            present[s, t] = high[s, t] > low[s, t]
            out[s, t] = np.nan
            if present[s, t]:
                out[s, t] = quantile_sorted(np.sort(values[low[s, t] : high[s, t]]), phi[t])


@njit(nogil=True, cache=True)
def quantile_sorted(ordered: Float64Array, phi: float) -> float:
    """Linear interpolation between ranks (Prometheus, promql/quantile.go); NaN sorts last, as numpy does.

    Prometheus sorts NaN first, so NaNs are rotated to the front before ranks are taken.
    """
    n = len(ordered)
    if n == 0 or np.isnan(phi):
        return np.nan
    if phi < 0:
        return -np.inf
    if phi > 1:
        return np.inf
    nans = 0
    while nans < n and np.isnan(ordered[n - 1 - nans]):
        nans += 1
    rank = phi * (n - 1)
    lower = int(max(0.0, np.floor(rank)))
    upper = min(n - 1, lower + 1)
    weight = rank - np.floor(rank)
    if lower < nans or upper < nans:
        return np.nan
    return float(ordered[lower - nans] * (1 - weight) + ordered[upper - nans] * weight)


@njit(nogil=True, cache=True)
def absolute_deviations(
    first: int,
    last: int,
    low: Int32Array,
    high: Int32Array,
    values: Float64Array,
    out: Float64Array,
    present: BoolArray,
) -> None:
    """mad_over_time: the median distance from the median, NaN where any sample is."""
    for s in range(first, last):
        for t in range(low.shape[1]):
            present[s, t] = high[s, t] > low[s, t]
            out[s, t] = np.nan
            if present[s, t]:
                window = values[low[s, t] : high[s, t]]
                if not np.isnan(window).any():
                    median = quantile_sorted(np.sort(window), 0.5)
                    out[s, t] = quantile_sorted(np.sort(np.abs(window - median)), 0.5)


@njit(nogil=True, cache=True)
def regressions(
    first: int,
    last: int,
    low: Int32Array,
    high: Int32Array,
    timestamps: Int64Array,
    values: Float64Array,
    ends_ms: Int64Array,
    ahead_s: Float64Array,
    is_prediction: bool,
    out: Float64Array,
    present: BoolArray,
) -> None:
    """deriv, and predict_linear `ahead_s` (steps,) after each step: least squares over the window.

    As Prometheus does, deriv takes times from the first sample and predict_linear from the step, sums are
    compensated, and a constant series answers exactly.
    """
    for s in range(first, last):
        for t in range(low.shape[1]):
            lo, hi = low[s, t], high[s, t]
            present[s, t] = hi - lo >= 2
            out[s, t] = 0.0
            if not present[s, t]:
                continue
            origin = ends_ms[t] if is_prediction else timestamps[lo]
            slope, intercept = _line(timestamps, values, lo, hi, origin)
            out[s, t] = slope * ahead_s[t] + intercept if is_prediction else slope


@njit(nogil=True, cache=True)
def _line(timestamps: Int64Array, values: Float64Array, lo: int, hi: int, origin: int) -> tuple[float, float]:
    n = float(hi - lo)
    constant = True
    sx = cx = sy = cy = sxy = cxy = sxx = cxx = 0.0
    for i in range(lo, hi):
        constant = constant and values[i] == values[lo]
        x = (timestamps[i] - origin) / 1000.0
        sx, cx = _compensated(x, sx, cx)
        sy, cy = _compensated(values[i], sy, cy)
        sxy, cxy = _compensated(x * values[i], sxy, cxy)
        sxx, cxx = _compensated(x * x, sxx, cxx)
    if constant:
        return (np.nan, np.nan) if np.isinf(values[lo]) else (0.0, values[lo])
    sx, sy, sxy, sxx = sx + cx, sy + cy, sxy + cxy, sxx + cxx
    slope = (sxy - sx * sy / n) / (sxx - sx * sx / n)
    return slope, sy / n - slope * sx / n


@njit(nogil=True, cache=True)
def _compensated(value: float, total: float, lost: float) -> tuple[float, float]:
    new = total + value
    if np.isinf(new):
        return new, 0.0
    if abs(total) >= abs(value):
        return new, lost + ((total - new) + value)
    return new, lost + ((value - new) + total)


@njit(nogil=True, cache=True)
def smoothed(
    first: int,
    last: int,
    low: Int32Array,
    high: Int32Array,
    values: Float64Array,
    level: Float64Array,
    trend: Float64Array,
    out: Float64Array,
    present: BoolArray,
) -> None:
    """double_exponential_smoothing: Holt's method; level and trend, float64 (steps,), are its factors."""
    for s in range(first, last):
        for t in range(low.shape[1]):
            lo, hi = low[s, t], high[s, t]
            present[s, t] = hi - lo >= 2
            out[s, t] = 0.0
            if not present[s, t]:
                continue
            before, now = 0.0, values[lo]
            slope = values[lo + 1] - values[lo]
            for i in range(1, hi - lo):
                if i > 1:
                    slope = trend[t] * (now - before) + (1 - trend[t]) * slope
                before, now = now, level[t] * values[lo + i] + (1 - level[t]) * (now + slope)
            out[s, t] = now
