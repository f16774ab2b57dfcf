"""The HTTP API of queries: Prometheus's `/api/v1`, and binary frames for charts.

Queries run in worker threads, never on the event loop, and are cancelled when their client goes away.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import parse_qs

from fastapi import APIRouter
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from query.answers.routes import Answers, Job
from query.answers.status import Status
from query.deadline import Deadline
from query.engine import Engine
from query.parameters import Parameters
from query.quick import Quick
from query.remote_read.answer import Answer, answer
from query.render.json import render_error
from storage.errors import (
    CancelledError,
    DeadlineError,
    Error,
    ExecutionError,
    InputError,
    LimitError,
    OverloadedError,
    ParseError,
    StorageError,
    UnavailableError,
)
from storage.interface import SeriesCatalogue, Storage

T = TypeVar("T")

_MAX_BODY_BYTES = 1_000_000
_WORKERS = 8
_CLIENT_GONE = 499
_COMPRESS_FROM_BYTES = 1024
_JSON = "application/json"
_SMALL_S = 0.005
"""Until then nobody looks whether the client is still there."""
_STATUS: list[tuple[type[Error], int, str]] = [
    (InputError, 400, "bad_data"),
    (DeadlineError, 503, "timeout"),
    (CancelledError, _CLIENT_GONE, "canceled"),
    (ExecutionError, 422, "execution"),
    (LimitError, 422, "execution"),
    (OverloadedError, 503, "unavailable"),
    (UnavailableError, 503, "unavailable"),
    (StorageError, 500, "internal"),
]


def create_router(
    engine: Engine,
    catalogue: SeriesCatalogue,
    storage: Storage,
    clock: Callable[[], float],
    *,
    executor: Executor | None = None,
    timeout_s: float = 120.0,
    status: Status | None = None,
) -> APIRouter:
    """The routes. `clock` gives seconds since the epoch, the default `time` of an instant query.

    `executor` runs the queries, and its size bounds how many run at once; `timeout_s` is the longest that
    one may take; `status` is what the process tells of itself.
    """
    answers = Answers(engine, catalogue, storage, status or Status(), clock)
    edge = _Edge(executor or ThreadPoolExecutor(_WORKERS, "query"), timeout_s)
    router = APIRouter()
    for route in answers.routes():
        path = route.path[1:] if route.path.startswith("//") else f"/api/v1{route.path}"
        methods = ("GET", "HEAD", "POST") if route.takes_forms else ("GET", "HEAD")
        _add(router, path, edge.route(route.job, route.media_type), methods)
    _add(router, "/api/v1/read", edge.remote_read(engine), ("POST",))
    return router


Handler = Callable[[Request], Awaitable[Response]]


def _add(router: APIRouter, path: str, handler: Handler, methods: Sequence[str]) -> None:
    endpoint = GZipMiddleware(_Endpoint(handler, methods), _COMPRESS_FROM_BYTES, compresslevel=1)
    router.add_route(path, endpoint)  # type: ignore[arg-type] # ASGI, as Starlette allows


class _Endpoint:
    """A handler as an ASGI application: finding out its parameters takes longer than a small query."""

    def __init__(self, handler: Handler, methods: Sequence[str]) -> None:
        self._handler = handler
        self._methods = methods

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        if request.method in self._methods:
            response = await self._handler(request)
        else:
            text = f"method {request.method} is not allowed, expected {' or '.join(self._methods)}"
            body = render_error("bad_data", text)
            response = Response(body, 405, {"Allow": ", ".join(self._methods)}, _JSON)
        await response(scope, receive, send)


@dataclass(frozen=True, slots=True)
class _Edge:
    """Between HTTP and the queries: parameters, threads, errors, and clients that go away."""

    executor: Executor
    timeout_s: float
    quick: Quick = field(default_factory=Quick)

    def route(self, job: Job, media_type: str) -> Handler:
        async def answer(request: Request) -> Response:
            try:
                body = await self._run(request, job, await _parameters(request))
            except Error as error:
                return _refusal(error)
            return Response(body, media_type=media_type)

        return answer

    def remote_read(self, engine: Engine) -> Handler:
        """`/api/v1/read`, whose body is no form and whose answer may be long."""

        async def answered(request: Request) -> Response:
            try:
                body, deadline = await _body(request), Deadline(self.timeout_s)
                found = await self._done(request, deadline, lambda: _read(engine, body, deadline))
            except Error as error:
                return _refusal(error)
            headers = {"content-encoding": found.encoding} if found.encoding else {}
            return StreamingResponse(found.pieces, media_type=found.media_type, headers=headers)

        return answered

    async def _run(self, request: Request, job: Job, parameters: Parameters) -> bytes:
        deadline, key = Deadline(self._timeout(parameters)), self.quick.key(request.scope["path"], parameters)
        took_s = 0.0

        def work() -> bytes:
            nonlocal took_s
            began = time.perf_counter()
            try:
                return job(parameters, deadline)
            finally:
                took_s = time.perf_counter() - began

        try:
            return work() if key in self.quick else await self._done(request, deadline, work)
        finally:
            self.quick.note(key, took_s)

    async def _done(self, request: Request, deadline: Deadline, work: Callable[[], T]) -> T:
        """Do work in a thread, and cancel it when the client leaves."""
        loop = asyncio.get_running_loop()
        working = loop.run_in_executor(self.executor, work)
        try:
            await asyncio.wait((working,), timeout=_SMALL_S)
        except asyncio.CancelledError:
            deadline.cancel()
            raise
        if working.done():
            return working.result()
        leaving = asyncio.ensure_future(_client_left(request))
        try:
            waited: set[asyncio.Future[Any]] = {working, leaving}
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                deadline.cancel()
            return await working
        except asyncio.CancelledError:
            deadline.cancel()
            raise
        finally:
            leaving.cancel()

    def _timeout(self, parameters: Parameters) -> float:
        asked_ms = parameters.duration_ms("timeout")
        return self.timeout_s if asked_ms is None else min(self.timeout_s, asked_ms / 1000)


def _read(engine: Engine, body: bytes, deadline: Deadline) -> Answer:
    return answer(body, lambda query: engine.read(query.matchers, query.time_range, deadline=deadline))


async def _client_left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _parameters(request: Request) -> Parameters:
    """Path, form and query string in one; the form comes before the query string, as in Go."""
    body = await _body(request)
    is_form = request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
    values: dict[str, list[str]] = {}
    try:
        sources = [body.decode() if is_form else "", request.url.query]
        for source in sources:
            for name, found in parse_qs(source, keep_blank_values=True, errors="strict").items():
                values.setdefault(name, []).extend(found)
    except (UnicodeDecodeError, ValueError) as error:
        raise InputError(f"cannot read the parameters: {error}") from None
    for name, text in request.path_params.items():
        values[name] = [text]
    return Parameters(values)


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > _MAX_BODY_BYTES:
            raise InputError(f"the form has more than {_MAX_BODY_BYTES} bytes")
    return bytes(body)


def _refusal(error: Error) -> Response:
    status, kind = next(
        ((status, kind) for cls, status, kind in _STATUS if isinstance(error, cls)), (500, "internal")
    )
    named = 'invalid parameter "query": ' if isinstance(error, ParseError) else ""
    return Response(render_error(kind, f"{named}{error}"), status, media_type=_JSON)
