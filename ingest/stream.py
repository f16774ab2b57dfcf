"""What a protocol is on a TCP port of its own: a row, from which `ingest.listener` makes connections."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ingest.decoded import Decoded
from ingest.edge import Asked, Body, Route
from ingest.pipeline import Accepted

_METHODS: Final = (b"GET /", b"POST /", b"PUT /", b"HEAD /", b"DELETE /", b"OPTIONS /")
_GZIP: Final = b"\x1f\x8b"


def whole_lines(buffer: bytearray) -> int:
    """How many bytes of the buffer are lines that have ended."""
    return buffer.rfind(b"\n") + 1


@dataclass(frozen=True, slots=True, eq=False)
class Stream:
    """How the bytes of one port become samples.

    `decode(body, asked)` is pure and gets whole messages, as many as have come: `cut(buffer)` says how many
    bytes those are, and raises `DecodeError` where the connection cannot go on. `reply(body, accepted)` is
    what the sender is told, where the protocol tells anything. gzip: whether senders may compress what they
    send. routes: what is answered where a sender speaks HTTP on the same port, nothing where there are none.
    A message that is too long is skipped up to the next `resume`; without one the connection is closed.
    message_bytes: what the longest message has, where that may be more than the listener's limit.
    """

    protocol: str
    decode: Callable[[Body, Asked], Decoded]
    cut: Callable[[bytearray], int] = whole_lines
    reply: Callable[[bytes, Accepted], bytes] | None = None
    gzip: bool = False
    routes: tuple[Route, ...] = ()
    resume: bytes = b"\n"
    message_bytes: int = 0


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """What connections may cost: bytes of one message, of all that waits, connections, seconds of silence."""

    max_message_bytes: int = 64 << 10
    max_buffered_bytes: int = 64 << 20
    max_connections: int = 20_000
    idle_s: float = 3_600.0


def is_gzip(head: bytes) -> bool | None:
    """Whether a stream that begins so is compressed; None where more bytes have to come."""
    return None if len(head) < len(_GZIP) and _GZIP.startswith(head) else head.startswith(_GZIP)


def is_http(head: bytes) -> bool | None:
    """Whether a stream that begins so is HTTP; None where more bytes have to come."""
    if head.startswith(_METHODS):
        return True
    return None if any(method.startswith(head) for method in _METHODS) else False
