"""Pushgateway's paths: PUT, POST and DELETE of /metrics/job/<job>{/<label>/<value>}."""

from __future__ import annotations

from typing import Final

from ingest.decoded import Decoded
from ingest.edge import Answer, Asked, Body, Route, refusals
from ingest.pipeline import Accepted
from ingest.protocols.pushed.exposed import Exposed, read_text
from ingest.protocols.pushed.families import MEDIA as _PROTOBUF
from ingest.protocols.pushed.families import read_families
from ingest.protocols.pushed.path import group_of
from ingest.pushed.groups import Groups

_OPENMETRICS: Final = "application/openmetrics-text"
_MEDIA: Final = ("text/plain", _OPENMETRICS, _PROTOBUF, "application/x-www-form-urlencoded")


def routes(groups: Groups) -> tuple[Route, ...]:
    """The one path, which names a group."""

    def push(body: Body, asked: Asked) -> Decoded:
        labels = group_of(asked.path["group"])
        if asked.method == "DELETE":
            return groups.delete(labels, asked.now_ms)
        exposed = _exposed(bytes(body), asked)
        change = groups.put if asked.method == "PUT" else groups.post
        return change(labels, exposed, asked.now_ms)

    return (
        Route(
            "/metrics/{group:path}",
            "pushgateway",
            push,
            methods=("PUT", "POST", "DELETE"),
            encodings=("", "identity", "gzip", "snappy"),
            answer=_answer,
        ),
    )


def _exposed(raw: bytes, asked: Asked) -> Exposed:
    asked.check_media(*_MEDIA)
    if asked.media == _PROTOBUF:
        return read_families(raw, asked.limits.max_request_rows)
    return read_text(raw, asked.media == _OPENMETRICS, asked.limits.max_request_rows)


def _answer(accepted: Accepted, asked: Asked) -> Answer:
    """As a Pushgateway answers; 400 names what was refused, the rest is stored."""
    if accepted.refused:
        return Answer(400, ("the rest is stored; refused were\n" + refusals(accepted)).encode())
    return Answer(202 if asked.method == "DELETE" else 200)
