"""python -m bench.anomaly DIR: every detector on every set, by parts, as tables of Markdown."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from alerts.anomaly.suitability import reason_against
from bench.anomaly import speed
from bench.anomaly.data import Case, halves, kpi, microsoft, nab
from bench.anomaly.detectors import DETECTORS, SHIPPED, swell
from bench.anomaly.scores import (
    KPI,
    MICROSOFT,
    Tolerance,
    adjusted_f1,
    area_under_precision_recall,
    nab_score,
    rising,
    summed,
)
from storage.model import Float64Array

_GRID = 40
_NAB_GRID = 60
_HEAD = (
    "| detector | part | event F1 shipped (P, R, false/week) | event F1 best | own best thresholds "
    "| false/week at recall .5 | .65 | AUC-PR | KPI-F1 best |"
)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m bench.anomaly", description=__doc__)
    parser.add_argument(
        "directory", type=Path, help="aiops_kpi.*, msft_cloud/ and nab/, those that are there"
    )
    parser.add_argument("--no-speed", action="store_true")
    given = parser.parse_args()
    if (given.directory / "aiops_kpi.json").exists():
        _by_events("KPI", kpi(given.directory), KPI)
    if (given.directory / "msft_cloud").exists():
        _by_events("Microsoft", microsoft(given.directory), MICROSOFT)
    if (given.directory / "nab" / "windows.json").exists():
        _by_nab(nab(given.directory))
    if not given.no_speed:
        found = speed.measure()
        print(
            f"\n{found.series:,} series: {found.slots:,} slots of history in {found.fit_s:.1f} s, "
            f"one slot more in {found.minute_s * 1000:.0f} ms"
        )


def _by_events(title: str, cases: list[Case], tolerance: Tolerance) -> None:
    print(f"\n## {title}: {len(cases)} series\n\n{_HEAD}\n|{' --- |' * 9}")
    for name, detect in DETECTORS.items():
        scores = {id(case): detect(case) for case in cases}
        for part, some in halves(cases):
            row = _row(some, [scores[id(case)] for case in some], tolerance, name == SHIPPED)
            print(f"| {name} | {part} | {row} |", flush=True)
        if name == SHIPPED:
            suited = [case for case in cases[1::2] if not _reason(case)]
            row = _row(suited, [scores[id(case)] for case in suited], tolerance, True)
            print(f"| {name} | report, suitable ones | {row} |")
    print("\nNot suitable, by the history before the scored part alone:\n")
    for case in cases:
        if reason := _reason(case):
            print(f"- {case.name}: {reason}")


def _row(
    cases: Sequence[Case], scores: Sequence[Float64Array], tolerance: Tolerance, is_shipped: bool
) -> str:
    thresholds = _thresholds(scores)
    all_found = [summed(cases, scores, one, tolerance) for one in thresholds]
    best = max(found.f1 for found in all_found)
    own = [
        max(summed([case], [score], one, tolerance).f1 for one in thresholds)
        for case, score in zip(cases, scores, strict=True)
        if case.labels[case.begin :].any()
    ]
    falses = [
        min((found.false_a_week for found in all_found if found.recall >= recall), default=np.inf)
        for recall in (0.5, 0.65)
    ]
    shipped = "-"
    if is_shipped:
        found = summed(cases, scores, 1.0, tolerance)
        shipped = f"{found.f1:.3f} ({found.precision:.2f}, {found.recall:.2f}, {found.false_a_week:.2f})"
    area = area_under_precision_recall(cases, scores)
    adjusted = max(adjusted_f1(cases, scores, one) for one in thresholds)
    figures = [best, float(np.mean(own)), *falses, area, adjusted]
    return " | ".join([shipped, *(f"{one:.3f}" for one in figures)])


def _thresholds(scores: Sequence[Float64Array]) -> list[float]:
    """From where a hundredth of points lies above to where hardly any does, and 1."""
    pooled = np.concatenate([score[:: max(1, len(score) // 20_000)] for score in scores])
    low, high = np.quantile(pooled, 0.95), np.quantile(pooled, 0.9999)
    return sorted({1.0, *np.geomspace(max(low, 1e-3), max(high, 2e-3) * 2, _GRID).tolist()})


def _reason(case: Case) -> str:
    """The verdict at the moment where scoring begins."""
    cut = slice(None, case.begin)
    return reason_against(case.values[cut], swell(case)[cut], case.step_s * 1000)


def _by_nab(cases: list[Case]) -> None:
    print(f"\n## NAB: {len(cases)} series\n\n| detector | part | standard | told once |\n|{' --- |' * 4}")
    for name, detect in DETECTORS.items():
        scores = {id(case): detect(case) for case in cases}
        for part, some in halves(cases):
            plain = [scores[id(case)] for case in some]
            once = [rising(score, case.step_s) for case, score in zip(some, plain, strict=True)]
            figures = [_best_nab(some, plain), _best_nab(some, once)]
            print(f"| {name} | {part} | {' | '.join(f'{one:.1f}' for one in figures)} |", flush=True)


def _best_nab(cases: Sequence[Case], scores: Sequence[Float64Array]) -> float:
    """The best of one threshold for all files, as NAB takes it."""
    pooled = np.concatenate(list(scores))
    low, high = np.quantile(pooled, 0.98), pooled.max()
    grid = np.geomspace(max(low, 1e-3), max(high, 2e-3), _NAB_GRID)
    return max(nab_score(cases, scores, one) for one in grid.tolist())


if __name__ == "__main__":
    main()
