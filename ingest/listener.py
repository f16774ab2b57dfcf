"""TCP ports of protocols that are not HTTP. Of one event loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from typing import Final

from ingest.acknowledgements import Acknowledgements
from ingest.connection import Connection
from ingest.edge import Asked
from ingest.pipeline import Accepted, Pipeline
from ingest.stream import Stream, StreamLimits
from storage.errors import Error, OverloadedError

_NOTHING: Final[Mapping[str, str]] = {}
_BACKLOG: Final = 4_096
_SMALL_BYTES: Final = 4_096


class Listener:
    """Listens for streams, and bounds what their connections cost together."""

    def __init__(
        self,
        pipeline: Pipeline,
        executor: Executor,
        limits: StreamLimits,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.limits = limits
        self._pipeline = pipeline
        self._executor = executor
        self._clock = clock
        self._durably = Acknowledgements()
        self._connections: set[Connection] = set()
        self._servers: list[asyncio.Server] = []
        self._held_bytes = 0

    async def listen(
        self, stream: Stream, host: str, port: int, http: Callable[[], asyncio.Protocol] | None = None
    ) -> int:
        """Open a port, and return its number: 0 asks for any that is free. Raises `OSError`.

        `http()` makes the protocol that takes a connection on which HTTP is spoken.
        """
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: Connection(stream, self, http, self._clock), host, port, backlog=_BACKLOG
        )
        self._servers.append(server)
        opened: int = server.sockets[0].getsockname()[1]
        return opened

    async def stop(self, grace_s: float) -> None:
        """Hang up, and take what came whole, for `grace_s` at most."""
        for server in self._servers:
            server.close()
        works = [connection.work for connection in self._connections if connection.work is not None]
        for connection in tuple(self._connections):
            connection.close()
        if works:
            await asyncio.wait(works, timeout=grace_s)

    async def take(self, stream: Stream, body: bytes) -> Accepted:
        """Return once the samples of whole messages are durable. Raises as decoders and the pipeline do."""
        asked = Asked(
            "",
            _NOTHING,
            _NOTHING,
            _NOTHING,
            int(self._clock() * 1000),
            self._pipeline.limits,
            self._pipeline.familiar,
        )

        def work() -> tuple[Accepted, Future[None]]:
            self._pipeline.check_room()
            return self._pipeline.submit(stream.decode(body, asked), stream.protocol)

        try:
            if len(body) <= _SMALL_BYTES and not self._pipeline.is_busy:
                accepted, durable = work()
            else:
                accepted, durable = await asyncio.get_running_loop().run_in_executor(self._executor, work)
            await self._durably.wait(durable)
        except OverloadedError:  # it waits, and is not refused
            raise
        except Error as error:
            self._pipeline.refusals.note_request(stream.protocol, asked.now_ms, error)
            raise
        status = "refused" if accepted.refused else "stored"
        self._pipeline.metrics.requests.labels(stream.protocol, status).inc()
        return accepted

    def held(self, connection: Connection, change_bytes: int) -> None:
        """Account for bytes that wait; beyond the limit whoever holds the most is hung up on."""
        self._held_bytes += change_bytes
        if self._held_bytes > self.limits.max_buffered_bytes:
            idle = [other for other in self._connections if other.work is None and other.buffer]
            if idle:
                max(idle, key=lambda other: len(other.buffer)).close()

    def opened(self, connection: Connection) -> None:
        """Count a connection; beyond the limit the one that was silent the longest goes."""
        self._connections.add(connection)
        self._pipeline.metrics.connections.set(len(self._connections))
        if len(self._connections) > self.limits.max_connections:
            min(self._connections, key=lambda other: other.heard_s).close()

    def closed(self, connection: Connection) -> None:
        """Forget it."""
        self._connections.discard(connection)
        self._pipeline.metrics.connections.set(len(self._connections))

    def refused(self, stream: Stream, reason: str) -> None:
        """Count a message that is lost."""
        self._pipeline.metrics.requests.labels(stream.protocol, reason).inc()

    def close_idle(self) -> None:
        """Hang up on who was silent for too long."""
        before_s = self._clock() - self.limits.idle_s
        for connection in tuple(self._connections):
            if connection.heard_s < before_s and connection.work is None:
                connection.close()
