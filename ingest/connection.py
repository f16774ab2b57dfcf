"""One TCP connection of a sender: bytes are gathered to whole messages, which are taken in order."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable
from typing import Protocol, cast

from ingest.pipeline import Accepted
from ingest.stream import Stream, StreamLimits, is_gzip, is_http
from storage.errors import DecodeError, Error, OverloadedError

_WAITING_BYTES = 256 << 10
_GZIP_WINDOW = 31


class House(Protocol):
    """What a connection needs of its listener."""

    limits: StreamLimits

    async def take(self, stream: Stream, body: bytes) -> Accepted:
        """Return once the samples of whole messages are durable."""

    def held(self, connection: Connection, change_bytes: int) -> None:
        """Account for bytes that wait."""

    def opened(self, connection: Connection) -> None:
        """Count a connection."""

    def closed(self, connection: Connection) -> None:
        """Forget it."""

    def refused(self, stream: Stream, reason: str) -> None:
        """Count a message that is lost."""


class Connection(asyncio.Protocol):
    """Reads as fast as its messages are taken, and no faster."""

    def __init__(
        self,
        stream: Stream,
        house: House,
        http: Callable[[], asyncio.Protocol] | None,
        clock: Callable[[], float],
    ) -> None:
        self.buffer = bytearray()
        self.heard_s = clock()
        self.work: asyncio.Task[None] | None = None
        self._stream = stream
        self._waiting_bytes = max(_WAITING_BYTES, stream.message_bytes)
        self._house = house
        self._http = http
        self._clock = clock
        self._head: bytes | None = b""
        self._unzip: zlib._Decompress | None = None
        self._packed = b""
        self._is_skipping = False
        self._is_paused = False
        self._is_over = False
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to listen."""
        # uvloop's transports are no subclass of it.
        self._transport = cast(asyncio.Transport, transport)
        self._house.opened(self)

    def data_received(self, data: bytes) -> None:
        """Find out what is spoken here, then gather it."""
        self.heard_s = self._clock()
        if self._head is not None:
            data = self._head + data
            if not self._is_known(data):
                return
        self._read(data)

    def _is_known(self, head: bytes) -> bool:
        """Whether what was heard is for this connection to read; false where it waits, or is HTTP."""
        zipped = is_gzip(head) if self._stream.gzip else False
        spoken = is_http(head) if self._http is not None else False
        if zipped is None or spoken is None:
            self._head = head
            return False
        self._head = None
        if spoken:
            self._hand_over(head)
            return False
        if zipped:
            self._unzip = zlib.decompressobj(_GZIP_WINDOW)
        return True

    def _hand_over(self, head: bytes) -> None:
        assert self._http is not None and self._transport is not None
        protocol = self._http()
        self._house.closed(self)
        self._transport.set_protocol(protocol)
        protocol.connection_made(self._transport)
        protocol.data_received(head)

    def _read(self, data: bytes) -> None:
        self._packed += data
        self._unpack()
        if self.buffer and self.work is None:
            self.work = asyncio.ensure_future(self._work())

    def _unpack(self) -> None:
        """Gather what has come, until enough waits to be taken: a little that is packed may be a lot."""
        try:
            while self._packed and len(self.buffer) < self._waiting_bytes:
                self._gather(self._plain())
        except zlib.error:
            self._packed = b""
            self._house.refused(self._stream, "broken_gzip")
            self.close()
        self._pause(bool(self._packed) or len(self.buffer) >= self._waiting_bytes)

    def _plain(self) -> bytes:
        packed, self._packed = self._packed, b""
        if self._unzip is None:
            return packed
        plain = self._unzip.decompress(packed, _WAITING_BYTES)
        self._packed = self._unzip.unconsumed_tail
        while len(plain) and len(plain) % _WAITING_BYTES == 0 and not self._packed and not self._unzip.eof:
            more = self._unzip.decompress(b"", _WAITING_BYTES)
            if not more:
                break
            plain += more
        if self._unzip.eof:
            self._packed = self._unzip.unused_data
            self._unzip = zlib.decompressobj(_GZIP_WINDOW)
        return plain

    def _gather(self, plain: bytes) -> None:
        if self._is_skipping:
            end = plain.find(self._stream.resume)
            if end < 0:
                return
            plain, self._is_skipping = plain[end + len(self._stream.resume) :], False
        self.buffer += plain
        self._house.held(self, len(plain))

    async def _work(self) -> None:
        """Take whole messages until none is left."""
        try:
            while self.buffer:
                size = self._stream.cut(self.buffer)
                if not size:
                    self._check_length()
                    break
                body = bytes(self.buffer[:size])
                await self._take(body)
                del self.buffer[:size]
                self._house.held(self, -size)
                self._unpack()
        except DecodeError:
            self._house.refused(self._stream, "broken_stream")
            self.close()
        finally:
            self.work = None
            self._pause(False)
            if self._transport is None:
                self._end()
            elif self._is_over:
                self.close()

    async def _take(self, body: bytes) -> None:
        while True:
            try:
                accepted = await self._house.take(self._stream, body)
            except OverloadedError as error:
                # Nobody can be told: what came is kept, and what would come waits.
                self._pause(True)
                await asyncio.sleep(error.retry_after_s)
                continue
            except Error:
                self._house.refused(self._stream, "broken_messages")
                return
            if self._stream.reply is not None and self._transport is not None:
                self._transport.write(self._stream.reply(body, accepted))
            return

    def _check_length(self) -> None:
        if len(self.buffer) <= max(self._house.limits.max_message_bytes, self._stream.message_bytes):
            return
        self._house.refused(self._stream, "message_too_long")
        self._drop()
        if self._stream.resume:
            self._is_skipping = True
        else:
            self.close()

    def _pause(self, wanted: bool) -> None:
        if self._transport is None or wanted == self._is_paused or self._transport.is_closing():
            return
        self._is_paused = wanted
        if wanted:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()

    def eof_received(self) -> bool:
        """Stay open for replies to what is still worked on."""
        self._is_over = True
        return self.work is not None

    def connection_lost(self, error: Exception | None) -> None:
        """What came whole is still taken; the end of a message that did not come makes it nothing."""
        self._transport = None
        if self.work is None:
            self._end()

    def _end(self) -> None:
        if self.buffer:
            self._house.refused(self._stream, "cut_message")
            self._drop()
        self._house.closed(self)

    def _drop(self) -> None:
        self._house.held(self, -len(self.buffer))
        self.buffer.clear()
