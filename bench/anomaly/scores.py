"""Scores of detectors by events, by the KPI challenge's rule and by NAB's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.anomaly.data import Case
from storage.model import BoolArray, Float64Array, Int64Array

_DELAY = 7
_PROBATION, _LONGEST_PROBATION = 0.15, 750
_FALSE_WEIGHT = 0.11
_REFRACTORY_S = 10_800


@dataclass(frozen=True, slots=True)
class Tolerance:
    """Alarms closer than `merge_s` are one, told again after `repeat_s`; labels end `late` slots later."""

    merge_s: int
    repeat_s: int
    late: int


KPI, MICROSOFT = Tolerance(1_800, 14_400, 5), Tolerance(7_200, 57_600, 1)


@dataclass(frozen=True, slots=True)
class Events:
    """Counted alarms and labelled segments."""

    alarms: int = 0
    true: int = 0
    found: int = 0
    segments: int = 0
    weeks: float = 0.0

    def __add__(self, other: Events) -> Events:
        return Events(
            self.alarms + other.alarms,
            self.true + other.true,
            self.found + other.found,
            self.segments + other.segments,
            self.weeks + other.weeks,
        )

    @property
    def precision(self) -> float:
        return self.true / max(self.alarms, 1)

    @property
    def recall(self) -> float:
        return self.found / max(self.segments, 1)

    @property
    def f1(self) -> float:
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0

    @property
    def false_a_week(self) -> float:
        return (self.alarms - self.true) / max(self.weeks, 1e-9)


def segments(labels: BoolArray) -> tuple[Int64Array, Int64Array]:
    """First and last slot of each run of labels."""
    edges = np.diff(np.concatenate([[0], labels.astype(np.int8), [0]]))
    return np.flatnonzero(edges == 1), np.flatnonzero(edges == -1) - 1


def events(case: Case, score: Float64Array, threshold: float, tolerance: Tolerance) -> Events:
    """Alarms of one series against its labels, after its history."""
    labels = case.labels[case.begin :]
    hot = np.flatnonzero(score[case.begin :] > threshold)
    begins, ends = segments(labels)
    if not len(hot):
        return Events(segments=len(begins), weeks=case.weeks)
    merge, repeat = (max(1, one // case.step_s) for one in (tolerance.merge_s, tolerance.repeat_s))
    run = np.concatenate([[0], np.cumsum(np.diff(hot) > merge)])
    heads = hot[np.searchsorted(run, run)]
    alarm = run * len(labels) + (hot - heads) // repeat
    near = np.zeros(len(labels), np.bool_)
    for begin, end in zip(begins, ends, strict=True):
        near[begin : end + tolerance.late + 1] = True
    alarms, first = np.unique(alarm, return_index=True)
    true = int(np.logical_or.reduceat(near[hot], first).sum())
    at = np.searchsorted(hot, begins)
    found = int((hot[np.minimum(at, len(hot) - 1)] >= begins)[at < len(hot)].sum()) if len(begins) else 0
    if found:
        seen = at < len(hot)
        found = int((hot[at[seen]] <= ends[seen] + tolerance.late).sum())
    return Events(len(alarms), true, found, len(begins), case.weeks)


def summed(
    cases: Sequence[Case], scores: Sequence[Float64Array], threshold: float, tolerance: Tolerance
) -> Events:
    """All series at one threshold."""
    parts = (events(case, one, threshold, tolerance) for case, one in zip(cases, scores, strict=True))
    return sum(parts, Events())


def adjusted_f1(cases: Sequence[Case], scores: Sequence[Float64Array], threshold: float) -> float:
    """The KPI challenge's F1: a segment counts whole when found within seven points."""
    true = false = missed = 0
    for case, score in zip(cases, scores, strict=True):
        hot, labels = score[case.begin :] > threshold, case.labels[case.begin :]
        begins, ends = segments(labels)
        before = np.concatenate([[0], np.cumsum(hot)])
        found = before[np.minimum(begins + _DELAY, ends) + 1] > before[begins]
        lengths = ends - begins + 1
        true, missed = true + int(lengths[found].sum()), missed + int(lengths[~found].sum())
        false += int((hot & ~labels).sum())
    return 2 * true / max(2 * true + false + missed, 1)


def area_under_precision_recall(cases: Sequence[Case], scores: Sequence[Float64Array]) -> float:
    """Average precision by points, the mean of series with labels."""
    found = []
    for case, score in zip(cases, scores, strict=True):
        labels = case.labels[case.begin :]
        if not labels.any():
            continue
        ordered = labels[np.argsort(-score[case.begin :], kind="stable")]
        precision = np.cumsum(ordered) / np.arange(1, len(ordered) + 1)
        found.append(float(precision[ordered].mean()))
    return float(np.mean(found)) if found else 0.0


def rising(score: Float64Array, step_s: int) -> Float64Array:
    """Only what exceeds every score of the last three hours: an alert is told once."""
    width = max(1, _REFRACTORY_S // step_s)
    padded = np.concatenate([np.zeros(width), score])[:-1]
    highest = np.lib.stride_tricks.sliding_window_view(padded, width).max(axis=1)
    risen: Float64Array = np.where(score > highest, score, 0.0)
    return risen


def nab_score(cases: Sequence[Case], scores: Sequence[Float64Array], threshold: float) -> float:
    """NAB's standard profile: 0 for one that says nothing, 100 for a perfect one (Lavin, Ahmad 2015)."""
    windows = sum(len(case.windows) for case in cases)
    raw = sum(_nab_raw(case, score, threshold) for case, score in zip(cases, scores, strict=True))
    return 100 * (raw + windows) / max(2 * windows, 1)


def _nab_raw(case: Case, score: Float64Array, threshold: float) -> float:
    rows = score[case.at]
    hot = np.flatnonzero(rows > threshold)
    hot = hot[hot >= int(min(_PROBATION * len(rows), _LONGEST_PROBATION))]
    inside, total = np.zeros(len(hot), np.bool_), 0.0
    for low, high in case.windows:
        mine = (hot >= low) & (hot <= high)
        inside |= mine
        first = hot[mine][:1]
        place = -(high - first[0] + 1) / (high - low + 1) if len(first) else 0.0
        total += _sigmoid(place) / _sigmoid(-1.0) if len(first) else -1.0
    for at in hot[~inside].tolist():
        before = [window for window in case.windows if window[1] < at]
        if not before:
            total -= _FALSE_WEIGHT
            continue
        low, high = before[-1]
        away = (at - high) / max(high - low, 1)
        total += _FALSE_WEIGHT * (_sigmoid(away) if away <= 3 else -1.0)
    return total


def _sigmoid(place: float) -> float:
    return float(2 / (1 + np.exp(5 * place)) - 1)
