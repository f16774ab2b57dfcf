"""InfluxDB's line protocol on /write and /api/v2/write, and what its clients ask before they write."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import parse_qsl

import orjson

from ingest.aliases.table import Aliases
from ingest.decoded import Decoded, nothing_decoded
from ingest.edge import Answer, Asked, Body, Route
from ingest.pipeline import Accepted
from ingest.protocols.influx.lines import STRING_FIELD, decode
from storage.errors import Error, InputError

_V1: Final = ("/write", "/influx/write")
_V2: Final = ("/api/v2/write", "/influx/api/v2/write")
_JSON: Final = "application/json"
_VERSION: Final = {"X-Influxdb-Version": "1.8.10", "X-Influxdb-Build": "OSS"}
"""Clients ask what they talk to, and write to anything from 1.8 on."""
_CODES: Final = {400: "invalid", 413: "request too large", 415: "invalid", 503: "unavailable"}
_HARMLESS: Final = ("create database", "show databases")
_SMALL_BYTES: Final = 512 << 10
"""A kernel reads so much in less than a millisecond where the tags are known."""


def routes(aliases: Aliases) -> tuple[Route, ...]:
    """All that Influx's clients ask for; the paths they write to share what is remembered of series."""

    def read(body: Body, asked: Asked) -> Decoded:
        limits = asked.limits
        return decode(
            body,
            asked.now_ms,
            asked.query.get("precision", ""),
            limits.max_request_rows,
            aliases,
            asked.familiar,
            limits.max_decoded_bytes,
        )

    return (
        *(_writing(path, read, _error_v1) for path in _V1),
        *(_writing(path, read, _error_v2) for path in _V2),
        *(_asking(path, lambda _: Answer(204, headers=_VERSION)) for path in ("/ping", "/influx/ping")),
        _asking("/health", lambda _: _json(200, {"name": "swell", "status": "pass", "message": "ready"})),
        *(_querying(path) for path in ("/query", "/influx/query")),
    )


_Failing = Callable[[int, str], Answer]


def _writing(path: str, read: Callable[[Body, Asked], Decoded], fail: _Failing) -> Route:
    return Route(
        path,
        "influx",
        read,
        small_bytes=_SMALL_BYTES,
        answer=lambda accepted, _: _answer(accepted, fail),
        fail=lambda status, error, _: fail(status, str(error)),
    )


def _asking(path: str, answer: Callable[[Asked], Answer]) -> Route:
    return Route(
        path,
        "influx",
        lambda _, __: nothing_decoded(),
        methods=("GET", "HEAD"),
        answer=lambda _, asked: answer(asked),
    )


def _querying(path: str) -> Route:
    return Route(
        path,
        "influx",
        _check_statement,
        methods=("GET", "POST"),
        answer=lambda _, __: _json(200, {"results": [{"statement_id": 0}]}),
        fail=_fail_v1,
    )


def _check_statement(body: Body, asked: Asked) -> Decoded:
    """Databases need no creating, so the statement for it is taken; others are not for writers."""
    form = dict(parse_qsl(bytes(body).decode("latin-1"), keep_blank_values=True))
    statement = " ".join((asked.query.get("q") or form.get("q", "")).split())
    if not statement.lower().startswith(_HARMLESS):
        raise InputError(
            f"InfluxQL {statement[:80]!r} is not answered here, expected CREATE DATABASE; ask PromQL "
            "on /api/v1/query"
        )
    return nothing_decoded()


def _answer(accepted: Accepted, fail: _Failing) -> Answer:
    """204, or 400 that names what was refused; the rest is stored, and strings are nobody's mistake."""
    mistakes = {reason: found for reason, found in accepted.refused.items() if reason != STRING_FIELD}
    if not mistakes:
        return Answer(204, headers=_VERSION)
    texts = "; ".join(f"{reason}: {found.example}" for reason, found in mistakes.items())
    dropped = sum(found.count for found in mistakes.values())
    return fail(400, f"partial write: {texts} dropped={dropped}")


def _fail_v1(status: int, error: Error, _: Asked) -> Answer:
    return _error_v1(status, str(error))


def _error_v1(status: int, text: str) -> Answer:
    plain = text.encode("ascii", "replace").decode().replace("\n", " ").replace("\r", " ")
    return _json(status, {"error": text}, {"X-Influxdb-Error": plain[:1_000]})


def _error_v2(status: int, text: str) -> Answer:
    return _json(status, {"code": _CODES.get(status, "invalid"), "message": text})


def _json(status: int, content: object, headers: Mapping[str, str] | None = None) -> Answer:
    return Answer(status, orjson.dumps(content), _JSON, {**_VERSION, **(headers or {})})
