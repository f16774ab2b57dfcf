"""Whether a series lends itself to a band: better no alert than bad ones."""

from __future__ import annotations

from typing import Final

import numpy as np

from storage.model import Float64Array

_LEAST_DAYS: Final = 2
_MOST_ZEROS: Final = 0.8
_FEWEST_VALUES: Final = 3
_MOST_ALARMS_A_WEEK: Final = 7
_QUIET_MS: Final = 30 * 60_000


def alarms(score: Float64Array, step_ms: int) -> int:
    """How often a score goes above 1; what comes again within half an hour is one alarm. float64 (slots,)."""
    hot = np.flatnonzero(score > 1)
    return int((np.diff(hot) * step_ms > _QUIET_MS).sum()) + 1 if len(hot) else 0


def reason_against(values: Float64Array, score: Float64Array, step_ms: int) -> str:
    """Why anomaly alerts on a series are a bad idea, after "not suitable, because"; empty where they are not.

    values, score: float64 (slots,) of its history, NaN where there is none.
    """
    known = values[np.isfinite(values)]
    span_days = _span(values) * step_ms / 86_400_000
    if span_days < _LEAST_DAYS:
        return f"its history spans {span_days:.1f} days, expected at least {_LEAST_DAYS}"
    zeros = float((known == 0).mean())
    if zeros > _MOST_ZEROS:
        return f"it is 0 in {zeros:.0%} of its samples: alert on a threshold or on absence"
    different = len(np.unique(known))
    if different < _FEWEST_VALUES:
        return f"it takes {different} different values only: alert on a threshold"
    weeks = max(span_days / 7, 1.0)
    a_week = alarms(score, step_ms) / weeks
    if a_week > _MOST_ALARMS_A_WEEK:
        return f"it would have alarmed {a_week:.0f} times a week: it has no pattern that a band can follow"
    return ""


def _span(values: Float64Array) -> int:
    at = np.flatnonzero(np.isfinite(values))
    return int(at[-1] - at[0]) + 1 if len(at) else 0
