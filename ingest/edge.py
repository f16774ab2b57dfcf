"""What a protocol is at the HTTP edge: a row, from which `ingest.api` makes a route."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from ingest.decoded import Bytes, Decoded
from ingest.limits import Limits
from ingest.pipeline import Accepted
from ingest.series.familiar import Familiar
from storage.errors import (
    Error,
    InputError,
    LimitError,
    OverloadedError,
    RateLimitError,
    UnsupportedMediaError,
)

SMALL_BYTES: Final = 128 << 10
"""Bodies up to here are decoded where they arrive, in less time than a thread takes to wake up."""


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """One request, but for its body.

    path: the values of the route's `{placeholders}`; query: parameters of the URL, the last of each; headers:
    by lower-case name. familiar: the series that the pipeline knows, for decoders to recognise.
    """

    method: str
    path: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    now_ms: int
    limits: Limits
    familiar: Familiar

    @property
    def media(self) -> str:
        """The content type without its parameters, in lower case; '' where there is none."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def check_media(self, *known: str) -> None:
        """Raise `UnsupportedMediaError` where a body of none of these kinds is announced."""
        if self.media and self.media not in known:
            given = self.headers["content-type"][:80]
            raise UnsupportedMediaError(f"content type {given!r} is not supported, expected {known[0]}")


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back to the sender."""

    status: int
    body: bytes = b""
    media: str = "text/plain; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)


Body: TypeAlias = bytes | Bytes


@dataclass(frozen=True, slots=True, eq=False)
class Route:
    """How the bodies of one path become samples.

    `decode(body, asked)` is pure; the body comes without its Content-Encoding, which is one of `encodings`,
    the first where the request names none; sniffs_gzip: the body's first bytes tell, not the header, which
    some senders get wrong. Bodies of up to `small_bytes` are decoded on the event loop.
    `answer(accepted, asked)` tells what was taken, `fail(status, error, asked)` what was not.
    """

    path: str
    protocol: str
    decode: Callable[[Body, Asked], Decoded]
    methods: tuple[str, ...] = ("POST",)
    encodings: tuple[str, ...] = ("", "identity", "gzip")
    small_bytes: int = 0
    sniffs_gzip: bool = False
    answer: Callable[[Accepted, Asked], Answer] = lambda accepted, _: plain_answer(accepted)
    fail: Callable[[int, Error, Asked], Answer] = lambda status, error, _: Answer(
        status, f"{error}\n".encode()
    )


def status_of(error: Error) -> int:
    """What senders act on: 4xx is not sent again, 429 and 503 are."""
    if isinstance(error, RateLimitError):
        return 429
    if isinstance(error, OverloadedError):
        return 503
    if isinstance(error, LimitError):
        return 413
    if isinstance(error, UnsupportedMediaError):
        return 415
    return 400 if isinstance(error, InputError) else 500


def plain_answer(accepted: Accepted, headers: Mapping[str, str] | None = None) -> Answer:
    """204, or 400 that names what was refused; the rest is stored in either case, so nobody should retry."""
    if not accepted.refused:
        return Answer(204, headers=headers or {})
    text = "the rest is stored; refused were\n" + refusals(accepted)
    return Answer(400, text.encode(), headers=headers or {})


def refusals(accepted: Accepted) -> str:
    """A line for every reason."""
    return "".join(
        f"{reason}: {refusal.count} refused, such as: {refusal.example}\n"
        for reason, refusal in accepted.refused.items()
    )
