"""The HTTP API of queries: Prometheus's `/api/v1`, and binary frames for charts.

Queries run in worker threads, never on the event loop, and are cancelled when their client goes away.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qs

from fastapi import APIRouter, Request, Response

from query.block import Result
from query.deadline import Deadline
from query.engine import Engine
from query.parameters import Parameters, RangeTimes
from query.parser import parse
from query.printer import format_expr
from query.render.frames import MEDIA_TYPE, render_frame
from query.render.json import render_error, render_result, render_success
from query.series import labels_of, metadata_of, unescape_name, values_of
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

LANGUAGE_VERSION: Final = "3.14.0"
"""The version of PromQL that is spoken; clients such as Grafana choose their features by it."""

_MAX_BODY_BYTES = 1_000_000
_WORKERS = 8
_METHODS = ["GET", "POST"]
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
_Job: TypeAlias = Callable[[Parameters, Deadline], bytes]


def create_router(
    engine: Engine,
    catalogue: SeriesCatalogue,
    storage: Storage,
    clock: Callable[[], float],
    *,
    executor: Executor | None = None,
    timeout_s: float = 120.0,
    version: str = "",
) -> APIRouter:
    """The routes. `clock` gives seconds since the epoch, the default `time` of an instant query.

    `executor` runs the queries, and its size bounds how many run at once; `timeout_s` is the longest that
    one may take; `version` is Swell's own, as `status/buildinfo` tells it.
    """
    queries = _Queries(engine, catalogue, storage, clock)
    edge = _Edge(executor or ThreadPoolExecutor(_WORKERS, "query"), timeout_s)
    router = APIRouter(prefix="/api/v1")
    for path, job in (
        ("/query", queries.instant),
        ("/query_range", queries.range),
        ("/series", queries.series),
        ("/labels", queries.labels),
        ("/metadata", queries.metadata),
        ("/format_query", queries.format),
    ):
        router.add_api_route(path, edge.route(job), methods=_METHODS)
    router.add_api_route("/panel", edge.route(queries.panel, MEDIA_TYPE), methods=_METHODS)
    router.add_api_route("/label/{name}/values", edge.route(queries.label_values), methods=["GET"])
    router.add_api_route("/status/buildinfo", edge.route(partial(_build_info, version)), methods=["GET"])
    return router


@dataclass(frozen=True, slots=True)
class _Queries:
    """One method a route: parameters in, body out."""

    engine: Engine
    catalogue: SeriesCatalogue
    storage: Storage
    clock: Callable[[], float]

    def instant(self, parameters: Parameters, deadline: Deadline) -> bytes:
        at_ms = parameters.time_ms("time", round(self.clock() * 1000))
        lookback_ms, limit = parameters.duration_ms("lookback_delta"), parameters.limit()
        query = parameters.text("query")
        result = self.engine.instant(query, at_ms, lookback_ms=lookback_ms, deadline=deadline)
        return render_result(result, bool(parameters.text("stats")), limit)

    def range(self, parameters: Parameters, deadline: Deadline) -> bytes:
        times, limit = parameters.range_times(), parameters.limit()
        result = self._over(times, parameters, deadline)
        return render_result(result, bool(parameters.text("stats")), limit)

    def panel(self, parameters: Parameters, deadline: Deadline) -> bytes:
        times = parameters.panel_times()
        return render_frame(self._over(times, parameters, deadline), times.step_ms)

    def _over(self, times: RangeTimes, parameters: Parameters, deadline: Deadline) -> Result:
        return self.engine.range(
            parameters.text("query"),
            times.start_ms,
            times.end_ms,
            times.step_ms,
            lookback_ms=parameters.duration_ms("lookback_delta"),
            deadline=deadline,
        )

    def series(self, parameters: Parameters, _: Deadline) -> bytes:
        selectors = parameters.selectors()
        if not selectors:
            raise InputError("no match[] parameter provided")
        found = labels_of(self.catalogue, selectors, parameters.time_range())
        return _list(found, parameters.limit())

    def labels(self, parameters: Parameters, _: Deadline) -> bytes:
        found = self.catalogue.label_names(parameters.selectors(), parameters.time_range())
        return _list(found, parameters.limit())

    def label_values(self, parameters: Parameters, _: Deadline) -> bytes:
        name = unescape_name(parameters.text("name"))
        found = values_of(self.catalogue, name, parameters.selectors(), parameters.time_range())
        return _list(found, parameters.limit())

    def metadata(self, parameters: Parameters, _: Deadline) -> bytes:
        found = metadata_of(
            self.storage,
            parameters.text("metric"),
            parameters.limit(),
            parameters.limit("limit_per_metric"),
        )
        return render_success(found)

    def format(self, parameters: Parameters, _: Deadline) -> bytes:
        return render_success(format_expr(parse(parameters.text("query"))))


@dataclass(frozen=True, slots=True)
class _Edge:
    """Between HTTP and the queries: parameters, threads, errors, and clients that go away."""

    executor: Executor
    timeout_s: float

    def route(
        self, job: _Job, media_type: str = "application/json"
    ) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            try:
                parameters = await _parameters(request)
                body = await self._run(request, job, parameters)
            except Error as error:
                return _refusal(error)
            return Response(body, media_type=media_type)

        return answer

    async def _run(self, request: Request, job: _Job, parameters: Parameters) -> bytes:
        deadline = Deadline(self._timeout(parameters))
        loop = asyncio.get_running_loop()
        working = loop.run_in_executor(self.executor, job, parameters, deadline)
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


def _list(found: list[Any], limit: int) -> bytes:
    if limit and len(found) > limit:
        return render_success(found[:limit], ("results truncated due to limit",))
    return render_success(found)


def _build_info(version: str, _: Parameters, __: Deadline) -> bytes:
    return render_success(
        {
            "application": "Swell",
            "version": LANGUAGE_VERSION,
            "revision": version,
            "branch": "",
            "buildUser": "",
            "buildDate": "",
            "goVersion": "",
        }
    )
