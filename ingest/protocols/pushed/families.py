"""Protobuf as Go's client pushes it: `io.prometheus.client.MetricFamily` messages, each behind its length.

Format: io/prometheus/client/metrics.proto of prometheus/client_model. Classic histograms alone are read here.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

import numpy as np
from prometheus_client.utils import floatToGoString

from ingest.protocols.pushed.exposed import Exposed
from ingest.wire import kernels as wire
from storage.errors import DecodeError, LimitError
from storage.model import Metadata

MEDIA: Final = "application/vnd.google.protobuf"
_TYPES: Final = ("counter", "gauge", "summary", "unknown", "histogram", "gaugehistogram")
_SIMPLE: Final = (2, 3, 5)
"""Fields of a Metric whose message is a value in field 1: gauge, counter, untyped."""
_SUMMARY: Final = 4
_TIME: Final = 6
_HISTOGRAM: Final = 7
_INF: Final = float("inf")

Pairs = list[tuple[str, str]]
Field = tuple[int, int, bytes]
"""Number, wire type and content: of a varint, its value in 8 bytes."""


def read_families(raw: bytes, max_rows: int) -> Exposed:
    """Read delimited families. Raises `DecodeError`, and `LimitError` for more than `max_rows` samples."""
    exposed = Exposed()
    buf = np.frombuffer(raw, np.uint8)
    at = rows = 0
    while at < len(raw):
        size, start = wire.varint(buf, at, len(raw))
        if start < 0 or int(size) > len(raw) - start:
            raise DecodeError(f"protobuf: the length of a family is broken, at byte {at}")
        at = start + int(size)
        rows += _family(raw[start:at], exposed, max_rows - rows)
    return exposed


def _family(raw: bytes, exposed: Exposed, max_rows: int) -> int:
    name, about, unit, kind = "", "", "", 0
    metrics = []
    for number, wire_type, content in _fields(raw):
        if number == 3 and wire_type == 0:
            kind = _whole(content)
        elif wire_type == 2 and number == 4:
            metrics.append(content)
        elif wire_type == 2 and number in (1, 2, 5):
            text = _text(content)
            name, about, unit = (
                text if number == 1 else name,
                text if number == 2 else about,
                text if number == 5 else unit,
            )
    if not name:
        raise DecodeError("protobuf: a family has no name")
    exposed.metadata.append(Metadata(name, _TYPES[kind] if kind < len(_TYPES) else "unknown", about, unit))
    before = _rows(exposed, name)
    for metric in metrics:
        _metric(name, metric, exposed)
        if _rows(exposed, name) - before > max_rows:
            raise LimitError("there are more samples than the limit (ingest.max_request_rows)")
    return _rows(exposed, name) - before


def _rows(exposed: Exposed, family: str) -> int:
    return len(exposed.families.get(family, ()))


def _metric(family: str, raw: bytes, exposed: Exposed) -> None:
    labels: Pairs = []
    values = []
    for number, wire_type, content in _fields(raw):
        if number == 1 and wire_type == 2:
            parts = {part: _text(text) for part, kind, text in _fields(content) if kind == 2}
            labels.append((parts.get(1, ""), parts.get(2, "")))
        elif number == _TIME:
            raise DecodeError(f"{family!r} has a timestamp, which a push may not have: it counts from now on")
        elif wire_type == 2:
            values.append((number, content))
    for number, content in values:
        if number in _SIMPLE:
            exposed.add(family, family, labels, _double_of(content, 1))
        elif number == _SUMMARY:
            _summary(family, labels, content, exposed)
        elif number == _HISTOGRAM:
            _histogram(family, labels, content, exposed)


def _summary(family: str, labels: Pairs, raw: bytes, exposed: Exposed) -> None:
    count = _count_and_sum(family, labels, raw, exposed)
    for number, wire_type, content in _fields(raw):
        if number == 3 and wire_type == 2:
            quantile = _written(_double_of(content, 1))
            exposed.add(family, family, [*labels, ("quantile", quantile)], _double_of(content, 2))
    exposed.add(family, f"{family}_count", labels, count)


def _histogram(family: str, labels: Pairs, raw: bytes, exposed: Exposed) -> None:
    count = _count_and_sum(family, labels, raw, exposed)
    is_whole = False
    for number, wire_type, content in _fields(raw):
        if number == 3 and wire_type == 2:
            parts = {part: inner for part, _, inner in _fields(content)}
            bound = _double(parts.get(2, b""))
            held = _double(parts[4]) if 4 in parts else float(_whole(parts.get(1, b"")))
            is_whole = is_whole or bound == _INF
            exposed.add(family, f"{family}_bucket", [*labels, ("le", _written(bound))], held)
    if not is_whole:
        exposed.add(family, f"{family}_bucket", [*labels, ("le", "+Inf")], count)
    exposed.add(family, f"{family}_count", labels, count)


def _count_and_sum(family: str, labels: Pairs, raw: bytes, exposed: Exposed) -> float:
    parts = {number: content for number, wire_type, content in _fields(raw) if wire_type != 2}
    exposed.add(family, f"{family}_sum", labels, _double(parts.get(2, b"")))
    return _double(parts[4]) if 4 in parts else float(_whole(parts.get(1, b"")))


def _fields(raw: bytes) -> Iterator[Field]:
    buf = np.frombuffer(raw, np.uint8)
    at = 0
    while at < len(raw):
        tag, start, stop = wire.field(buf, at, len(raw))
        if start < 0:
            raise DecodeError(f"protobuf: a field is broken, at byte {stop} of its message")
        wire_type = int(tag) & 7
        if wire_type == 0:
            yield int(tag) >> 3, 0, int(wire.varint(buf, start, stop)[0]).to_bytes(8, "little")
        else:
            yield int(tag) >> 3, wire_type, raw[start:stop]
        at = stop


def _written(value: float) -> str:
    """A bound as it stands in labels, which is how Go writes it."""
    return str(floatToGoString(value))  # type: ignore[no-untyped-call] # the library has no types there


def _double_of(raw: bytes, number: int) -> float:
    return _double({part: content for part, kind, content in _fields(raw) if kind == 1}.get(number, b""))


def _double(content: bytes) -> float:
    if len(content) not in (0, 8):
        raise DecodeError(f"protobuf: a number has {len(content)} bytes, expected 8")
    return float(struct.unpack("<d", content)[0]) if content else 0.0


def _whole(content: bytes) -> int:
    return int.from_bytes(content, "little")


def _text(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise DecodeError(f"protobuf: text is not UTF-8: {error.reason}") from None
