"""Rules and alerts over HTTP, in Prometheus's shapes (web/api/v1/api.go)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from alerts.evaluator import Evaluator
from alerts.group import Report, RunningGroup, RunningRule
from alerts.rules import AlertingRule
from alerts.state import Alert, Phase
from alerts.template import Template
from storage.errors import ConfigError

_NEVER: Final = "0001-01-01T00:00:00Z"
_WORDS: Final[Mapping[Phase, str]] = {
    Phase.INACTIVE: "inactive",
    Phase.PENDING: "pending",
    Phase.FIRING: "firing",
}


def create_router(evaluator: Evaluator) -> APIRouter:
    """`/api/v1/rules`, `/api/v1/alerts`, and a POST that reads the rule files again."""
    router = APIRouter()

    async def rules(_: Request) -> Response:
        return JSONResponse({"status": "success", "data": rules_data(evaluator)})

    async def alerts(_: Request) -> Response:
        return JSONResponse({"status": "success", "data": alerts_data(evaluator)})

    async def reload(_: Request) -> Response:
        try:
            await asyncio.to_thread(evaluator.reload)
        except ConfigError as error:
            return JSONResponse({"status": "error", "errorType": "bad_data", "error": str(error)}, 400)
        return JSONResponse({"status": "success"})

    router.add_route("/api/v1/rules", rules, methods=["GET"])
    router.add_route("/api/v1/alerts", alerts, methods=["GET"])
    router.add_route("/api/v1/rules/reload", reload, methods=["POST"])
    return router


def rules_data(evaluator: Evaluator) -> dict[str, Any]:
    """The `data` of `/api/v1/rules`: every group with its rules, their state and their alerts."""
    return {"groups": [_group(running) for running in evaluator.groups]}


def alerts_data(evaluator: Evaluator) -> dict[str, Any]:
    """The `data` of `/api/v1/alerts`: pending and firing alerts of all rules."""
    rules = [rule for running in evaluator.groups for rule in running.rules]
    return {"alerts": [_alert(alert) for rule in rules for alert in _active(rule)]}


def _group(running: RunningGroup) -> dict[str, Any]:
    group = running.group
    return {
        "name": group.name,
        "file": group.file,
        "interval": group.interval_ms / 1000,
        "limit": group.limit,
        "rules": [_rule(rule) for rule in running.rules],
        **_timing(running.report),
    }


def _rule(running: RunningRule) -> dict[str, Any]:
    rule, report = running.rule, running.report
    found: dict[str, Any] = {
        "name": rule.name,
        "query": rule.text,
        "labels": _texts(rule.labels),
        "health": report.health,
        "lastError": report.last_error,
        "type": "recording",
        **_timing(report),
    }
    if isinstance(rule, AlertingRule):
        active = _active(running)
        found |= {
            "type": "alerting",
            "duration": rule.for_ms / 1000,
            "keepFiringFor": rule.keep_firing_for_ms / 1000,
            "annotations": _texts(rule.annotations),
            "state": _worst(active),
            "alerts": [_alert(alert) for alert in active],
        }
    return found


def _texts(pairs: Iterable[tuple[str, str | Template]]) -> dict[str, str]:
    return {name: value if isinstance(value, str) else value.text for name, value in pairs}


def _active(running: RunningRule) -> list[Alert]:
    return [alert for alert in running.state.alerts.values() if alert.is_active]


def _worst(active: list[Alert]) -> str:
    phases = {alert.phase for alert in active}
    for phase in (Phase.FIRING, Phase.PENDING):
        if phase in phases:
            return _WORDS[phase]
    return _WORDS[Phase.INACTIVE]


def _alert(alert: Alert) -> dict[str, Any]:
    return {
        "labels": dict(alert.labels),
        "annotations": dict(alert.annotations),
        "state": _WORDS[alert.phase],
        "activeAt": _time(alert.active_at_ms),
        "value": np.format_float_scientific(alert.value, trim="-", exp_digits=2),
    }


def _timing(report: Report) -> dict[str, Any]:
    return {"lastEvaluation": _time(report.last_evaluation_ms), "evaluationTime": report.duration_s}


def _time(time_ms: int | None) -> str:
    if time_ms is None:
        return _NEVER
    moment = datetime.fromtimestamp(time_ms / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
