"""The HTTP API of rules and alerts, in Prometheus's shapes."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response

from alerts.anomaly.preview import asked_of, preview
from alerts.evaluator import Evaluator
from alerts.view import Selection, alerts_view, rules_view
from query.parser import parse_matchers
from storage.errors import ConfigError, Error, InputError, ParseError

_KINDS = ("", "alert", "record")
_FLAGS = {"": False, "false": False, "0": False, "f": False, "true": True, "1": True, "t": True}


def create_router(evaluator: Evaluator) -> APIRouter:
    """`/api/v1/rules`, `/api/v1/alerts`, `POST /api/v1/rules/reload` and `POST /api/v1/anomaly/preview`."""
    router = APIRouter(prefix="/api/v1")

    async def rules(request: Request) -> Response:
        asked = request.query_params
        kind, without = asked.get("type", "").lower(), asked.get("exclude_alerts", "").lower()
        if kind not in _KINDS:
            return _error(f"type: not a valid value {kind!r}, expected alert or record")
        if without not in _FLAGS:
            return _error(f"exclude_alerts: not a valid value {without!r}, expected true or false")
        limit, after = asked.get("group_limit", ""), asked.get("group_next_token", "")
        if limit and (not limit.isdecimal() or int(limit) == 0):
            return _error(f"group_limit: not a valid value {limit!r}, expected a number greater than 0")
        if after and not limit:
            return _error("group_limit: needs to be given with group_next_token")
        try:
            matchers = [parse_matchers(text).matchers for text in asked.getlist("match[]")]
        except ParseError as error:
            return _error(f"match[]: {error}")
        selection = Selection(
            kind=kind,
            rule_names=asked.getlist("rule_name[]"),
            group_names=asked.getlist("rule_group[]"),
            files=asked.getlist("file[]"),
            with_alerts=not _FLAGS[without],
            matchers=matchers,
            group_limit=int(limit or 0),
            after=after,
        )
        try:
            return _success(rules_view(evaluator, selection))
        except InputError as error:
            return _error(str(error))

    async def alerts(_: Request) -> Response:
        return _success(alerts_view(evaluator))

    async def reload(_: Request) -> Response:
        try:
            await asyncio.to_thread(evaluator.reload)
        except ConfigError as error:
            return _error(str(error))
        return _success({"groups": len(evaluator.groups)})

    async def anomaly_preview(request: Request) -> Response:
        try:
            asked = asked_of(orjson.loads(await request.body()))
            found = await asyncio.to_thread(preview, evaluator.engine, asked)
        except orjson.JSONDecodeError as error:
            return _error(f"body is not JSON: {error}")
        except Error as error:
            return _error(str(error))
        return _success(found)

    router.add_api_route("/anomaly/preview", anomaly_preview, methods=["POST"])
    router.add_api_route("/rules", rules, methods=["GET"])
    router.add_api_route("/alerts", alerts, methods=["GET"])
    router.add_api_route("/rules/reload", reload, methods=["POST"])
    return router


def _success(data: Any) -> Response:
    return Response(orjson.dumps({"status": "success", "data": data}), media_type="application/json")


def _error(message: str) -> Response:
    body = {"status": "error", "errorType": "bad_data", "error": message}
    return Response(orjson.dumps(body), 400, media_type="application/json")
