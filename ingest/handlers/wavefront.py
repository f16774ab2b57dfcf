"""Wavefront's lines on /report and /api/v2/event, and on a port for TCP, gzip or not, and HTTP."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from ingest.aliases.table import Aliases
from ingest.decoded import Decoded
from ingest.edge import Answer, Asked, Body, Route, refusals
from ingest.pipeline import Accepted
from ingest.protocols.wavefront import spans
from ingest.protocols.wavefront.decoder import decode
from ingest.protocols.wavefront.event_json import decode_events
from ingest.protocols.wavefront.form import without_form
from ingest.stream import Stream
from storage.errors import InputError

_LINES: Final = ("wavefront", "graphite_v2", "histogram", "event", "sourceTag")
"""What `?f=` may say; the lines themselves tell what they are."""
_SPANS: Final = ("trace", "spanLogs")
_SMALL_BYTES: Final = 4_096
"""A body that is gzip may hold a thousand times its bytes."""


def routes(aliases: Aliases) -> tuple[Route, ...]:
    """What senders ask for that know a server with tokens."""
    return (_route("/report", _reading(aliases)), _route("/api/v2/event", _events))


def stream(aliases: Aliases) -> Stream:
    """What senders speak to a proxy."""
    read = _reading(aliases)
    http = (_route("/api/v2/event", _events), _route("/{path:path}", read))
    return Stream("wavefront", read, gzip=True, routes=http)


def _route(path: str, read: Callable[[Body, Asked], Decoded]) -> Route:
    return Route(path, "wavefront", read, small_bytes=_SMALL_BYTES, answer=_answer, sniffs_gzip=True)


def _reading(aliases: Aliases) -> Callable[[Body, Asked], Decoded]:
    def read(body: Body, asked: Asked) -> Decoded:
        limits = asked.limits
        kind = asked.query.get("f") or asked.query.get("format") or _LINES[0]
        if kind in _SPANS:
            return spans.refuse(_bytes(body))
        if kind not in _LINES:
            raise InputError(f"format {kind[:40]!r} is not taken, expected one of {', '.join(_LINES)}")
        if asked.media == "multipart/form-data":
            body = without_form(_bytes(body), asked.headers["content-type"])
        return decode(
            body, asked.now_ms, limits.max_request_rows, aliases, asked.familiar, limits.max_decoded_bytes
        )

    return read


def _events(body: Body, asked: Asked) -> Decoded:
    return decode_events(_bytes(body), asked.limits.max_request_rows)


def _bytes(body: Body) -> bytes:
    return body.tobytes() if isinstance(body, np.ndarray) else body


def _answer(accepted: Accepted, _: Asked) -> Answer:
    """202, which names what was refused: a sender that were told 400 would send all of it again.

    400 where nothing was taken.
    """
    if not accepted.refused:
        return Answer(202)
    text = refusals(accepted).encode()
    if accepted.samples or accepted.histograms or accepted.events:
        return Answer(202, b"the rest is stored; refused were\n" + text)
    return Answer(400, text)
