"""Numba kernels that model the samples of each window; arguments as in `query.rollup.kernels`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

from storage.model import BoolArray, Float64Array, Int64Array

Int32Array = npt.NDArray[np.int32]
_HOURS = 24
_SHRINK = 3.0
_LEVEL, _TREND, _SEASON = 0.1, 0.01, 0.1
_SILENT_S = 300.0
_FEWEST_GAPS = 10


@njit(nogil=True, cache=True)
def _line(
    low: int, high: int, timestamps: Int64Array, values: Float64Array, end_ms: int, season: Float64Array
) -> tuple[float, float]:
    """Least squares of values less their season: the line's value at the end, its slope a second."""
    n = high - low
    mean_x = mean_y = 0.0
    for i in range(low, high):
        mean_x += (timestamps[i] - end_ms) / 1000.0 / n
        mean_y += (values[i] - season[(timestamps[i] // 3_600_000) % _HOURS]) / n
    above = below = 0.0
    for i in range(low, high):
        x = (timestamps[i] - end_ms) / 1000.0 - mean_x
        above += x * (values[i] - season[(timestamps[i] // 3_600_000) % _HOURS] - mean_y)
        below += x * x
    slope = above / below if below > 0 else 0.0
    return mean_y - slope * mean_x, slope


@njit(nogil=True, cache=True)
def forecasts(
    first: int,
    last: int,
    low: Int32Array,
    high: Int32Array,
    timestamps: Int64Array,
    values: Float64Array,
    ends_ms: Int64Array,
    window_ms: int,
    ahead_s: Float64Array,
    out: Float64Array,
    present: BoolArray,
) -> None:
    """A line, and from two days on the hours of the day around it, so many seconds after the step."""
    season, counts = np.zeros(_HOURS), np.zeros(_HOURS)
    for s in range(first, last):
        for t in range(low.shape[1]):
            a, b, end = low[s, t], high[s, t], ends_ms[t]
            present[s, t] = b - a > 1
            if b - a < 2:
                continue
            season[:] = 0.0
            counts[:] = 0.0
            level, slope = _line(a, b, timestamps, values, end, season)
            if timestamps[b - 1] - timestamps[a] >= 2 * 86_400_000 - 7_200_000:
                for i in range(a, b):
                    hour = (timestamps[i] // 3_600_000) % _HOURS
                    counts[hour] += 1
                    season[hour] += values[i] - level - slope * (timestamps[i] - end) / 1000.0
                for hour in range(_HOURS):
                    season[hour] /= counts[hour] + _SHRINK
                level, slope = _line(a, b, timestamps, values, end, season)
            target = end / 1000.0 + ahead_s[t]
            hour = int(target // 3_600) % _HOURS if np.isfinite(target) else 0
            out[s, t] = level + slope * ahead_s[t] + season[hour]


@njit(nogil=True, cache=True)
def holt_winters(
    first: int,
    last: int,
    low: Int32Array,
    high: Int32Array,
    timestamps: Int64Array,
    values: Float64Array,
    ends_ms: Int64Array,
    window_ms: int,
    season_s: Float64Array,
    out: Float64Array,
    present: BoolArray,
) -> None:
    """The newest sample as level, trend and season foretold it; without a season below two seasons.

    Additive triple exponential smoothing (Winters 1960); samples are taken as evenly spaced.
    """
    for s in range(first, last):
        for t in range(low.shape[1]):
            a, b = low[s, t], high[s, t]
            n = b - a
            present[s, t] = n > 2
            if n < 3:
                continue
            spacing_s = (timestamps[b - 1] - timestamps[a]) / 1000.0 / (n - 1)
            period = round(season_s[t] / spacing_s) if season_s[t] > 0 else 1
            if period < 2 or n < 2 * period:
                period = 1
            season = np.zeros(period)
            level, trend = values[a], values[a + 1] - values[a]
            if period > 1:
                one, two = values[a : a + period].mean(), values[a + period : a + 2 * period].mean()
                level, trend = one, (two - one) / period
                for i in range(period):
                    season[i] = values[a + i] - one - trend * (i - (period - 1) / 2)
            foretold = level
            for i in range(period, n):
                value, k = values[a + i], i % period
                foretold = level + trend + season[k]
                before = level
                level = _LEVEL * (value - season[k]) + (1 - _LEVEL) * (level + trend)
                trend = _TREND * (level - before) + (1 - _TREND) * trend
                if period > 1:
                    season[k] += _SEASON * (value - level - season[k])
            out[s, t] = foretold


@njit(nogil=True, cache=True)
def shares_outside(
    first: int,
    last: int,
    low: Int32Array,
    high: Int32Array,
    timestamps: Int64Array,
    values: Float64Array,
    ends_ms: Int64Array,
    window_ms: int,
    test_s: Float64Array,
    width: Float64Array,
    out: Float64Array,
    present: BoolArray,
) -> None:
    """The share of the newest `test_s` seconds outside of the line through the samples before.

    Outside is farther than `width` standard deviations of those from the line.
    """
    season = np.zeros(_HOURS)
    for s in range(first, last):
        for t in range(low.shape[1]):
            a, b, end = low[s, t], high[s, t], ends_ms[t]
            middle = b
            while middle > a and timestamps[middle - 1] > end - test_s[t] * 1000.0:
                middle -= 1
            present[s, t] = middle - a > 2 and b > middle
            if not present[s, t]:
                continue
            level, slope = _line(a, middle, timestamps, values, end, season)
            power = 0.0
            for i in range(a, middle):
                power += (values[i] - level - slope * (timestamps[i] - end) / 1000.0) ** 2
            reach = width[t] * np.sqrt(power / (middle - a - 2))
            outside = 0
            for i in range(middle, b):
                if abs(values[i] - level - slope * (timestamps[i] - end) / 1000.0) > reach:
                    outside += 1
            out[s, t] = outside / (b - middle) if np.isfinite(reach) else np.nan


@njit(nogil=True, cache=True)
def silences(
    first: int,
    last: int,
    low: Int32Array,
    high: Int32Array,
    timestamps: Int64Array,
    values: Float64Array,
    ends_ms: Int64Array,
    window_ms: int,
    out: Float64Array,
    present: BoolArray,
) -> None:
    """The silence over the usual one: twice the 99th percentile of gaps, five minutes at least."""
    for s in range(first, last):
        for t in range(low.shape[1]):
            a, b = low[s, t], high[s, t]
            present[s, t] = b - a > _FEWEST_GAPS
            if not present[s, t]:
                continue
            gaps = np.sort(np.diff(timestamps[a:b])) / 1000.0
            usual = max(2 * gaps[int(0.99 * (len(gaps) - 1))], _SILENT_S)
            out[s, t] = (ends_ms[t] - timestamps[b - 1]) / 1000.0 / usual
