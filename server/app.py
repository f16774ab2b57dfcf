"""The HTTP application: routers of the parts that run here, health, metrics, errors, authentication."""

from __future__ import annotations

import inspect
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from server.auth import TokenMiddleware

_LOG = logging.getLogger("swell.http")
_COMPRESS_FROM_BYTES = 1024


def create_app(
    routers: Sequence[APIRouter],
    registry: CollectorRegistry,
    is_ready: Callable[[], bool],
    token: str | None,
    attach_ui: Callable[[FastAPI], Callable[[], object]] | None = None,
) -> ASGIApp:
    """The application of one process.

    `attach_ui(app)` adds the web pages, after every other route, and returns what warms them up.
    """
    warm_up: list[Callable[[], object]] = []

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        for warm in warm_up:
            warming = warm()
            if hasattr(warming, "__await__"):
                await warming
        yield

    app = FastAPI(title="Swell", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    for router in routers:
        app.include_router(router)
    app.include_router(_own_routes(registry, is_ready))
    if attach_ui is not None:
        warm_up.append(attach_ui(app))
    app.add_middleware(GZipMiddleware, minimum_size=_COMPRESS_FROM_BYTES, compresslevel=1)
    direct = DirectRoutes(app, _direct(routers))
    guarded = direct if token is None else TokenMiddleware(direct, token)
    return ServerErrorMiddleware(guarded, handler=_internal_error)


class DirectRoutes:
    """Calls the routes that are ASGI applications themselves, before the framework spends time on them.

    Senders and dashboards call them far more often than all others are called together.
    """

    def __init__(self, app: ASGIApp, routes: Mapping[str, ASGIApp]) -> None:
        self._app = app
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request to the route of its path, or on."""
        if scope["type"] == "http":
            await self._routes.get(scope["path"], self._app)(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def _direct(routers: Sequence[APIRouter]) -> Mapping[str, ASGIApp]:
    """By path, where that is fixed."""
    return {
        route.path: route.endpoint
        for router in routers
        for route in router.routes
        if isinstance(route, Route) and not inspect.isroutine(route.endpoint) and not route.param_convertors
    }


def _own_routes(registry: CollectorRegistry, is_ready: Callable[[], bool]) -> APIRouter:
    router = APIRouter()

    async def healthy(_: Request) -> Response:
        return PlainTextResponse("Swell is healthy.\n")

    async def ready(_: Request) -> Response:
        if is_ready():
            return PlainTextResponse("Swell is ready.\n")
        return PlainTextResponse("Swell is starting or stopping.\n", 503)

    async def metrics(request: Request) -> Response:
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(registry), media_type=content_type)

    router.add_route("/-/healthy", healthy, methods=["GET", "HEAD"])
    router.add_route("/-/ready", ready, methods=["GET", "HEAD"])
    router.add_route("/metrics", metrics, methods=["GET"])
    return router


async def _internal_error(request: Request, error: Exception) -> Response:
    _LOG.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return JSONResponse(
        {"status": "error", "errorType": "internal", "error": "internal error; the log has the details"}, 500
    )
