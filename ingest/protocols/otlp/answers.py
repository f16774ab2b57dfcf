"""What goes back to a sender of OTLP, as protobuf or JSON.

Formats: `ExportMetricsServiceResponse` of metrics_service.proto; `google.rpc.Status` of
googleapis/google/rpc/status.proto, with the codes of google/rpc/code.proto and `RetryInfo` of
error_details.proto.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Final

import orjson

from ingest.decoded import Refusal
from ingest.wire.encoding import varint
from storage.errors import Error, InputError, LimitError, OverloadedError, RateLimitError

_RETRY_INFO: Final = b"type.googleapis.com/google.rpc.RetryInfo"


class Code(IntEnum):
    """Those of google.rpc.Code that are used."""

    INVALID_ARGUMENT = 3
    RESOURCE_EXHAUSTED = 8
    INTERNAL = 13
    UNAVAILABLE = 14


def code_of(error: Error) -> Code:
    """What senders act on: they try again after UNAVAILABLE, and where a status says when."""
    if isinstance(error, RateLimitError):
        return Code.RESOURCE_EXHAUSTED
    if isinstance(error, OverloadedError):
        return Code.UNAVAILABLE
    if isinstance(error, LimitError):
        return Code.RESOURCE_EXHAUSTED
    return Code.INVALID_ARGUMENT if isinstance(error, InputError) else Code.INTERNAL


def response(refused: Mapping[str, Refusal], is_json: bool) -> bytes:
    """An `ExportMetricsServiceResponse`; what was refused is a partial success, which nobody sends again.

    rejected_data_points counts samples: a histogram that is refused counts for each of its series.
    """
    count = sum(refusal.count for refusal in refused.values())
    text = "; ".join(
        f"{reason}: {refusal.count} refused, such as: {refusal.example}"
        for reason, refusal in refused.items()
    )
    if is_json:
        partial = {"rejectedDataPoints": str(count), "errorMessage": text}
        return orjson.dumps({"partialSuccess": partial} if refused else {})
    if not refused:
        return b""
    return _field(1, b"\x08" + varint(count) + _field(2, text.encode()))


def status(error: Error, is_json: bool) -> bytes:
    """A `google.rpc.Status`; of an `OverloadedError` with when to try again."""
    code, text = code_of(error), str(error)
    if is_json:
        return orjson.dumps({"code": int(code), "message": text})
    details = b""
    if isinstance(error, OverloadedError):
        details = _field(3, _field(1, _RETRY_INFO) + _field(2, _retry_info(error.retry_after_s)))
    return b"\x08" + varint(code) + _field(2, text.encode()) + details


def _retry_info(after_s: float) -> bytes:
    """Duration retry_delay = 1: int64 seconds = 1, int32 nanos = 2."""
    seconds, nanos = divmod(max(round(after_s * 1e9), 0), 1_000_000_000)
    return _field(1, b"\x08" + varint(seconds) + b"\x10" + varint(nanos))


def _field(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content
