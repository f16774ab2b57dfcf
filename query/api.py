"""The HTTP API of queries: Prometheus's `/api/v1`, and binary frames for charts.

Queries run in worker threads, never on the event loop, and are cancelled when their client goes away.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import parse_qs

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from query.answers.routes import Answers, Job
from query.answers.status import Status
from query.deadline import Deadline
from query.engine import Engine
from query.parameters import Parameters
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
        methods = ["GET", "POST"] if route.takes_forms else ["GET"]
        # Not `add_api_route`: working out the parameters of a handler takes longer than a small query.
        router.add_route(path, edge.route(route.job, route.media_type), methods=methods)
    router.add_route("/api/v1/read", edge.remote_read(engine), methods=["POST"])
    return router


@dataclass(frozen=True, slots=True)
class _Edge:
    """Between HTTP and the queries: parameters, threads, errors, and clients that go away."""

    executor: Executor
    timeout_s: float

    def route(self, job: Job, media_type: str) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            try:
                parameters = await _parameters(request)
                body = await self._run(request, job, parameters)
            except Error as error:
                return _refusal(error)
            return Response(body, media_type=media_type)

        return answer

    def remote_read(self, engine: Engine) -> Callable[[Request], Awaitable[Response]]:
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
        deadline = Deadline(self._timeout(parameters))
        return await self._done(request, deadline, lambda: job(parameters, deadline))

    async def _done(self, request: Request, deadline: Deadline, work: Callable[[], T]) -> T:
        """Do work in a thread, and cancel it when the client leaves."""
        loop = asyncio.get_running_loop()
        working = loop.run_in_executor(self.executor, work)
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
    return Response(render_error(kind, f"{named}{error}"), status, media_type="application/json")
