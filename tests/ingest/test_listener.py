"""TCP ports of senders: what came whole is stored, what did not is nothing, and nobody stops the others."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from ingest.decoded import Decoded
from ingest.edge import Asked, Body
from ingest.limits import Limits
from ingest.listener import Listener
from ingest.pipeline import Accepted, Pipeline
from ingest.protocols import exposition
from ingest.stream import Stream, StreamLimits, is_gzip, is_http
from storage.errors import OverloadedError
from storage.memory import MemoryStorage
from storage.model import metric_id
from tests.storage.building import ALWAYS

NOW_S = 1_700_000_000.0


def _decode(body: Body, asked: Asked) -> Decoded:
    found = exposition.decode(bytes(body), asked.now_ms, is_openmetrics=False)
    return replace(found, metadata=(), describe=None)  # which the store in memory does not keep


TEXT = Stream("text", _decode, gzip=True)


class House:
    """A listener before a pipeline, and what the pipeline has stored."""

    def __init__(self, directory: Path, limits: StreamLimits, executor: ThreadPoolExecutor) -> None:
        self.storage = MemoryStorage()
        self.registry = CollectorRegistry()
        self.now_s = NOW_S
        self.pipeline = Pipeline(
            self.storage, directory, Limits(), self.registry, lambda: self.now_s, flush_interval_s=0.01
        )
        self.pipeline.start()
        self.listener = Listener(self.pipeline, executor, limits, lambda: self.now_s)

    async def stored(self, number: int) -> list[float]:
        """The values of the metric m, in order of time, once there are so many."""
        await until(lambda: len(self._stored()) >= number)
        return self._stored()

    def _stored(self) -> list[float]:
        found = self.storage.read_samples(metric_id("m"), None, ALWAYS)
        return [float(value) for value in found.values[found.timestamps_ms.argsort(kind="stable")]]

    def count(self, status: str) -> float:
        """Requests, or messages, of a status."""
        labels = {"protocol": "text", "status": status}
        return self.registry.get_sample_value("swell_ingest_requests_total", labels) or 0.0


@asynccontextmanager
async def opened(
    directory: Path, limits: StreamLimits | None = None, stream: Stream = TEXT
) -> AsyncIterator[tuple[House, int]]:
    with ThreadPoolExecutor(2) as executor:
        house = House(directory, limits or StreamLimits(), executor)
        port = await house.listener.listen(stream, "127.0.0.1", 0)
        try:
            yield house, port
        finally:
            await house.listener.stop(5)
            house.pipeline.stop()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.001)


@asynccontextmanager
async def dialled(
    port: int, number: int = 1
) -> AsyncIterator[list[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]:
    """So many connections."""
    lines = [await asyncio.open_connection("127.0.0.1", port) for _ in range(number)]
    try:
        yield lines
    finally:
        for _, writer in lines:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()


async def send(port: int, data: bytes) -> None:
    """Send everything, hang up, and wait until the other side has too."""
    async with dialled(port) as [(reader, writer)]:
        writer.write(data)
        writer.write_eof()
        await reader.read()


def run(case: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(case())  # type: ignore[arg-type] # cases are coroutine functions


def test_lines_are_stored_however_they_are_cut(tmp_path: Path) -> None:
    text = b"".join(b"m %d %d\n" % (i, NOW_S * 1000 + i) for i in range(40))

    async def case() -> None:
        async with (
            opened(tmp_path) as (house, port),
            dialled(port) as [(reader, writer)],
        ):
            for at in range(0, len(text), 7):
                writer.write(text[at : at + 7])
                await writer.drain()
            writer.write_eof()
            await reader.read()
            assert await house.stored(40) == list(range(40))

    run(case)


def test_a_line_that_is_cut_off_is_no_sample(tmp_path: Path) -> None:
    async def case() -> None:
        async with opened(tmp_path) as (house, port):
            await send(port, b"m 1 1700000000000\nm 12 1700000001000")
            await until(lambda: house.count("cut_message") == 1)
            assert await house.stored(1) == [1]

    run(case)


@pytest.mark.parametrize("members", [1, 3])
def test_a_compressed_stream_is_read_member_by_member(tmp_path: Path, members: int) -> None:
    lines = [b"m %d %d\n" % (i, NOW_S * 1000 + i) for i in range(30_000)]
    size = len(lines) // members
    packed = b"".join(gzip.compress(b"".join(lines[i : i + size])) for i in range(0, len(lines), size))

    async def case() -> None:
        async with opened(tmp_path) as (house, port):
            await send(port, packed)
            assert await house.stored(30_000) == list(range(30_000))

    run(case)


def test_broken_compression_ends_the_connection_and_keeps_what_came_before(tmp_path: Path) -> None:
    packer = zlib.compressobj(wbits=31)
    packed = packer.compress(b"m 1\n") + packer.flush(zlib.Z_FULL_FLUSH)

    async def case() -> None:
        async with (
            opened(tmp_path) as (house, port),
            dialled(port) as [(reader, writer)],
        ):
            writer.write(packed)
            assert await house.stored(1) == [1]
            writer.write(b"\xff" * 50)
            assert await reader.read() == b""
            assert house.count("broken_gzip") == 1

    run(case)


def test_a_line_that_is_too_long_is_skipped_and_the_next_one_kept(tmp_path: Path) -> None:
    async def case() -> None:
        async with (
            opened(tmp_path, StreamLimits(max_message_bytes=100)) as (house, port),
            dialled(port) as [(reader, writer)],
        ):
            writer.write(b"x" * 500)
            await until(lambda: house.count("message_too_long") == 1)
            writer.write(b"x" * 500 + b"\nm 7\n")
            writer.write_eof()
            await reader.read()
            assert await house.stored(1) == [7]

    run(case)


def test_a_full_house_makes_the_sender_wait_and_loses_nothing(tmp_path: Path) -> None:
    refusals = iter([True, True, False])

    def decode(body: Body, asked: Asked) -> Decoded:
        if next(refusals, False):
            raise OverloadedError("full", retry_after_s=0.001)
        return _decode(body, asked)

    async def case() -> None:
        async with opened(tmp_path, stream=Stream("text", decode)) as (house, port):
            await send(port, b"m 1\n")
            assert await house.stored(1) == [1]

    run(case)


def test_senders_that_hold_too_much_are_cut_off_and_others_are_not(tmp_path: Path) -> None:
    limits = StreamLimits(max_message_bytes=2_000, max_buffered_bytes=10_000)

    async def case() -> None:
        async with (
            opened(tmp_path, limits) as (house, port),
            dialled(port, 20) as hoarders,
        ):
            for _, writer in hoarders:
                writer.write(b"x" * 1_500)
            await until(lambda: house.count("cut_message") >= 13)
            await send(port, b"m 3\n")
            assert await house.stored(1) == [3]

    run(case)


def test_beyond_the_limit_the_most_silent_connection_goes(tmp_path: Path) -> None:
    async def case() -> None:
        async with (
            opened(tmp_path, StreamLimits(max_connections=2)) as (house, port),
            dialled(port) as [(silent, _)],
        ):
            await until(lambda: house.registry.get_sample_value("swell_ingest_connections") == 1)
            house.now_s += 1
            async with dialled(port, 2):
                assert await silent.read() == b""

    run(case)


def test_idle_connections_are_closed(tmp_path: Path) -> None:
    async def case() -> None:
        async with (
            opened(tmp_path, StreamLimits(idle_s=10)) as (house, port),
            dialled(port) as [(silent, _)],
        ):
            await until(lambda: house.registry.get_sample_value("swell_ingest_connections") == 1)
            house.listener.close_idle()
            house.now_s += 11
            house.listener.close_idle()
            assert await silent.read() == b""

    run(case)


def test_what_a_protocol_replies_reaches_the_sender(tmp_path: Path) -> None:
    def reply(body: bytes, accepted: Accepted) -> bytes:
        return b"%d of %d bytes\n" % (accepted.samples, len(body))

    async def case() -> None:
        async with (
            opened(tmp_path, stream=Stream("text", _decode, reply=reply)) as (_, port),
            dialled(port) as [(reader, writer)],
        ):
            writer.write(b"m 1\n")
            assert await reader.readline() == b"1 of 4 bytes\n"

    run(case)


def test_a_sender_that_has_said_all_is_still_told(tmp_path: Path) -> None:
    def reply(body: bytes, accepted: Accepted) -> bytes:
        return b"%d samples\n" % accepted.samples

    async def case() -> None:
        async with (
            opened(tmp_path, stream=Stream("text", _decode, reply=reply)) as (_, port),
            dialled(port) as [(reader, writer)],
        ):
            writer.write(b"m 1\nm 2 1700000000001\n")
            writer.write_eof()
            assert await reader.read() == b"2 samples\n"

    run(case)


def test_what_a_stream_is_shows_in_its_first_bytes() -> None:
    assert [is_gzip(head) for head in (b"", b"\x1f", b"\x1f\x8b", b"m 1")] == [None, None, True, False]
    heads = (b"", b"PO", b"POST", b"POST /report", b"POST 1 2", b"put m 1")
    assert [is_http(head) for head in heads] == [None, None, None, True, False, False]
