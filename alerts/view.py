"""Rules and alerts as plain values, in the shape of Prometheus's `/api/v1/rules` and `/api/v1/alerts`."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from alerts.evaluator import Evaluator
from alerts.group import RunningGroup, RunningRule
from alerts.rules import AlertingRule, Rule
from alerts.state import Alert, Phase
from storage.catalogue import value_test
from storage.errors import InputError
from storage.model import Matcher

_NEVER: Final = "0001-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class Selection:
    """Which rules are asked for. Empty collections and an empty `kind` (alert or record) select all.

    matchers: alternatives, of which a rule's own labels have to pass every matcher of one. group_limit: the
    most groups of one answer, 0 for all; after: the `groupNextToken` of the answer before.
    """

    kind: str = ""
    rule_names: Collection[str] = ()
    group_names: Collection[str] = ()
    files: Collection[str] = ()
    with_alerts: bool = True
    matchers: Collection[Sequence[Matcher]] = ()
    group_limit: int = 0
    after: str = ""


def rules_view(evaluator: Evaluator, selection: Selection = Selection()) -> dict[str, Any]:
    """`{"groups": [...]}`; groups without a selected rule are left out when a selection is made.

    Where `group_limit` leaves some out there is a `groupNextToken` too. Raises `InputError` for one that is
    not, or no longer, of a group.
    """
    chosen = bool(selection.kind or selection.rule_names or selection.matchers)
    groups, is_reached = list[dict[str, Any]](), not selection.after
    for running in evaluator.groups:
        is_reached = is_reached or _token(running) == selection.after
        if not is_reached or not _wanted(running, selection):
            continue
        group = _group(running, selection)
        if chosen and not group["rules"]:
            continue
        if selection.group_limit and len(groups) == selection.group_limit:
            return {"groups": groups, "groupNextToken": _token(running)}
        groups.append(group)
    if not is_reached:
        raise InputError(f"group_next_token {selection.after!r} names no group: were rule groups changed?")
    return {"groups": groups}


def alerts_view(evaluator: Evaluator) -> dict[str, Any]:
    """`{"alerts": [...]}`: pending and firing alerts of all groups."""
    return {
        "alerts": [
            _alert(alert)
            for running in evaluator.groups
            for rule in running.rules
            for alert in rule.state.alerts.values()
            if alert.is_active
        ]
    }


def _wanted(running: RunningGroup, selection: Selection) -> bool:
    group = running.group
    return (not selection.group_names or group.name in selection.group_names) and (
        not selection.files or group.file in selection.files
    )


def _token(running: RunningGroup) -> str:
    group = running.group
    return hashlib.sha1(f"{group.file};{group.name}".encode(), usedforsecurity=False).hexdigest()


def _is_selected(rule: Rule, selection: Selection) -> bool:
    if selection.rule_names and rule.name not in selection.rule_names:
        return False
    if selection.kind not in ("", "alert" if isinstance(rule, AlertingRule) else "record"):
        return False
    return not selection.matchers or any(_passes(rule, matchers) for matchers in selection.matchers)


def _passes(rule: Rule, matchers: Sequence[Matcher]) -> bool:
    labels = {name: value if isinstance(value, str) else value.text for name, value in rule.labels}
    return all(value_test(matcher)(labels.get(matcher.name, "")) for matcher in matchers)


def _group(running: RunningGroup, selection: Selection) -> dict[str, Any]:
    group = running.group
    return {
        "name": group.name,
        "file": group.file,
        "interval": group.interval_ms / 1000,
        "limit": group.limit,
        "rules": [
            _rule(rule, selection.with_alerts) for rule in running.rules if _is_selected(rule.rule, selection)
        ],
        "evaluationTime": running.report.duration_s,
        "lastEvaluation": _time(running.report.last_evaluation_ms),
    }


def _rule(running: RunningRule, with_alerts: bool) -> dict[str, Any]:
    rule, report = running.rule, running.report
    evaluation = {
        "health": report.health,
        **({"lastError": report.last_error} if report.last_error else {}),
        "evaluationTime": report.duration_s,
        "lastEvaluation": _time(report.last_evaluation_ms),
    }
    if not isinstance(rule, AlertingRule):
        labels = dict(rule.labels)
        return {"name": rule.name, "query": rule.text, "labels": labels, **evaluation, "type": "recording"}
    active = [alert for alert in running.state.alerts.values() if alert.is_active]
    return {
        "state": _state(active),
        "name": rule.name,
        "query": rule.text,
        "duration": rule.for_ms / 1000,
        "keepFiringFor": rule.keep_firing_for_ms / 1000,
        "labels": {name: template.text for name, template in rule.labels},
        "annotations": {name: template.text for name, template in rule.annotations},
        **({"alerts": [_alert(alert) for alert in active]} if with_alerts else {}),
        **evaluation,
        "type": "alerting",
    }


def _state(active: list[Alert]) -> str:
    phases = {alert.phase for alert in active}
    return next((phase.value for phase in (Phase.FIRING, Phase.PENDING) if phase in phases), "inactive")


def _alert(alert: Alert) -> dict[str, Any]:
    return {
        "labels": dict(alert.labels),
        "annotations": dict(alert.annotations),
        "state": alert.phase.value,
        "activeAt": _time(alert.active_at_ms),
        **({"keepFiringSince": _time(alert.absent_since_ms)} if alert.absent_since_ms is not None else {}),
        "value": _scientific(alert.value),
    }


def _scientific(value: float) -> str:
    """The shortest digits with an exponent, such as `1.5e+00`."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
    for digits in range(17):
        text = f"{value:.{digits}e}"
        if float(text) == value:
            return text
    return f"{value:.16e}"


def _time(time_ms: int | None) -> str:
    if time_ms is None:
        return _NEVER
    moment = datetime.fromtimestamp(time_ms / 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
