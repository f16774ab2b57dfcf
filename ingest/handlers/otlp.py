"""OpenTelemetry metrics by HTTP, as protobuf or JSON, on the paths that senders know."""

from __future__ import annotations

from typing import Final

import numpy as np

from ingest.decoded import Decoded
from ingest.edge import Answer, Asked, Body, Route
from ingest.pipeline import Accepted
from ingest.protocols.otlp import answers
from ingest.protocols.otlp.json_body import to_protobuf
from ingest.protocols.otlp.translator import Translator
from storage.errors import Error

PATHS: Final = ("/v1/metrics", "/opentelemetry/v1/metrics", "/api/v1/otlp/v1/metrics")

_PROTOBUF: Final = "application/x-protobuf"
_JSON: Final = "application/json"


def routes(translator: Translator) -> tuple[Route, ...]:
    """One a path; they share what the translator remembers."""

    def decode(body: Body, asked: Asked) -> Decoded:
        asked.check_media(_PROTOBUF, _JSON)
        limits = asked.limits
        if asked.media == _JSON:
            body = to_protobuf(body.tobytes() if isinstance(body, np.ndarray) else body)
        return translator.decode(
            body, asked.now_ms, limits.max_request_rows, limits.max_decoded_bytes, asked.familiar
        )

    return tuple(Route(path, "otlp", decode, answer=_answer, fail=_fail) for path in PATHS)


def _answer(accepted: Accepted, asked: Asked) -> Answer:
    is_json = asked.media == _JSON
    return _typed(200, answers.response(accepted.refused, is_json), is_json)


def _fail(status: int, error: Error, asked: Asked) -> Answer:
    is_json = asked.media == _JSON
    return _typed(status, answers.status(error, is_json), is_json)


def _typed(status: int, body: bytes, is_json: bool) -> Answer:
    """Even an empty body has a type: in protobuf it is a whole message."""
    return Answer(status, body, headers={"content-type": _JSON if is_json else _PROTOBUF})
