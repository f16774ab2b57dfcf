"""Runs the parts behind one HTTP server, and stops them without losing anything."""

from __future__ import annotations

import asyncio
import gc
import logging
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable
from importlib.metadata import version
from types import FrameType
from typing import Any

import uvicorn
from fastapi import APIRouter, FastAPI

from alerts.api import create_router as alerts_router
from ingest.aliases.table import Aliases
from ingest.api import ROUTES
from ingest.api import create_router as ingest_router
from ingest.handlers import influx, otlp, pushgateway, wavefront
from ingest.otlp_grpc import OtlpGrpc
from query.api import create_router as query_router
from server.app import create_app
from server.auth import is_allowed
from server.parts import EVERYTHING, Part, Parts, build, own_url
from server.ports import Ports, ports
from server.settings import Settings
from server.status import status_of
from storage.errors import ConfigError

__all__ = ["EVERYTHING", "Part", "serve"]

_LOG = logging.getLogger("swell")
_SWITCH_S = 0.001
_GC_OBJECTS = 20_000
_GRACE_S = 10.0
_WHAT = {
    Part.INGEST: "remote write on /api/v1/write, text import on /api/v1/import/prometheus, "
    "OpenTelemetry on /v1/metrics, InfluxDB's line protocol on /write and /api/v2/write, "
    "Wavefront's lines on /report",
    Part.QUERY: "PromQL API on /api/v1/query",
    Part.ALERTS: "rules and alerts on /api/v1/rules",
    Part.DASHBOARDS: "web pages on /ui/",
}


def serve(settings: Settings, running: frozenset[Part]) -> None:
    """Run until SIGTERM or SIGINT. Raises `ConfigError` and `StorageError` when it cannot start."""
    # Kernels leave the interpreter's lock often and for short; with the default of 5 ms a thread that comes
    # back waits longer for the lock than it worked without it.
    sys.setswitchinterval(_SWITCH_S)
    _raise_file_limit()
    parts = build(settings, running)
    try:
        token = settings.bearer_token()
        app = create_app(
            _routers(parts),
            parts.registry,
            parts.is_ready,
            token,
            _pages(parts, token) if Part.DASHBOARDS in running else None,
        )
        config = uvicorn.Config(
            app,
            host=settings.host,
            port=settings.port,
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=10,
        )
        _Server(config, parts).run()
    finally:
        parts.close()
    _LOG.info("stopped; everything acknowledged is stored")


def _pages(parts: Parts, token: str | None) -> Callable[[FastAPI], Callable[[], Any]]:
    from server.ui import attach_ui  # noqa: PLC0415 - Dash takes a second to load, here alone

    return lambda app: attach_ui(app, parts, token)


def _raise_file_limit() -> None:
    """Most systems allow a thousand open files unless asked for more."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


class _Server(uvicorn.Server):
    """Starts the background parts once it listens, and stops them before it closes."""

    def __init__(self, config: uvicorn.Config, parts: Parts) -> None:
        super().__init__(config)
        self._parts = parts
        self._ports = _ports(parts)
        self._grpc = _grpc(parts)
        self._stopping: threading.Thread | None = None

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        if not self.started:
            return
        if self._ports is not None:
            await self._ports.open(self._parts.settings.host, self.server_state)
        if self._grpc is not None:
            self._start_grpc(self._grpc)
        url = own_url(self._parts.settings)
        for part, what in _WHAT.items():
            if part in self._parts.running:
                _LOG.info("%s: %s", url, what)
        self._parts.start_background()
        # What start-up made stays: without it, a collection takes a tenth of the time.
        gc.collect()
        gc.freeze()
        gc.set_threshold(_GC_OBJECTS)

    async def shutdown(self, sockets: Any = None) -> None:
        if self._ports is not None:
            await self._ports.close()
        if self._grpc is not None:
            await asyncio.to_thread(self._grpc.stop, _GRACE_S)
        await super().shutdown(sockets)

    def _start_grpc(self, grpc: OtlpGrpc) -> None:
        settings = self._parts.settings
        port = settings.ingest.otlp_grpc_port
        try:
            grpc.start(settings.host, port)
        except OSError as error:
            raise ConfigError(f"ingest.otlp_grpc_port: port {port} cannot be opened: {error}") from None
        _LOG.info("%s: OpenTelemetry by gRPC on port %d", settings.host, port)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self._stopping is not None:
            super().handle_exit(sig, frame)
            return
        _LOG.info("stopping on %s", signal.Signals(sig).name)
        self._stopping = threading.Thread(target=self._stop, name="stop")
        self._stopping.start()

    def _stop(self) -> None:
        self._parts.stop_background()
        self.should_exit = True


def _ports(parts: Parts) -> Ports | None:
    if Part.INGEST not in parts.running or parts.pipeline is None:
        return None
    settings = parts.settings.ingest
    return Ports(parts.pipeline, parts.executor, settings, ports(settings, parts.wavefront_names))


def _grpc(parts: Parts) -> OtlpGrpc | None:
    if Part.INGEST not in parts.running or parts.pipeline is None or not parts.settings.ingest.otlp_grpc_port:
        return None
    token = parts.settings.bearer_token()
    return OtlpGrpc(parts.pipeline, parts.otlp, lambda given: token is None or is_allowed(token, given))


def _routers(parts: Parts) -> list[APIRouter]:
    routers = []
    if Part.INGEST in parts.running and parts.pipeline is not None:
        aliases = Aliases(parts.settings.ingest.influx_memory_bytes)
        routes = (
            *ROUTES,
            *otlp.routes(parts.otlp),
            *influx.routes(aliases),
            *wavefront.routes(parts.wavefront_names),
            *pushgateway.routes(parts.pushed),
        )
        routers.append(ingest_router(parts.pipeline, parts.executor, routes=routes))
    if Part.QUERY in parts.running:
        routers.append(
            query_router(
                parts.engine,
                parts.catalogue,
                parts.storage,
                time.time,
                executor=parts.query_executor,
                timeout_s=parts.settings.query.timeout_s,
                status=status_of(parts.settings, version("swell"), time.time()),
            )
        )
    if parts.alerting is not None:
        routers.append(alerts_router(parts.alerting.evaluator))
    return routers
