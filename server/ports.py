"""Opens the TCP ports of senders that do not speak HTTP, or not only."""

from __future__ import annotations

import asyncio
import logging
import resource
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

import uvicorn
from starlette.applications import Starlette

from ingest.aliases.table import Aliases
from ingest.api import create_router
from ingest.handlers import graphite, opentsdb, wavefront
from ingest.listener import Listener
from ingest.pipeline import Pipeline
from ingest.stream import Stream, StreamLimits
from server.ingest_settings import IngestSettings
from storage.errors import ConfigError

_LOG = logging.getLogger("swell")
_IDLE_CHECK_S = 60.0
_GRACE_S = 10.0
_OTHER_FILES = 2_000
"""What the store, HTTP and the log are left of the files that may be open."""


@dataclass(frozen=True, slots=True)
class Port:
    """A stream and where it is listened for."""

    setting: str
    number: int
    stream: Stream


def ports(settings: IngestSettings, wavefront_names: Aliases) -> list[Port]:
    """The ports that the settings open. wavefront_names: what is remembered of its series."""
    known = [
        Port("ingest.graphite_port", settings.graphite_port, graphite.LINES),
        Port("ingest.graphite_pickle_port", settings.graphite_pickle_port, graphite.PICKLES),
        Port("ingest.opentsdb_port", settings.opentsdb_port, opentsdb.STREAM),
        Port("ingest.wavefront_port", settings.wavefront_port, wavefront.stream(wavefront_names)),
    ]
    return [port for port in known if port.number]


class Ports:
    """The open ports of one process. Of one event loop."""

    def __init__(
        self, pipeline: Pipeline, executor: Executor, settings: IngestSettings, opened: Sequence[Port]
    ) -> None:
        self._pipeline = pipeline
        self._executor = executor
        self._opened = opened
        limits = StreamLimits(
            settings.tcp_message_bytes,
            settings.tcp_buffer_bytes,
            min(settings.tcp_connections, _most_files() - _OTHER_FILES),
            settings.tcp_idle_s,
        )
        self._listener = Listener(pipeline, executor, limits)
        self._check: asyncio.TimerHandle | None = None

    async def open(self, host: str, state: uvicorn.server.ServerState) -> None:
        """Listen. Raises `ConfigError` where a port is not to be had."""
        if self._opened:
            self._check_idle()
        for port in self._opened:
            try:
                await self._listener.listen(port.stream, host, port.number, self._http(port.stream, state))
            except OSError as error:
                reason = error.strerror or str(error)
                raise ConfigError(f"{port.setting}: port {port.number} cannot be opened: {reason}") from None
            _LOG.info("%s: %s on TCP port %d", host, port.stream.protocol, port.number)

    async def close(self) -> None:
        """Hang up; what came whole is stored."""
        if self._check is not None:
            self._check.cancel()
        await self._listener.stop(_GRACE_S)

    def _http(
        self, stream: Stream, state: uvicorn.server.ServerState
    ) -> Callable[[], asyncio.Protocol] | None:
        if not stream.routes:
            return None
        router = create_router(self._pipeline, self._executor, routes=stream.routes)
        config = uvicorn.Config(Starlette(routes=router.routes), log_level="warning", access_log=False)
        config.load()
        protocol: Any = config.http_protocol_class
        return lambda: protocol(config=config, server_state=state, app_state={})

    def _check_idle(self) -> None:
        self._listener.close_idle()
        self._check = asyncio.get_running_loop().call_later(_IDLE_CHECK_S, self._check_idle)


def _most_files() -> int:
    """A connection is an open file."""
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(most, 2 * _OTHER_FILES)
