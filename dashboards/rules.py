"""Rules and alerts as the alerts page lists them, read from the answer of `/api/v1/rules`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

_ORDER: Final[Mapping[str, int]] = {"firing": 0, "pending": 1, "inactive": 2, "": 3}


@dataclass(frozen=True, slots=True)
class Alert:
    """One active alert. value: as PromQL prints it. since_ms: when it became pending."""

    name: str
    state: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    value: str
    since_ms: int


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. state is empty for recording rules. evaluated_ms is 0 before the first evaluation."""

    name: str
    kind: str
    expr: str
    for_s: float
    state: str
    health: str
    error: str
    evaluated_ms: int
    duration_s: float
    alerts: tuple[Alert, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """A group of rules that are evaluated together."""

    name: str
    file: str
    interval_s: float
    rules: tuple[Rule, ...]


def read_groups(data: Mapping[str, Any]) -> tuple[Group, ...]:
    """Groups from `{"groups": […]}` in Prometheus's shape."""
    return tuple(
        Group(
            name=str(group.get("name", "")),
            file=str(group.get("file", "")),
            interval_s=float(group.get("interval") or 0),
            rules=tuple(_rule(rule) for rule in group.get("rules", ())),
        )
        for group in data.get("groups", ())
    )


def active_alerts(groups: tuple[Group, ...]) -> list[Alert]:
    """Firing alerts before pending ones, the longest active first."""
    alerts = [alert for group in groups for rule in group.rules for alert in rule.alerts]
    return sorted(alerts, key=lambda alert: (_ORDER.get(alert.state, 3), alert.since_ms))


def _rule(rule: Mapping[str, Any]) -> Rule:
    return Rule(
        name=str(rule.get("name", "")),
        kind=str(rule.get("type", "")),
        expr=str(rule.get("query", "")),
        for_s=float(rule.get("duration") or 0),
        state=str(rule.get("state", "")),
        health=str(rule.get("health", "unknown")),
        error=str(rule.get("lastError") or ""),
        evaluated_ms=_milliseconds(rule.get("lastEvaluation")),
        duration_s=float(rule.get("evaluationTime") or 0),
        alerts=tuple(_alert(str(rule.get("name", "")), alert) for alert in rule.get("alerts", ())),
    )


def _alert(name: str, alert: Mapping[str, Any]) -> Alert:
    labels = dict(alert.get("labels", {}))
    return Alert(
        name=labels.get("alertname", name),
        state=str(alert.get("state", "")),
        labels={key: value for key, value in labels.items() if key != "alertname"},
        annotations=dict(alert.get("annotations", {})),
        value=str(alert.get("value", "")),
        since_ms=_milliseconds(alert.get("activeAt")),
    )


def _milliseconds(text: object) -> int:
    """Milliseconds since the epoch of an RFC 3339 time; 0 for none and for Go's zero time."""
    if not isinstance(text, str) or not text or text.startswith("0001-"):
        return 0
    try:
        return int(datetime.fromisoformat(text).timestamp() * 1000)
    except ValueError:
        return 0
