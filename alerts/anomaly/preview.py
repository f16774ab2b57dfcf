"""What an anomaly rule would have done: bands and firings over a past range, before the rule is saved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from alerts.anomaly.rule import Anomaly, anomaly_of
from alerts.anomaly.suitability import reason_against
from alerts.documents import Section
from alerts.rules import AlertingRule
from alerts.state import Alert, Element, Phase, RuleState, step
from query.block import Block, Result
from query.engine import Engine
from query.parser import parse
from storage.errors import ConfigError, LimitError
from storage.model import METRIC_NAME, Float64Array, Int64Array, Labels, canonical

_KEYS: Final = ("anomaly", "for", "keep_firing_for", "start", "end", "points")
_MOST_STEPS: Final = 100_000
_MOST_SERIES: Final = 200
_POINTS: Final = 1_000
_CRITICAL: Final = 2.0
_BANDS: Final = {
    "lower": "anomaly_band_lower",
    "expected": "anomaly_expected",
    "upper": "anomaly_band_upper",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """A rule to be tried over start to end, inclusive; `points` is how many of a series are answered."""

    anomaly: Anomaly
    for_ms: int
    keep_firing_for_ms: int
    start_ms: int
    end_ms: int
    points: int = _POINTS


@dataclass(frozen=True, slots=True)
class Firing:
    """One alert's time of firing; `ended_ms` is None where it still fires at the end."""

    labels: Labels
    started_ms: int
    ended_ms: int | None
    peak: float

    @property
    def severity(self) -> str:
        """`critical` where the score was twice the band's, else `warning`."""
        return "critical" if self.peak >= _CRITICAL else "warning"


def asked_of(document: Any) -> Asked:
    """Read a request: `anomaly` as in a rule, `for`, `start` and `end` in seconds. Raises `ConfigError`."""
    section = Section.of("preview", document, _KEYS)
    anomaly = anomaly_of("preview, anomaly", section.content.get("anomaly"))
    start_ms, end_ms = _time_ms(section, "start"), _time_ms(section, "end")
    if end_ms <= start_ms:
        raise section.error("end", "lies before start")
    points = min(max(section.whole("points", _POINTS), 1), _MOST_STEPS)
    held = section.duration_ms("for", 0), section.duration_ms("keep_firing_for", 0)
    return Asked(anomaly, *held, start_ms, end_ms, points)


def preview(engine: Engine, asked: Asked) -> dict[str, Any]:
    """Bands, scores and verdicts by series, and the firings. Raises what the engine raises."""
    anomaly, step_ms = asked.anomaly, asked.anomaly.step_ms
    start_ms, end_ms = -(-asked.start_ms // step_ms) * step_ms, asked.end_ms // step_ms * step_ms
    count = (end_ms - start_ms) // step_ms + 1
    if count > _MOST_STEPS:
        raise LimitError(f"preview has {count} steps, the limit is {_MOST_STEPS}; narrow the range")

    def ask(text: str) -> Result:
        return engine.range(text, start_ms, end_ms, step_ms)

    score = ask(anomaly.score)
    steps_ms, scores = score.steps_ms, _rows(score, len(score.steps_ms))
    if len(scores) > _MOST_SERIES:
        raise LimitError(
            f"preview has {len(scores)} series, the limit is {_MOST_SERIES}; narrow the selector"
        )
    bands = {"value": _rows(ask(anomaly.selector), len(steps_ms))}
    if anomaly.kind == "band":
        bands |= {name: _rows(ask(anomaly.call(call)), len(steps_ms)) for name, call in _BANDS.items()}
    found = firings(asked, ask(anomaly.expression))
    every = -(-len(steps_ms) // asked.points)
    weeks = (end_ms - start_ms + step_ms) / 604_800_000
    return {
        "expr": anomaly.expression,
        "series": [
            _series(labels, row, {name: rows.get(labels) for name, rows in bands.items()}, asked, every)
            for labels, row in scores.items()
        ],
        "times": (steps_ms[::every] / 1000).tolist(),
        "firings": [_firing(one) for one in found],
        "firings_a_week": len(found) / weeks,
    }


def firings(asked: Asked, answer: Result) -> list[Firing]:
    """The firings of a rule over an answered range, by the state machine of live rules."""
    block = answer.value
    if not isinstance(block, Block):
        return []
    rule = AlertingRule(
        "preview",
        asked.anomaly.expression,
        parse(asked.anomaly.expression),
        asked.for_ms,
        asked.keep_firing_for_ms,
        (),
        (),
    )
    labels = [canonical({**row, "alertname": rule.name}) for row in block.labels.rows()]
    state, book = RuleState(), _Book()
    for at, now_ms in enumerate(answer.steps_ms.tolist()):
        here = np.flatnonzero(block.present[:, at]).tolist()
        if not here and not any(alert.is_active for alert in state.alerts.values()):
            continue
        elements = [Element(labels[row], (), float(block.values[row, at])) for row in here]
        state = step(state, now_ms, elements, rule, 0, True).state
        book.note(now_ms, state)
    return book.closed()


class _Book:
    """Firings as they begin, rise and end."""

    def __init__(self) -> None:
        self._open: dict[Labels, Firing] = {}
        self._done: list[Firing] = []

    def note(self, now_ms: int, state: RuleState) -> None:
        firing = {key: alert for key, alert in state.alerts.items() if alert.phase is Phase.FIRING}
        for key in [key for key in self._open if key not in firing]:
            one = self._open.pop(key)
            self._done.append(Firing(one.labels, one.started_ms, now_ms, one.peak))
        for key, alert in firing.items():
            self._open[key] = _risen(self._open.get(key), alert, now_ms)

    def closed(self) -> list[Firing]:
        return sorted([*self._done, *self._open.values()], key=lambda one: (one.started_ms, one.labels))


def _risen(known: Firing | None, alert: Alert, now_ms: int) -> Firing:
    if known is None:
        kept = tuple(pair for pair in alert.labels if pair[0] != "alertname")
        return Firing(kept, now_ms, None, alert.value)
    return Firing(known.labels, known.started_ms, None, max(known.peak, alert.value))


def _rows(answer: Result, steps: int) -> dict[Labels, Float64Array]:
    """Values by labels without the name, NaN where absent; float64 (steps,) each."""
    block = answer.value
    if not isinstance(block, Block):
        return {}
    values = np.where(block.present, block.values, np.nan)
    keys = [
        canonical({name: text for name, text in row.items() if name != METRIC_NAME})
        for row in block.labels.rows()
    ]
    return {key: values[row, :steps] for row, key in enumerate(keys)}


def _series(
    labels: Labels, score: Float64Array, rows: dict[str, Float64Array | None], asked: Asked, every: int
) -> dict[str, Any]:
    values = rows["value"]
    reason = ""
    if values is not None and asked.anomaly.kind == "band":
        reason = reason_against(values, score, asked.anomaly.step_ms)
    heads = np.arange(0, len(score), every, dtype=np.int64)
    shown = {name: _numbers(row[::every]) for name, row in rows.items() if row is not None}
    return {
        "labels": dict(labels),
        "suitable": not reason,
        "reason": f"not suitable, because {reason}" if reason else "",
        "score": _numbers(_highest(score, heads)),
        **shown,
    }


def _highest(score: Float64Array, heads: Int64Array) -> Float64Array:
    """The highest score of each stretch, so that fewer points hide no anomaly."""
    highest: Float64Array = np.fmax.reduceat(score, heads)
    return highest


def _numbers(values: Float64Array) -> list[float | None]:
    return [value if np.isfinite(value) else None for value in values.tolist()]


def _firing(one: Firing) -> dict[str, Any]:
    return {
        "labels": dict(one.labels),
        "start": one.started_ms / 1000,
        "end": None if one.ended_ms is None else one.ended_ms / 1000,
        "peak": one.peak,
        "severity": one.severity,
    }


def _time_ms(section: Section, key: str) -> int:
    value = section.content.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
        raise ConfigError(f"{section.place}, {key}: is {value!r}, expected seconds since the epoch")
    return round(value * 1000)
