"""The HTTP edge of the write path."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Executor, Future
from typing import Final

from fastapi import APIRouter
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from ingest.decoded import Decoded, Refusal
from ingest.pipeline import Accepted, Pipeline
from ingest.protocols import exposition, remote_write
from ingest.protocols.compression import Scratch, decompress, decompress_snappy
from storage.errors import Error, InputError, LimitError, OverloadedError

_V1: Final = "prometheus.WriteRequest"
_V2: Final = "io.prometheus.write.v2.Request"

Handler = Callable[[Request], Awaitable[Response]]


class UnsupportedMediaError(InputError):
    """The body is of a kind that the route does not take."""


def create_router(
    pipeline: Pipeline, executor: Executor, clock: Callable[[], float] = time.time
) -> APIRouter:
    """Routes that take samples. Decoding runs on `executor`, off the event loop."""
    kept = threading.local()

    def scratch_of_thread() -> Scratch:
        if not hasattr(kept, "scratch"):
            kept.scratch = Scratch()
        scratch: Scratch = kept.scratch
        return scratch

    async def write(request: Request) -> Response:
        version = _protocol(request.headers.get("content-type", ""))
        encoding = request.headers.get("content-encoding", "snappy")
        if encoding != "snappy":
            raise UnsupportedMediaError(f"content encoding {encoding!r} is not supported, expected snappy")
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
        kind = request.headers.get("content-type", "")
        encoding = request.headers.get("content-encoding", "")
        now_ms = int(clock() * 1000)
        limits = pipeline.limits

        def decode(body: bytes) -> Decoded:
            raw = decompress(body, encoding, limits.max_decoded_bytes)
            return exposition.decode(raw, now_ms, "openmetrics" in kind, limits.max_request_rows)

        accepted = await take(request, decode)
        return _answer(accepted.refused, {})

    async def take(request: Request, decode: Callable[[bytes], Decoded]) -> Accepted:
        body = await _body(request, pipeline.limits.max_body_bytes)

        def work() -> tuple[Accepted, Future[None]]:
            return pipeline.submit(decode(body))

        accepted, durable = await asyncio.get_running_loop().run_in_executor(executor, work)
        await asyncio.wrap_future(durable)
        return accepted

    router = APIRouter()
    counter = pipeline.metrics.requests
    router.add_route("/api/v1/write", _edge(write, "remote_write", counter.labels), methods=["POST"])
    router.add_route(
        "/api/v1/import/prometheus", _edge(import_text, "exposition", counter.labels), methods=["POST"]
    )
    return router


def _edge(handler: Handler, protocol: str, count: Callable[..., object]) -> Handler:
    """Turn Swell's errors into statuses that senders act on: 4xx is not retried, 503 is."""

    async def guarded(request: Request) -> Response:
        try:
            response = await handler(request)
        except ClientDisconnect:
            response = Response(status_code=499)
        except OverloadedError as error:
            response = _refuse(503, error)
            response.headers["Retry-After"] = str(max(1, round(error.retry_after_s)))
        except LimitError as error:
            response = _refuse(413, error)
        except UnsupportedMediaError as error:
            response = _refuse(415, error)
        except InputError as error:
            response = _refuse(400, error)
        labelled = count(protocol, str(response.status_code))
        labelled.inc()  # type: ignore[attr-defined] # a labelled prometheus_client counter
        return response

    return guarded


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


def _protocol(content_type: str) -> str:
    media, *parameters = [part.strip() for part in content_type.split(";")]
    if media.lower() not in ("", "application/x-protobuf"):
        raise UnsupportedMediaError(
            f"content type {content_type!r} is not supported, expected application/x-protobuf"
        )
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip().lower() == "proto":
            name = value.strip().strip('"')
            if name not in (_V1, _V2):
                raise UnsupportedMediaError(
                    f"protobuf message {name!r} is not supported, expected {_V1} or {_V2}"
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
