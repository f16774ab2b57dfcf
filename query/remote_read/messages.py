"""The messages of remote read on the wire: requests are read, responses are written.

Source: prometheus/prometheus, prompb/remote.proto and prompb/types.proto.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from storage.errors import InputError
from storage.model import Labels, Matcher, MatchOp, TimeRange

SAMPLES: Final = 0
STREAMED_CHUNKS: Final = 1
_XOR: Final = 1
_OPS: Final = (MatchOp.EQUAL, MatchOp.NOT_EQUAL, MatchOp.REGEX, MatchOp.NOT_REGEX)
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


@dataclass(frozen=True, slots=True)
class ReadQuery:
    """One selector over [start, end]."""

    matchers: tuple[Matcher, ...]
    time_range: TimeRange


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """`accepted`: the kinds of response that the client takes, the best first."""

    queries: tuple[ReadQuery, ...]
    accepted: tuple[int, ...]


def read_request(body: bytes) -> ReadRequest:
    """A ReadRequest. Raises `InputError` where the bytes are none."""
    queries, accepted = [], []
    for number, value in _fields(body):
        if number == 1 and isinstance(value, bytes):
            queries.append(_query(value))
        elif number == 2 and isinstance(value, bytes):
            accepted += _varints(value)
        elif number == 2 and isinstance(value, int):
            accepted.append(value)
    return ReadRequest(tuple(queries), tuple(accepted) or (SAMPLES,))


def labels_message(labels: Labels) -> bytes:
    """The `labels` fields (1) of a series."""
    return b"".join(
        message(1, message(1, name.encode()) + message(2, value.encode())) for name, value in labels
    )


def chunk_message(first_ms: int, last_ms: int, data: bytes) -> bytes:
    """A Chunk of XOR encoding."""
    return integer(1, first_ms) + integer(2, last_ms) + integer(3, _XOR) + message(4, data)


def message(number: int, content: bytes) -> bytes:
    """A field of bytes."""
    return varint(number << 3 | _BYTES) + varint(len(content)) + content


def integer(number: int, value: int) -> bytes:
    """A field of an int64 or an enumeration; 0 is left out."""
    return varint(number << 3 | _VARINT) + varint(value & (1 << 64) - 1) if value else b""


def double(number: int, value: float) -> bytes:
    """A field of a double."""
    return varint(number << 3 | _FIXED64) + struct.pack("<d", value)


def varint(value: int) -> bytes:
    """A number of 0 or more, seven bits a byte."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def zigzag(value: int) -> int:
    """A signed number as sint32 and sint64 write it."""
    return value << 1 if value >= 0 else (-value << 1) - 1


def _query(body: bytes) -> ReadQuery:
    times, matchers = {1: 0, 2: 0}, []
    for number, value in _fields(body):
        if number in times and isinstance(value, int):
            times[number] = value - (1 << 64) if value >= 1 << 63 else value
        elif number == 3 and isinstance(value, bytes):
            matchers.append(_matcher(value))
    return ReadQuery(tuple(matchers), TimeRange(times[1], times[2]))


def _matcher(body: bytes) -> Matcher:
    op, texts = 0, {2: "", 3: ""}
    for number, value in _fields(body):
        if number == 1 and isinstance(value, int):
            op = value
        elif number in texts and isinstance(value, bytes):
            texts[number] = _text(value)
    if op >= len(_OPS):
        raise InputError(f"remote read: matcher type {op}, expected 0 to {len(_OPS) - 1}")
    return Matcher(texts[2], _OPS[op], texts[3])


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise InputError(f"remote read: {value!r} of a matcher is not UTF-8") from None


def _fields(body: bytes) -> Iterator[tuple[int, int | bytes]]:
    at = 0
    while at < len(body):
        tag, at = _varint(body, at)
        kind = tag & 7
        if kind == _VARINT:
            value, at = _varint(body, at)
            yield tag >> 3, value
            continue
        if kind == _BYTES:
            size, at = _varint(body, at)
        else:
            size = {_FIXED64: 8, _FIXED32: 4}.get(kind, -1)
        if size < 0 or at + size > len(body):
            raise InputError(f"remote read: field {tag >> 3} at byte {at} is cut off or of an unknown kind")
        yield tag >> 3, body[at : at + size]
        at += size


def _varints(body: bytes) -> list[int]:
    found, at = [], 0
    while at < len(body):
        value, at = _varint(body, at)
        found.append(value)
    return found


def _varint(body: bytes, at: int) -> tuple[int, int]:
    value = 0
    for place in range(10):
        if at + place >= len(body):
            break
        byte = body[at + place]
        value |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return value & (1 << 64) - 1, at + place + 1
    raise InputError(f"remote read: the number at byte {at} does not end")
