"""The collector's own page: metrics, health, and its targets as JSON, for eyes and probes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from collector.outlet import Outlet, errors_of
from collector.scrape.status import Status
from storage.errors import ConfigError


class Page:
    """A small HTTP server, for reading alone. is_ready: whether everything has started."""

    def __init__(
        self,
        registry: CollectorRegistry,
        statuses: Callable[[], Sequence[Status]],
        outlet: Outlet,
        is_ready: Callable[[], bool],
    ) -> None:
        self._registry = registry
        self._statuses = statuses
        self._outlet = outlet
        self._is_ready = is_ready
        self._runner: web.AppRunner | None = None

    async def open(self, listen: str) -> None:
        """Listen on host:port. Raises ConfigError where that is not to be had."""
        app = web.Application()
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/healthz", self._health)
        app.router.add_get("/readyz", self._ready)
        app.router.add_get("/api/v1/targets", self._targets)
        host, _, port = listen.rpartition(":")
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, host.strip("[]"), int(port)).start()
        except OSError as error:
            raise ConfigError(f"listen: {listen!r} cannot be opened: {error.strerror or error}") from None

    async def close(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _metrics(self, request: web.Request) -> web.Response:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(self._registry), headers={"Content-Type": content_type})

    async def _health(self, _: web.Request) -> web.Response:
        return web.Response(text="The collector is healthy.\n")

    async def _ready(self, _: web.Request) -> web.Response:
        if self._is_ready():
            return web.Response(text="The collector is ready.\n")
        return web.Response(text="The collector is starting or stopping.\n", status=503)

    async def _targets(self, _: web.Request) -> web.Response:
        answer = {"status": "success", "data": targets_of(self._statuses(), errors_of(self._outlet))}
        return web.Response(body=orjson.dumps(answer), content_type="application/json")


def targets_of(statuses: Iterable[Status], errors: Iterable[tuple[str, str]] = ()) -> dict[str, Any]:
    """Targets in the form of Prometheus's `/api/v1/targets`, and what is wrong with destinations."""
    return {
        "activeTargets": [_active(status) for status in statuses],
        "droppedTargets": [],
        "destinations": [{"name": name, "lastError": error} for name, error in errors],
    }


def _active(status: Status) -> dict[str, Any]:
    target = status.target
    return {
        "discoveredLabels": dict(target.found),
        "labels": dict(target.labels),
        "scrapePool": target.job,
        "scrapeUrl": target.url,
        "globalUrl": target.url,
        "lastError": status.error,
        "lastScrape": datetime.fromtimestamp(status.last_scrape_ms / 1000, UTC).isoformat(),
        "lastScrapeDuration": status.duration_s,
        "health": status.health.value,
        "scrapeInterval": f"{target.interval_ms}ms",
        "scrapeTimeout": f"{target.timeout_ms}ms",
        "samples": status.samples,
    }
