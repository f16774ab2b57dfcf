"""Numba kernels of the models, without the interpreter's lock."""

from __future__ import annotations

import numpy as np
from numba import njit

from storage.model import Float64Array, Int64Array

SEEN, FAST, SLOW, SCALE, POWER, SIGN, RUN, SUM, WITH, WITHOUT, MISSED, AGE, RELEARN = range(13)
"""The columns of a series' scalars; see `query.models.envelope.State`."""
COLUMNS = 13
_DAY_S, _HOUR_S, _WEEK_S = 86_400, 3_600, 604_800
_FAST_MINUTE, _FAST_MOST = 0.05, 0.25
_SLOW_DAY, _SLOW_MOST = 1.0, 0.3
_PROFILE_DAY = 0.1
_SCALE_DAYS, _POWER_DAYS = 3.0, 28.0
_CLIP, _SCALE_CLIP, _SLOW_CLIP = 3.0, 6.0, 9.0
_TAIL, _TAIL_MOST, _HEAVY = 0.5, 3.0, 3.0
_RELATIVE = 0.002
_TINY = 1e-9
_WEEKLY_GAIN = 0.9
_FIRST = 30
_RELEARNED = 3


@njit(nogil=True, cache=True)
def _width(core: float, deviation: float) -> float:
    """Scatter, or a share of the deviation of all residuals: the heavier the tails, the larger the share."""
    share = min(max(_TAIL, _TAIL * deviation / (_HEAVY * core)), _TAIL_MOST)
    return max(core, share * deviation)


@njit(nogil=True, cache=True)
def _arrived(own: Float64Array, value: float, is_back: bool) -> bool:
    """Count a slot; whether its value is one to learn from."""
    if own[SEEN] > 0:
        own[AGE] += 1
    if not np.isfinite(value):
        own[MISSED] += 1
        return False
    if own[SEEN] == 0:
        own[FAST] = own[SLOW] = value
        own[AGE] = 1
    elif is_back:
        own[RELEARN] = _RELEARNED
        own[RUN] = own[SUM] = 0.0
    own[MISSED] = 0
    own[SEEN] += 1
    return True


@njit(nogil=True, cache=True)
def _shifted(own: Float64Array, residual: float, core: float, run_slots: int) -> None:
    """Take over a level that has stayed on one side for an hour."""
    if own[SEEN] <= _FIRST or abs(residual) <= _CLIP * core:
        own[SIGN] = own[RUN] = own[SUM] = 0.0
        return
    sign = 1.0 if residual > 0 else -1.0
    if sign != own[SIGN]:
        own[SIGN], own[RUN], own[SUM] = sign, 0.0, 0.0
    own[RUN] += 1
    own[SUM] += residual
    if own[RUN] >= run_slots:
        own[FAST] += own[SUM] / own[RUN]
        own[SIGN] = own[RUN] = own[SUM] = 0.0


@njit(nogil=True, cache=True)
def _learned_week(
    week: Float64Array, own: Float64Array, hour: int, plain: float, rate: float, step_s: int
) -> None:
    """What the day's profile leaves over, by hour of the week, and the errors with it and without."""
    own[WITHOUT] += rate * (abs(plain) - own[WITHOUT])
    own[WITH] += rate * (abs(plain - week[hour]) - own[WITH])
    weeks = min(own[AGE] * step_s / _WEEK_S + 1, 4.0)
    week[hour] += (plain - week[hour]) / (max(1.0, _HOUR_S / step_s) * weeks)


@njit(nogil=True, cache=True)
def _learned(
    own: Float64Array,
    profile: Float64Array,
    spread: Float64Array,
    visits: Int64Array,
    week: Float64Array,
    here: int,
    hour: int,
    value: float,
    fast: float,
    slow: float,
    season: float,
    core: float,
    step_s: int,
    seasonality: int,
) -> None:
    """Learn one value, beside what was expected of it; outliers move little, and only the tails whole."""
    residual = value - fast
    if own[RELEARN] > 0:
        own[FAST] += residual / (_RELEARNED + 1 - own[RELEARN])
        own[RELEARN] -= 1
        return
    least = 1.0 / (own[SEEN] + 1)
    unit = core if own[SEEN] >= _FIRST else np.inf
    gain = max(min(_FAST_MINUTE * step_s / 60.0, _FAST_MOST), least)
    clipped = min(max(residual, -_CLIP * unit), _CLIP * unit)
    own[FAST] += gain * clipped
    slow_gain = max(min(_SLOW_DAY * step_s / _DAY_S, _SLOW_MOST), least)
    own[SLOW] += slow_gain * min(max(value - slow, -_SLOW_CLIP * unit), _SLOW_CLIP * unit)
    visits[here] += 1
    a_bin = max(1.0, _DAY_S // len(profile) / step_s)
    bin_gain = _PROFILE_DAY / a_bin
    if visits[here] < 20 * a_bin:
        bin_gain = max(bin_gain, 1.0 / (visits[here] + 1))
    size = min(abs(residual), _SCALE_CLIP * unit)
    profile[here] += bin_gain * (1 - gain) * clipped
    spread[here] += bin_gain * (size - spread[here])
    rate = max(step_s / (_SCALE_DAYS * _DAY_S), least)
    own[SCALE] += rate * (size - own[SCALE])
    own[POWER] += max(step_s / (_POWER_DAYS * _DAY_S), least) * (residual * residual - own[POWER])
    if seasonality > 1:
        plain = min(max(value - own[SLOW] - season, -_SLOW_CLIP * unit), _SLOW_CLIP * unit)
        _learned_week(week, own, hour, plain, rate, step_s)
    _shifted(own, residual, core, max(3, _HOUR_S // step_s))


@njit(nogil=True, cache=True)
def envelope(
    first: int,
    last: int,
    values: Float64Array,
    slot: int,
    step_s: int,
    sensitivity: float,
    seasonality: int,
    profile: Float64Array,
    spread: Float64Array,
    visits: Int64Array,
    weekly: Float64Array,
    scalars: Float64Array,
    lower: Float64Array,
    expected: Float64Array,
    upper: Float64Array,
    score: Float64Array,
) -> None:
    """Advance series [first, last) over all slots; the last of them, as many as `score` has, are written.

    values: float64 (series, slots), NaN where there is none. `slot` is the number of the first slot since the
    epoch. seasonality: 0 none, 1 daily, 2 daily and weekly. The score is signed: below the band negative.
    """
    slots = values.shape[1]
    begin = slots - score.shape[1]
    bins = profile.shape[1]
    bin_s = _DAY_S // bins
    gap_slots = max(3, 2 * _HOUR_S // step_s)
    warm = max(_FIRST, _DAY_S // 8 // step_s)
    for s in range(first, last):
        own = scalars[s]
        for i in range(slots):
            value = values[s, i]
            second = (slot + i) * step_s
            place = (second % _DAY_S) / bin_s
            here = int(place)
            away = place - here - 0.5
            there = (here + 1) % bins if away >= 0 else (here - 1) % bins
            away = 0.0 if bin_s <= step_s else abs(away)
            hour = (second % _WEEK_S) // _HOUR_S
            season = (1 - away) * profile[s, here] + away * profile[s, there] if seasonality > 0 else 0.0
            around = (1 - away) * spread[s, here] + away * spread[s, there] if seasonality > 0 else own[SCALE]
            is_weekly = (
                seasonality > 1
                and own[AGE] > 2 * _WEEK_S // step_s
                and own[WITH] < _WEEKLY_GAIN * own[WITHOUT]
            )
            shift = weekly[s, hour] if is_weekly else 0.0
            fast = own[FAST] + season + shift
            slow = own[SLOW] + season + shift
            core = 1.25 * (0.5 * own[SCALE] + 0.5 * around) + _RELATIVE * abs(fast) + _TINY
            width = _width(core, np.sqrt(own[POWER]))
            usual_gap = own[AGE] / max(own[SEEN], 1.0)
            gap = own[MISSED] + 1
            if gap > 2 * usual_gap + 1:
                width *= min(2.0, np.sqrt(gap / (2 * usual_gap + 1)))
            is_back = own[MISSED] > gap_slots and own[MISSED] > 10 * usual_gap
            if i >= begin:
                at = i - begin
                if own[SEEN] < warm or own[RELEARN] > 0:
                    lower[s, at] = expected[s, at] = upper[s, at] = score[s, at] = np.nan
                else:
                    low, high = min(fast, slow), max(fast, slow)
                    lower[s, at] = low - sensitivity * width
                    upper[s, at] = high + sensitivity * width
                    expected[s, at] = fast
                    outside = value - high if value > high else value - low if value < low else 0.0
                    score[s, at] = np.nan if is_back or np.isnan(value) else outside / (sensitivity * width)
            if _arrived(own, value, is_back):
                is_new = own[SEEN] == 1
                _learned(
                    own,
                    profile[s],
                    spread[s],
                    visits[s],
                    weekly[s],
                    here,
                    hour,
                    value,
                    value if is_new else fast,
                    value if is_new else slow,
                    season,
                    core,
                    step_s,
                    seasonality,
                )
