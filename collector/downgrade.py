"""A request of remote write 2.0 rewritten as one of 1.0, for a receiver that turns out not to know 2.0.

Formats: prompb/io/prometheus/write/v2/types.proto and prompb/types.proto of Prometheus. What 1.0 cannot say
is left out: start times, and types and helps, which a collector repeats every few minutes anyway.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import cramjam

from collector.body import Body
from ingest.wire.encoding import varint
from storage.errors import DecodeError

_SYMBOL: Final = 0x22
_SERIES: Final = 0x2A
_REFS, _SAMPLE, _HISTOGRAM, _EXEMPLAR = 0x0A, 0x12, 0x1A, 0x22
_MESSAGE: Final = 2
_FIXED_BYTES: Final = {1: 8, 5: 4}


def downgraded(body: Body) -> Body:
    """The same samples as a request of 1.0. Raises DecodeError where the body is not what `encode` makes."""
    if body.version == 1:
        return body
    raw = as_v1(bytes(cramjam.snappy.decompress_raw(body.content)))
    return Body(bytes(cramjam.snappy.compress_raw(raw)), 1, body.samples)


def as_v1(raw: bytes) -> bytes:
    """A `prometheus.WriteRequest` of an `io.prometheus.write.v2.Request`; both not compressed."""
    fields = list(_fields(raw))
    symbols = [raw[start:end] for tag, start, end in fields if tag == _SYMBOL]
    series = (_series(raw[start:end], symbols) for tag, start, end in fields if tag == _SERIES)
    return b"".join(_message(0x0A, content) for content in series)


def _series(raw: bytes, symbols: Sequence[bytes]) -> bytes:
    parts = []
    for tag, start, end in _fields(raw):
        content = raw[start:end]
        if tag == _REFS:
            parts.append(_labels(content, symbols))
        elif tag == _SAMPLE:
            parts.append(_message(0x12, content))
        elif tag == _HISTOGRAM:
            parts.append(_message(0x22, content))
        elif tag == _EXEMPLAR:
            parts.append(_message(0x1A, _exemplar(content, symbols)))
    return b"".join(parts)


def _exemplar(raw: bytes, symbols: Sequence[bytes]) -> bytes:
    parts = []
    at = 0
    for tag, start, end in _fields(raw):
        # All but the labels is alike in both versions.
        parts.append(_labels(raw[start:end], symbols) if tag == _REFS else raw[at:end])
        at = end
    return b"".join(parts)


def _labels(refs: bytes, symbols: Sequence[bytes]) -> bytes:
    numbers, at = [], 0
    while at < len(refs):
        number, at = _number(refs, at)
        numbers.append(number)
    try:
        texts = [symbols[number] for number in numbers]
    except IndexError:
        raise DecodeError(f"a label has the number {max(numbers)}, of {len(symbols)} symbols") from None
    pairs = zip(texts[::2], texts[1::2], strict=True)
    return b"".join(_message(0x0A, _message(0x0A, name) + _message(0x12, value)) for name, value in pairs)


def _message(tag: int, content: bytes) -> bytes:
    return bytes((tag,)) + varint(len(content)) + content


def _fields(raw: bytes) -> Iterator[tuple[int, int, int]]:
    """(tag, start, end) of every field's content."""
    at = 0
    while at < len(raw):
        tag, at = _number(raw, at)
        wire_type = tag & 7
        if wire_type == _MESSAGE:
            size, at = _number(raw, at)
            end = at + size
        elif wire_type in _FIXED_BYTES:
            end = at + _FIXED_BYTES[wire_type]
        elif wire_type == 0:
            _, end = _number(raw, at)
        else:
            raise DecodeError(f"a field has the wire type {wire_type}, expected 0, 1, 2 or 5")
        if end > len(raw):
            raise DecodeError(f"a field ends at byte {end}, of {len(raw)}")
        yield tag, at, end
        at = end


def _number(raw: bytes, at: int) -> tuple[int, int]:
    """A varint and where it ends."""
    number = shift = 0
    while at < len(raw) and shift < 64:
        byte = raw[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
        shift += 7
    raise DecodeError(f"a varint does not end by byte {at}")
