"""Baselines, one pass each: scores of a series in units of its own error."""

from __future__ import annotations

import numpy as np
from numba import njit

from storage.model import Float64Array

_TINY = 1e-9


@njit(cache=True)
def z_score(values: Float64Array, half_life: float, out: Float64Array) -> None:
    """Distance from the exponential mean in exponential standard deviations."""
    gain, mean, power, seen = 1 - 0.5 ** (1 / half_life), 0.0, 0.0, 0
    for i in range(len(values)):
        value = values[i]
        if np.isnan(value):
            continue
        away = value - mean if seen else 0.0
        out[i] = abs(away) / (np.sqrt(power) + 0.002 * abs(mean) + _TINY) if seen > 30 else 0.0
        seen += 1
        own = max(gain, 1.0 / seen)
        mean += own * away if seen > 1 else value
        power += own * (away * away - power)


@njit(cache=True)
def holt_winters(
    values: Float64Array, period: int, level_gain: float, trend_gain: float, out: Float64Array
) -> None:
    """One-step error of additive smoothing over its mean size of some days; period 1 has no season."""
    season, level, trend, size, seen = np.zeros(period), 0.0, 0.0, 0.0, 0
    slow = 1.0 / 4_320
    for i in range(len(values)):
        value, k = values[i], i % period
        if np.isnan(value):
            continue
        if seen == 0:
            level = value
        error = value - (level + trend + season[k])
        out[i] = abs(error) / (1.25 * size + 0.002 * abs(level) + _TINY) if seen > 30 else 0.0
        seen += 1
        limit = 6 * (size + _TINY) if seen > 30 else np.inf
        kept = min(max(error, -limit), limit)
        size += max(slow, 1.0 / seen) * (abs(kept) - size)
        before = level
        level += trend + max(level_gain, 1.0 / seen) * kept
        trend += trend_gain * (level - before - trend)
        if period > 1:
            season[k] += 0.2 * kept


@njit(cache=True)
def described(values: Float64Array, slot: int, step_s: int, tail: float, out: Float64Array) -> None:
    """The plain streaming envelope: one level that follows fast, a profile of the day, a floor."""
    bins = min(288, 86_400 // step_s)
    profile, spread, visits = np.zeros(bins), np.zeros(bins), np.zeros(bins)
    bin_s = 86_400 // bins
    a_bin = max(1.0, bin_s / step_s)
    level, scale, power, seen = 0.0, 0.0, 0.0, 0
    sign, run, total = 0.0, 0, 0.0
    for i in range(len(values)):
        value = values[i]
        if np.isnan(value):
            continue
        here = ((slot + i) * step_s % 86_400) // bin_s
        if seen == 0:
            level = value
        away = value - level - profile[here]
        core = 0.625 * (scale + spread[here]) + 0.002 * abs(level) + _TINY
        out[i] = abs(away) / max(core, tail * np.sqrt(power)) if seen > 30 else 0.0
        seen += 1
        visits[here] += 1
        limit = core if seen > 30 else np.inf
        clipped = min(max(away, -3 * limit), 3 * limit)
        gain = max(min(0.05 * step_s / 60, 0.25), 1.0 / seen)
        own = max(0.1 / a_bin, 1.0 / (visits[here] + 1))
        level += gain * clipped
        size = min(abs(away), 6 * limit)
        profile[here] += own * (1 - gain) * clipped
        spread[here] += own * (size - spread[here])
        scale += max(step_s / 259_200, 1.0 / seen) * (size - scale)
        power += max(step_s / 2_419_200, 1.0 / seen) * (away * away - power)
        far = np.sign(away) if abs(away) > 3 * core and seen > 30 else 0.0
        run, total = (run + 1, total + away) if far == sign and far != 0 else (1, away)
        sign = far
        if far != 0 and run >= max(3, 3_600 // step_s):
            level += total / run
            run, total, sign = 0, 0.0, 0.0
