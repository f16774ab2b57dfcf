"""The life of alerts: inactive, pending, firing, resolved. Pure, so that live rules and backtests share it.

The semantics are those of Prometheus 3 (rules/alerting.go; its documentation of alerting rules).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final, Protocol

import xxhash

from alerts.samples import RuleSamples, rule_samples
from storage.errors import ExecutionError, LimitError
from storage.model import METRIC_NAME, Labels, canonical

ALERT_NAME: Final = "alertname"
ALERT_STATE: Final = "alertstate"
RESOLVED_RETENTION_MS: Final = 15 * 60_000
RESTORE_GRACE_MS: Final = 10 * 60_000


class Phase(StrEnum):
    """Where an alert stands. A resolved alert is inactive and remembered for a while."""

    INACTIVE = "inactive"
    PENDING = "pending"
    FIRING = "firing"


@dataclass(frozen=True, slots=True)
class Element:
    """A series of the rule's answer, its labels and annotations expanded; `alertname` is among the labels."""

    labels: Labels
    annotations: Labels
    value: float


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert. Times are ms since the epoch, None where the event has not happened.

    `absent_since_ms` is when a firing alert that `keep_firing_for` holds was first not in the answer.
    """

    labels: Labels
    annotations: Labels
    value: float
    phase: Phase
    active_at_ms: int
    fired_at_ms: int | None = None
    resolved_at_ms: int | None = None
    absent_since_ms: int | None = None

    @property
    def is_active(self) -> bool:
        """Whether it is pending or firing."""
        return self.phase is not Phase.INACTIVE

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits that stand for the labels."""
        return xxhash.xxh64_hexdigest("\xff".join(part for pair in self.labels for part in pair).encode())


@dataclass(frozen=True, slots=True)
class Transition:
    """An alert that changed its phase in this step; `alert` is as it stands after."""

    before: Phase
    alert: Alert


@dataclass(frozen=True, slots=True)
class RuleState:
    """What a rule remembers: its alerts by labels, resolved ones included, and the series it wrote last."""

    alerts: Mapping[Labels, Alert] = field(default_factory=dict)
    written: frozenset[Labels] = frozenset()


class Holding(Protocol):
    """The part of an alerting rule that the state machine needs."""

    @property
    def for_ms(self) -> int:
        """How long an alert is pending before it fires."""

    @property
    def keep_firing_for_ms(self) -> int:
        """How long an alert fires on after its series is gone."""


@dataclass(frozen=True, slots=True)
class Step:
    """What one evaluation gives: the next state, what changed, and what to write."""

    state: RuleState
    transitions: tuple[Transition, ...]
    samples: RuleSamples


def step(
    state: RuleState,
    now_ms: int,
    vector: Sequence[Element],
    rule: Holding,
    limit: int = 0,
    writes: bool = True,
) -> Step:
    """Move every alert to `now_ms`, at which the rule's expression answered `vector`.

    A `limit` of 0 is none. `writes` is false until the state of before a restart is restored; no samples are
    given then. Raises `ExecutionError` when two elements have the same labels, and `LimitError` when more
    alerts than `limit` are active (the caller then forgets all alerts of the rule, as Prometheus does).
    """
    found = _by_labels(vector)
    alerts: dict[Labels, Alert] = {}
    transitions: list[Transition] = []
    for labels, before in {**dict.fromkeys(found), **state.alerts}.items():
        after = _advance(before, found.get(labels), now_ms, rule)
        if after is not None:
            alerts[labels] = after
        changed = after or (before and replace(before, phase=Phase.INACTIVE))
        phase = before.phase if before else Phase.INACTIVE
        if changed and changed.phase is not phase:
            transitions.append(Transition(phase, changed))
    active = [alert for alert in alerts.values() if alert.is_active]
    if limit and len(active) > limit:
        raise LimitError(f"exceeded limit of {limit} with {len(active)} alerts")
    if not writes:
        return Step(RuleState(alerts, state.written), tuple(transitions), rule_samples({}, frozenset()))
    live = _series(active)
    samples = rule_samples(live, state.written)
    return Step(RuleState(alerts, frozenset(live)), tuple(transitions), samples)


def restore(
    state: RuleState, now_ms: int, rule: Holding, last: Mapping[Labels, tuple[int, float]]
) -> RuleState:
    """Give active alerts back the time that they had been pending before a restart.

    `last` is the newest sample of ALERTS_FOR_STATE of each alert's labels, as (timestamp in ms, seconds since
    the epoch at which it became active). An alert that was firing still is; one that had less than the
    grace of ten minutes to go fires when the grace is over; any other was pending no longer while Swell was
    down.
    """
    alerts = dict(state.alerts)
    for labels, alert in state.alerts.items():
        if alert.is_active and labels in last and rule.for_ms >= RESTORE_GRACE_MS:
            down_at_ms, active_s = last[labels]
            active_at_ms = _active_since(round(active_s * 1000), down_at_ms, now_ms, rule.for_ms)
            alerts[labels] = replace(alert, active_at_ms=active_at_ms)
    return RuleState(alerts, state.written)


def _active_since(active_at_ms: int, down_at_ms: int, now_ms: int, for_ms: int) -> int:
    remaining_ms = for_ms - (down_at_ms - active_at_ms)
    if remaining_ms <= 0:
        return active_at_ms
    if remaining_ms < RESTORE_GRACE_MS:
        return now_ms + RESTORE_GRACE_MS - for_ms
    return active_at_ms + (now_ms - down_at_ms)


def _by_labels(vector: Sequence[Element]) -> dict[Labels, Element]:
    found = {element.labels: element for element in vector}
    if len(found) < len(vector):
        raise ExecutionError("vector contains metrics with the same labelset after applying alert labels")
    return found


def _advance(before: Alert | None, element: Element | None, now_ms: int, rule: Holding) -> Alert | None:
    """The alert after this evaluation; None when it is forgotten."""
    if element is not None:
        return _seen(before, element, now_ms, rule)
    return None if before is None else _missing(before, now_ms, rule)


def _seen(before: Alert | None, element: Element, now_ms: int, rule: Holding) -> Alert:
    if before is None or not before.is_active:
        before = Alert(element.labels, element.annotations, element.value, Phase.PENDING, now_ms)
    alert = replace(before, value=element.value, annotations=element.annotations, absent_since_ms=None)
    return _held(alert, now_ms, rule)


def _held(alert: Alert, now_ms: int, rule: Holding) -> Alert:
    """Pending until `for` is over; a `for` that was raised meanwhile sends a firing alert back."""
    if now_ms - alert.active_at_ms < rule.for_ms:
        return replace(alert, phase=Phase.PENDING, fired_at_ms=None)
    if alert.phase is Phase.FIRING:
        return alert
    return replace(alert, phase=Phase.FIRING, fired_at_ms=now_ms)


def _missing(before: Alert, now_ms: int, rule: Holding) -> Alert | None:
    if before.phase is Phase.PENDING:
        return None
    if before.resolved_at_ms is not None:
        return before if now_ms - before.resolved_at_ms <= RESOLVED_RETENTION_MS else None
    absent_since_ms = now_ms if before.absent_since_ms is None else before.absent_since_ms
    if now_ms - absent_since_ms < rule.keep_firing_for_ms:
        return replace(before, absent_since_ms=absent_since_ms)
    return replace(before, phase=Phase.INACTIVE, resolved_at_ms=now_ms)


def _series(active: Sequence[Alert]) -> dict[Labels, float]:
    """ALERTS and ALERTS_FOR_STATE of active alerts."""
    live: dict[Labels, float] = {}
    for alert in active:
        labels = dict(alert.labels)
        state = {METRIC_NAME: "ALERTS", ALERT_STATE: alert.phase.value}
        live[canonical({**labels, **state})] = 1.0
        live[canonical({**labels, METRIC_NAME: "ALERTS_FOR_STATE"})] = float(alert.active_at_ms // 1000)
    return live
