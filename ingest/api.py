"""The HTTP edge of the write path."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import Executor, Future
from typing import Final

from fastapi import APIRouter
from prometheus_client import Counter
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ingest.acknowledgements import Acknowledgements
from ingest.decoded import Decoded, Refusal
from ingest.pipeline import Accepted, Pipeline
from ingest.protocols import exposition, remote_write
from ingest.protocols.compression import Scratch, decompress, decompress_snappy
from storage.errors import Error, InputError, LimitError, OverloadedError

_V1: Final = "prometheus.WriteRequest"
_V2: Final = "io.prometheus.write.v2.Request"
_TEXT_ENCODINGS: Final = ("", "identity", "gzip", "snappy")
_TEXT_MEDIA: Final = frozenset(
    (
        "",
        "text/plain",
        "application/openmetrics-text",
        "application/octet-stream",
        "application/x-www-form-urlencoded",  # what curl says of any body
    )
)
_SMALL_BYTES: Final = 128 << 10

Handler = Callable[[Request], Awaitable[Response]]


class UnsupportedMediaError(InputError):
    """The body is of a kind that the route does not take."""


def create_router(
    pipeline: Pipeline, executor: Executor, clock: Callable[[], float] = time.time
) -> APIRouter:
    """Routes that take samples.

    Small bodies, which are most, are decoded where they arrive, in less time than a thread takes to wake up;
    large ones on `executor`, off the event loop.
    """
    kept = threading.local()
    durably = Acknowledgements()

    def scratch_of_thread() -> Scratch:
        if not hasattr(kept, "scratch"):
            kept.scratch = Scratch()
        scratch: Scratch = kept.scratch
        return scratch

    async def write(request: Request) -> Response:
        version = _protocol(request.headers.get("content-type", ""))
        _encoding(request, "snappy", ("snappy",))
        limits = pipeline.limits

        def decode(body: bytes) -> Decoded:
            raw = decompress_snappy(body, limits.max_decoded_bytes, scratch_of_thread())
            if version == _V2:
                return remote_write.decode_v2(raw, limits.max_request_rows)
            return remote_write.decode_v1(raw, limits.max_request_rows, pipeline.familiar)

        accepted = await take(request, decode)
        written = {
            "X-Prometheus-Remote-Write-Samples-Written": str(accepted.samples),
            "X-Prometheus-Remote-Write-Histograms-Written": str(accepted.histograms),
            "X-Prometheus-Remote-Write-Exemplars-Written": str(accepted.exemplars),
        }
        return _answer(accepted.refused, written if version == _V2 else {})

    async def import_text(request: Request) -> Response:
        media = _text_media(request.headers.get("content-type", ""))
        encoding = _encoding(request, "", _TEXT_ENCODINGS)
        now_ms = int(clock() * 1000)
        limits = pipeline.limits

        def decode(body: bytes) -> Decoded:
            raw = decompress(body, encoding, limits.max_decoded_bytes)
            return exposition.decode(
                raw, now_ms, media == "application/openmetrics-text", limits.max_request_rows
            )

        accepted = await take(request, decode, small_bytes=0)
        return _answer(accepted.refused, {})

    # A few bytes of gzip may be a million lines of text, which Python reads: never where others wait.
    async def take(
        request: Request, decode: Callable[[bytes], Decoded], small_bytes: int = _SMALL_BYTES
    ) -> Accepted:
        body = await _body(request, pipeline.limits.max_body_bytes)

        def work() -> tuple[Accepted, Future[None]]:
            return pipeline.submit(decode(body))

        if len(body) <= small_bytes and not pipeline.is_busy:
            accepted, durable = work()
        else:
            accepted, durable = await asyncio.get_running_loop().run_in_executor(executor, work)
        await durably.wait(durable)
        return accepted

    count = pipeline.metrics.requests.labels
    router = APIRouter()
    for path, handler, protocol in (
        ("/api/v1/write", write, "remote_write"),
        ("/api/v1/import/prometheus", import_text, "exposition"),
    ):
        router.add_route(path, _Endpoint(handler, protocol, count))  # type: ignore[arg-type] # ASGI, as Starlette allows
    return router


class _Endpoint:
    """A handler as an ASGI application, which the router calls without wrapping it.

    Swell's errors become statuses that senders act on: 4xx is not retried, 503 is.
    """

    def __init__(self, handler: Handler, protocol: str, count: Callable[..., Counter]) -> None:
        self._handler = handler
        self._protocol = protocol
        self._count = count

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        response = await self._answer(Request(scope, receive))
        self._count(self._protocol, str(response.status_code)).inc()
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        if request.method != "POST":
            text = f"method {request.method} is not allowed, expected POST\n"
            return Response(text, 405, headers={"Allow": "POST"}, media_type="text/plain")
        try:
            return await self._handler(request)
        except ClientDisconnect:
            return Response(status_code=499)
        except OverloadedError as error:
            response = _refuse(503, error)
            response.headers["Retry-After"] = str(max(1, round(error.retry_after_s)))
            return response
        except LimitError as error:
            return _refuse(413, error)
        except UnsupportedMediaError as error:
            return _refuse(415, error)
        except InputError as error:
            return _refuse(400, error)


def _refuse(status: int, error: Error) -> Response:
    return Response(f"{error}\n", status, media_type="text/plain")


def _answer(refused: Mapping[str, Refusal], headers: Mapping[str, str]) -> Response:
    """204, or 400 that names what was refused; the rest is stored in either case, so nobody should retry."""
    if not refused:
        return Response(status_code=204, headers=dict(headers))
    lines = [
        f"{reason}: {refusal.count} refused, such as: {refusal.example}"
        for reason, refusal in refused.items()
    ]
    text = "the rest is stored; refused were\n" + "\n".join(lines) + "\n"
    return Response(text, 400, headers=dict(headers), media_type="text/plain")


def _encoding(request: Request, default: str, known: Sequence[str]) -> str:
    encoding = request.headers.get("content-encoding", default)
    if encoding.strip().lower() not in known:
        expected = " or ".join(name for name in known if name)
        raise UnsupportedMediaError(
            f"content encoding {encoding[:80]!r} is not supported, expected {expected}"
        )
    return encoding.strip().lower()


def _text_media(content_type: str) -> str:
    media = content_type.partition(";")[0].strip().lower()
    if media not in _TEXT_MEDIA:
        raise UnsupportedMediaError(
            f"content type {content_type[:80]!r} is not supported, expected text/plain or "
            "application/openmetrics-text"
        )
    return media


def _protocol(content_type: str) -> str:
    media, *parameters = [part.strip() for part in content_type.split(";")]
    if media.lower() not in ("", "application/x-protobuf"):
        raise UnsupportedMediaError(
            f"content type {content_type[:80]!r} is not supported, expected application/x-protobuf"
        )
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip().lower() == "proto":
            name = value.strip().strip('"')
            if name not in (_V1, _V2):
                raise UnsupportedMediaError(
                    f"protobuf message {name[:80]!r} is not supported, expected {_V1} or {_V2}"
                )
            return name
    return _V1


async def _body(request: Request, max_bytes: int) -> bytes:
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > max_bytes:
        raise LimitError(f"the body has {declared} bytes, the limit (ingest.max_body_bytes) is {max_bytes}")
    parts = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > max_bytes:
            raise LimitError(f"the body has more than {max_bytes} bytes, the limit (ingest.max_body_bytes)")
        parts.append(part)
    return b"".join(parts)
