"""Native histograms as clients expose them, rewritten as remote write has them.

Formats: `io.prometheus.client.Histogram` of prometheus/client_model and `prometheus.Histogram` of
prompb/types.proto. They differ in the numbers of their fields; buckets, counts and spans are the same.
"""

from __future__ import annotations

import struct
from typing import Final

from collector.scrape.fields import Content, double, message, whole
from ingest.wire.encoding import varint
from storage.errors import DecodeError
from storage.model import STALE_NAN_BITS

_ZERO_THRESHOLD, _ZERO_COUNT, _ZERO_COUNT_FLOAT = 6, 7, 8
_SPANS: Final = {9: b"\x42", 12: b"\x5a"}
_DELTAS: Final = {10: b"\x4a", 13: b"\x62"}
_COUNTS: Final = {11: b"\x52", 14: b"\x6a"}
_WHOLES: Final = {1: b"\x08", 5: b"\x20", 7: b"\x30"}
"""Of the exposed field the tag in remote write: count, schema, count of the zero bucket."""
_DOUBLES: Final = {4: b"\x11", 2: b"\x19", 6: b"\x29", 8: b"\x39"}
"""Likewise: count as a float, sum, width of the zero bucket, its count as a float."""
_GAUGE_HINT: Final = b"\x70\x03"
_COUNT: Final = 1


def is_native(parts: list[tuple[int, Content]]) -> bool:
    """Whether a histogram has native buckets, be they all empty."""
    for number, content in parts:
        if number in _SPANS:
            return True
        if number in (_ZERO_THRESHOLD, _ZERO_COUNT_FLOAT) and double(content) > 0:
            return True
        if number == _ZERO_COUNT and whole(content) > 0:
            return True
    return False


def histogram_message(parts: list[tuple[int, Content]], is_gauge: bool) -> bytes:
    """A `prometheus.Histogram` without a time. Raises `DecodeError`.

    A whole count stands for one of floats where both are given, so it is left out where the other is not 0.
    """
    is_float = any(number == 4 and double(content) for number, content in parts)
    found: list[bytes] = []
    packed: dict[int, bytes] = {}
    for number, content in parts:
        if number in _SPANS:
            found.append(_sized(_SPANS[number], message(content)))
        elif number in _DELTAS or number in _COUNTS:
            packed[number] = packed.get(number, b"") + _packed(number, content)
        elif number in _WHOLES and not (is_float and number in (_COUNT, _ZERO_COUNT)):
            found.append(_WHOLES[number] + varint(whole(content)))
        elif number in _DOUBLES and (is_float or number not in (4, _ZERO_COUNT_FLOAT)):
            double(content)
            found.append(_DOUBLES[number] + message(content))
    found += [_sized((_DELTAS | _COUNTS)[number], content) for number, content in packed.items()]
    return b"".join(found) + (_GAUGE_HINT if is_gauge else b"")


def with_time(encoded: bytes, time_ms: int) -> bytes:
    """The message with its time."""
    return encoded + b"\x78" + varint(time_ms & 0xFFFFFFFFFFFFFFFF)


def stale_histogram(time_ms: int) -> bytes:
    """The message that ends the series of a histogram: its sum is the staleness marker."""
    return with_time(b"\x19" + struct.pack("<Q", STALE_NAN_BITS), time_ms)


def _sized(tag: bytes, content: bytes) -> bytes:
    return tag + varint(len(content)) + content


def _packed(number: int, content: Content) -> bytes:
    """Numbers of a repeated field, which come one by one or packed already."""
    if isinstance(content, int):
        if number not in _DELTAS:
            raise DecodeError("protobuf: a count of a bucket is no double")
        return varint(content)
    if number in _COUNTS and len(content) % 8:
        raise DecodeError("protobuf: counts of buckets are no doubles")
    return content
