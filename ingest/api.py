"""The HTTP edge of the write path."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future
from typing import Final
from urllib.parse import parse_qsl

from fastapi import APIRouter
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from ingest.acknowledgements import Acknowledgements
from ingest.bodies import Bodies
from ingest.edge import Answer, Asked, Body, Route, status_of
from ingest.handlers import collectd, exposition, opentsdb, remote_write
from ingest.pipeline import Accepted, Pipeline
from ingest.protocols.compression import Scratch, decompress, decompress_snappy
from ingest.stream import is_gzip
from storage.errors import Error, OverloadedError, UnsupportedMediaError

ROUTES: Final = (*remote_write.ROUTES, *exposition.ROUTES, *opentsdb.ROUTES, *collectd.ROUTES)
"""Every protocol that comes by HTTP and needs nothing but the pipeline."""

_SMALL_GZIP_BYTES: Final = 4_096
"""A body that is gzip may hold a thousand times its bytes."""


def create_router(
    pipeline: Pipeline,
    executor: Executor,
    clock: Callable[[], float] = time.time,
    routes: Sequence[Route] = ROUTES,
) -> APIRouter:
    """Routes that take samples. Large bodies are decoded on `executor`, off the event loop."""
    taker = _Taker(pipeline, executor, clock)
    router = APIRouter()
    for route in routes:
        router.add_route(route.path, _Endpoint(route, taker))  # type: ignore[arg-type] # ASGI, as Starlette allows

    async def refused(_: Request) -> Response:
        return JSONResponse({"status": "success", "data": pipeline.refusals.report()})

    router.add_route("/api/v1/status/refused", refused, methods=["GET"])
    return router


class _Taker:
    """From a request to durable samples."""

    def __init__(self, pipeline: Pipeline, executor: Executor, clock: Callable[[], float]) -> None:
        self.pipeline = pipeline
        self._executor = executor
        self._clock = clock
        self._kept = threading.local()
        self._durably = Acknowledgements()
        limits = pipeline.limits
        self._bodies = Bodies(limits.max_pending_bytes, limits.body_timeout_s)

    def asked(self, request: Request) -> Asked:
        """The request as protocols see it."""
        query = request.scope["query_string"]
        return Asked(
            request.method,
            request.path_params,
            dict(parse_qsl(query.decode("latin-1"), keep_blank_values=True)) if query else {},
            request.headers,
            int(self._clock() * 1000),
            self.pipeline.limits,
            self.pipeline.familiar,
        )

    async def take(self, route: Route, request: Request, asked: Asked) -> Accepted:
        """Return once the samples are durable. Raises as decoders and the pipeline do."""
        encoding = _encoding(asked.headers, route.encodings)
        body = await self._bodies.read(request.stream(), asked.headers, self.pipeline.limits.max_body_bytes)
        if route.sniffs_gzip:
            encoding = "gzip" if is_gzip(body) else ""

        def work() -> tuple[Accepted, Future[None]]:
            self.pipeline.check_room()
            return self.pipeline.submit(route.decode(self._plain(body, encoding), asked), route.protocol)

        small_bytes = min(route.small_bytes, _SMALL_GZIP_BYTES) if encoding == "gzip" else route.small_bytes
        if len(body) <= small_bytes and not self.pipeline.is_busy:
            accepted, durable = work()
        else:
            accepted, durable = await asyncio.get_running_loop().run_in_executor(self._executor, work)
        await self._durably.wait(durable)
        return accepted

    def _plain(self, body: bytes, encoding: str) -> Body:
        limit = self.pipeline.limits.max_decoded_bytes
        if encoding != "snappy":
            return decompress(body, encoding, limit)
        if not hasattr(self._kept, "scratch"):
            self._kept.scratch = Scratch()
        return decompress_snappy(body, limit, self._kept.scratch)


class _Endpoint:
    """A route as an ASGI application, which the router calls without wrapping it."""

    def __init__(self, route: Route, taker: _Taker) -> None:
        self._route = route
        self._taker = taker

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        response = await self._answer(Request(scope, receive))
        count = self._taker.pipeline.metrics.requests.labels
        count(self._route.protocol, str(response.status_code)).inc()
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        route = self._route
        if request.method not in route.methods:
            allowed = ", ".join(route.methods)
            text = f"method {request.method} is not allowed, expected {allowed}\n"
            return Response(text, 405, headers={"Allow": allowed}, media_type="text/plain")
        asked = self._taker.asked(request)
        try:
            accepted = await self._taker.take(route, request, asked)
            return _response(route.answer(accepted, asked))
        except ClientDisconnect:
            return Response(status_code=499)
        except Error as error:
            self._taker.pipeline.refusals.note_request(route.protocol, asked.now_ms, error)
            status = status_of(error)
            if status >= 500 and not isinstance(error, OverloadedError):
                raise
            response = _response(route.fail(status, error, asked))
            if isinstance(error, OverloadedError):
                response.headers["Retry-After"] = str(max(1, round(error.retry_after_s)))
            return response


def _response(answer: Answer) -> Response:
    media = answer.media if answer.body else None
    return Response(answer.body, answer.status, headers=dict(answer.headers), media_type=media)


def _encoding(headers: Mapping[str, str], known: Sequence[str]) -> str:
    encoding = headers.get("content-encoding", known[0]).strip().lower()
    if encoding not in known:
        expected = " or ".join(name for name in known if name)
        raise UnsupportedMediaError(
            f"content encoding {encoding[:80]!r} is not supported, expected {expected}"
        )
    return encoding
