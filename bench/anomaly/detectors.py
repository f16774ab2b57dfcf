"""Detectors by name: Swell's, as it ships, and what it is measured against."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

import numpy as np

from bench.anomaly import kernels
from bench.anomaly.data import Case
from query.models.envelope import DAY_MS, Setting, State, advance
from storage.model import Float64Array

Detector: TypeAlias = Callable[[Case], Float64Array]
_DAY_S = 86_400


def swell(case: Case) -> Float64Array:
    """The band with defaults; above 1 is outside. Where a step does not divide a day, five minutes do."""
    step_s = case.step_s
    if DAY_MS % (step_s * 1000):
        return _regridded(case)
    setting = Setting(step_s * 1000)
    score = advance(State.new(1, setting), setting, case.start_s // step_s, case.values[None, :]).score[0]
    known: Float64Array = np.nan_to_num(score)
    return known


def _regridded(case: Case) -> Float64Array:
    setting = Setting(300_000)
    at = (case.start_s + np.arange(len(case.values)) * case.step_s) // 300
    known = np.isfinite(case.values)
    grid = np.full(at[-1] - at[0] + 1, np.nan)
    grid[at[known] - at[0]] = case.values[known]
    score = advance(State.new(1, setting), setting, int(at[0]), grid[None, :]).score[0]
    found: Float64Array = np.nan_to_num(score[at - at[0]])
    return found


def _z_score(case: Case) -> Float64Array:
    out = np.zeros(len(case.values))
    kernels.z_score(case.values, _DAY_S / case.step_s / 2, out)
    return out


def _holt(case: Case) -> Float64Array:
    out = np.zeros(len(case.values))
    kernels.holt_winters(case.values, 1, 0.3, 0.0, out)
    return out


def _holt_winters(case: Case) -> Float64Array:
    out = np.zeros(len(case.values))
    kernels.holt_winters(case.values, max(1, _DAY_S // case.step_s), 0.1, 0.0, out)
    return out


def _described(tail: float) -> Detector:
    def detect(case: Case) -> Float64Array:
        out = np.zeros(len(case.values))
        kernels.described(case.values, case.start_s // case.step_s, case.step_s, tail, out)
        return out

    return detect


DETECTORS: Final[Mapping[str, Detector]] = MappingProxyType(
    {
        "Swell's band": swell,
        "envelope, f = 0.5": _described(0.5),
        "envelope, f = 1": _described(1.0),
        "Holt-Winters, daily": _holt_winters,
        "Holt": _holt,
        "z-score, 1 day": _z_score,
    }
)
SHIPPED: Final = "Swell's band"
"""The one whose threshold, 1, is fixed; the others are given the best one that there is."""
