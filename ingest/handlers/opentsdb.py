"""OpenTSDB by telnet, and by HTTP on the same port or on the common one."""

from __future__ import annotations

from typing import Final

import orjson

from ingest.decoded import nothing_decoded
from ingest.edge import Answer, Asked, Route
from ingest.pipeline import Accepted
from ingest.protocols import opentsdb
from ingest.stream import Stream
from storage.errors import Error

_JSON: Final = "application/json"
_VERSION: Final = {"short_revision": "", "repo": "swell", "host": "", "version": "2.4.0"}


def _answer(accepted: Accepted, asked: Asked) -> Answer:
    """204 or 400, and what was asked for: `summary` counts, `details` names what was refused too."""
    failed = sum(refusal.count for refusal in accepted.refused.values())
    status = 400 if failed else 204
    if "details" in asked.query or "summary" in asked.query:
        told: dict[str, object] = {"failed": failed, "success": accepted.samples}
        if "details" in asked.query:
            told["errors"] = [
                {"datapoint": None, "error": f"{reason}: {refusal.count} refused, such as: {refusal.example}"}
                for reason, refusal in accepted.refused.items()
            ]
        return Answer(400 if failed else 200, orjson.dumps(told), _JSON)
    if not failed:
        return Answer(204)
    details = "; ".join(f"{reason}: {refusal.example}" for reason, refusal in accepted.refused.items())
    return _error(status, "One or more data points had errors", details)


def _fail(status: int, error: Error, _: Asked) -> Answer:
    return _error(status, str(error), "")


def _error(status: int, message: str, details: str) -> Answer:
    return Answer(
        status, orjson.dumps({"error": {"code": status, "message": message, "details": details}}), _JSON
    )


def _reply(body: bytes, accepted: Accepted) -> bytes:
    """A word for who asks for the version, and for each reason that something was refused."""
    told = [b"Swell, as OpenTSDB 2.4.0\n" for line in body.split(b"\n") if line.strip() == b"version"]
    told += [
        f"put: illegal argument: {refusal.count} refused, such as: {refusal.example}\n".encode()
        for refusal in accepted.refused.values()
    ]
    return b"".join(told)


ROUTES: Final = (
    Route(
        "/api/put",
        "opentsdb",
        lambda body, asked: opentsdb.decode_json(bytes(body), asked.now_ms, asked.limits.max_request_rows),
        answer=_answer,
        fail=_fail,
    ),
    Route(
        "/api/version",
        "opentsdb",
        lambda _, __: nothing_decoded(),
        methods=("GET", "POST"),
        answer=lambda _, __: Answer(200, orjson.dumps(_VERSION), _JSON),
    ),
)

STREAM: Final = Stream(
    "opentsdb",
    lambda body, asked: opentsdb.decode_lines(bytes(body), asked.now_ms, asked.limits.max_request_rows),
    reply=_reply,
    routes=ROUTES,
)
