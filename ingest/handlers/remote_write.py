"""Prometheus remote write, 1.0 and 2.0, on /api/v1/write."""

from __future__ import annotations

from typing import Final

from ingest.decoded import Decoded
from ingest.edge import SMALL_BYTES, Answer, Asked, Body, Route, plain_answer
from ingest.pipeline import Accepted
from ingest.protocols import remote_write
from storage.errors import UnsupportedMediaError

_V1: Final = "prometheus.WriteRequest"
_V2: Final = "io.prometheus.write.v2.Request"
_MEDIA: Final = "application/x-protobuf"


def _decode(body: Body, asked: Asked) -> Decoded:
    if _message(asked) == _V2:
        return remote_write.decode_v2(body, asked.limits.max_request_rows)
    return remote_write.decode_v1(body, asked.limits.max_request_rows, asked.familiar)


def _answer(accepted: Accepted, asked: Asked) -> Answer:
    if _message(asked) != _V2:
        return plain_answer(accepted)
    written = {
        "X-Prometheus-Remote-Write-Samples-Written": str(accepted.samples),
        "X-Prometheus-Remote-Write-Histograms-Written": str(accepted.histograms),
        "X-Prometheus-Remote-Write-Exemplars-Written": str(accepted.exemplars),
    }
    return plain_answer(accepted, written)


def _message(asked: Asked) -> str:
    """The protobuf message that the content type names; 1.0 where it names none."""
    content_type = asked.headers.get("content-type", "")
    if content_type in ("", _MEDIA):
        return _V1
    asked.check_media(_MEDIA)
    for parameter in content_type.split(";")[1:]:
        key, _, value = parameter.partition("=")
        if key.strip().lower() == "proto":
            name = value.strip().strip('"')
            if name not in (_V1, _V2):
                raise UnsupportedMediaError(
                    f"protobuf message {name[:80]!r} is not supported, expected {_V1} or {_V2}"
                )
            return name
    return _V1


ROUTES: Final = (
    Route(
        "/api/v1/write",
        "remote_write",
        _decode,
        encodings=("snappy",),
        small_bytes=SMALL_BYTES,
        answer=_answer,
    ),
)
