"""Delivery over real HTTP, on a clock that the test moves."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from collector.bearer import Token
from collector.body import Body
from collector.delivery import Delivery
from collector.requests import Requests
from collector.sender import Sender, retry_after_s
from collector.spool import Spool
from collector.sweep import Sweep
from collector.telemetry import Sent, Telemetry
from ingest.wire.encoding import encode_labels
from tests.collector.receiver import Receiver, samples

WAY = {"destination": "there"}


class Clock:
    def __init__(self) -> None:
        self.now_s = 1_000_000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds, 3))
        self.now_s += seconds
        await asyncio.sleep(0)


class Setup:
    """A delivery to a receiver, and what it counted."""

    def __init__(
        self, url: str, directory: Path, token: Token | None = None, max_bytes: int = 1 << 20
    ) -> None:
        self.clock = Clock()
        self.registry = CollectorRegistry()
        self.delivery = Delivery(
            "there",
            Sender(f"{url}/api/v1/write", token or Token(), now=self.clock),
            Spool(directory, max_bytes),
            Sent(Telemetry(self.registry), "there"),
            now=self.clock,
            jitter=lambda: 1.0,
            sleep=self.clock.sleep,
        )

    def count(self, outcome: str, metric: str = "bodies") -> float:
        name = f"swell_collector_{metric}_total"
        return self.registry.get_sample_value(name, {**WAY, "outcome": outcome}) or 0

    def gauge(self, name: str) -> float | None:
        return self.registry.get_sample_value(f"swell_collector_{name}", WAY)


def body(content: bytes, version: int = 1) -> Body:
    return Body(content, version, 1)


@asynccontextmanager
async def running(setup: Setup) -> AsyncIterator[Delivery]:
    task = asyncio.create_task(setup.delivery.run())
    try:
        yield setup.delivery
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await setup.delivery.close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.002)


def deliver(setup: Setup, *given: Body) -> None:
    """Offer bodies of one source, one after another, and wait until nothing waits."""

    async def go() -> None:
        async with running(setup) as delivery:
            for each in given:
                delivery.offer("source", each)
                await delivery.wait_sent()
            await until(lambda: not len(delivery.spool))

    asyncio.run(go())


def bodies(receiver: Receiver) -> list[bytes]:
    return [each.content for each in receiver.received]


def sweep(count: int = 1) -> Sweep:
    lines = [encode_labels((("__name__", "m"), ("i", str(number)))) for number in range(count)]
    return Sweep("s", lines, np.arange(count, dtype=np.float64), np.full(count, 1_700_000_000_000))


def test_bodies_are_posted_with_the_headers_of_their_version(receiver: Receiver, tmp_path: Path) -> None:
    deliver(Setup(receiver.url, tmp_path), body(b"a"), body(b"b", 2))

    first, second = receiver.received
    assert (first.path, first.content) == ("/api/v1/write", b"a")
    assert first.headers["Content-Type"] == "application/x-protobuf"
    assert first.headers["X-Prometheus-Remote-Write-Version"] == "0.1.0"
    assert second.headers["Content-Type"] == "application/x-protobuf;proto=io.prometheus.write.v2.Request"
    assert second.headers["X-Prometheus-Remote-Write-Version"] == "2.0.0"
    for each in receiver.received:
        assert each.headers["Content-Encoding"] == "snappy"
        assert "Authorization" not in each.headers


@pytest.mark.parametrize("guesses", [False, True])
def test_a_receiver_of_1_gets_1_from_the_first_answer_on_and_nothing_is_lost(
    guesses: bool, receiver: Receiver, tmp_path: Path
) -> None:
    receiver.knows, receiver.guesses = (1,), guesses
    setup = Setup(receiver.url, tmp_path)
    [first] = Requests().bodies(sweep(), 2)
    [second] = Requests().bodies(sweep(), 2)

    deliver(setup, first, second)

    assert len(receiver.unknown) == 1
    assert setup.delivery.version == 1
    assert [samples(each.decoded) for each in receiver.received] == [{("m", (("i", "0"),)): 0.0}] * 2


def test_a_receiver_of_2_that_writes_nothing_at_first_is_taken_for_one_of_1(
    receiver: Receiver, tmp_path: Path
) -> None:
    receiver.answers = [(204, {"X-Prometheus-Remote-Write-Samples-Written": "0"})]
    setup = Setup(receiver.url, tmp_path)

    deliver(setup, *Requests().bodies(sweep(), 2))

    assert [each.version for each in receiver.received] == [2, 1]


@pytest.mark.parametrize("status", [401, 403, 404, 408, 429, 500, 503])
def test_a_service_that_is_away_gets_the_bodies_in_order_when_it_is_back(
    status: int, receiver: Receiver, tmp_path: Path
) -> None:
    receiver.answers = [(status, {})]
    setup = Setup(receiver.url, tmp_path)

    deliver(setup, body(b"a"), body(b"b"), body(b"c"))

    assert receiver.refused == [b"a"]
    assert bodies(receiver) == [b"a", b"b", b"c"]
    assert setup.clock.slept == [1.0]
    assert setup.count("sent") == 3
    assert setup.gauge("spool_bodies") == 0


def test_a_service_that_does_not_listen_is_away(receiver: Receiver, tmp_path: Path) -> None:
    async def go() -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            setup = Setup(f"http://127.0.0.1:{unused.getsockname()[1]}", tmp_path)
            async with running(setup) as delivery:
                delivery.offer("s", body(b"a"))
                await until(lambda: setup.count("spooled") == 1)
                delivery.sender.url = f"{receiver.url}/api/v1/write"
                await until(lambda: bodies(receiver) == [b"a"])

    asyncio.run(go())


def test_retry_after_is_honoured(receiver: Receiver, tmp_path: Path) -> None:
    receiver.answers = [(503, {"Retry-After": "30"})]
    setup = Setup(receiver.url, tmp_path)

    deliver(setup, body(b"a"))

    assert setup.clock.slept == [30.0]


def test_attempts_come_ever_later_and_at_once_after_a_success(receiver: Receiver, tmp_path: Path) -> None:
    receiver.answers = [(503, {})] * 8 + [(204, {})] + [(503, {})]
    setup = Setup(receiver.url, tmp_path)

    deliver(setup, body(b"a"), body(b"b"))

    assert setup.clock.slept[:8] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert setup.clock.slept[-1] == 1


def test_a_body_that_is_refused_for_good_is_dropped_counted_and_the_reason_logged(
    receiver: Receiver, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.answers = [(400, {}), (503, {}), (413, {})]
    setup = Setup(receiver.url, tmp_path)
    with caplog.at_level(logging.ERROR):
        deliver(setup, body(b"bad"), body(b"large"), body(b"good"))

    assert bodies(receiver) == [b"good"]
    assert (setup.count("refused"), setup.count("refused", "sent_samples")) == (2, 2)
    assert "400" in caplog.text


def test_what_the_bound_pushes_out_is_counted(receiver: Receiver, tmp_path: Path) -> None:
    setup = Setup(receiver.url, tmp_path, max_bytes=60)
    setup.delivery.memory_bytes = 0

    async def go() -> None:
        async with running(setup) as delivery:
            for content in (b"a", b"b", b"c"):
                delivery.offer("s", body(content))
            await delivery.wait_sent()

    asyncio.run(go())

    assert (setup.count("full"), setup.count("full", "sent_samples")) == (1, 1)
    assert bodies(receiver) == [b"b", b"c"]


def test_what_does_not_fit_into_memory_goes_to_the_disk_and_keeps_its_order(
    receiver: Receiver, tmp_path: Path
) -> None:
    setup = Setup(receiver.url, tmp_path)
    setup.delivery.memory_bytes = 2

    async def go() -> None:
        async with running(setup) as delivery:
            for content in (b"a", b"b", b"c", b"d"):
                delivery.offer("s", body(content))
            await until(lambda: len(receiver.received) == 4)

    asyncio.run(go())

    assert bodies(receiver) == [b"a", b"b", b"c", b"d"]
    assert setup.count("spooled") == 2


def test_what_is_in_memory_when_it_ends_is_on_disk(receiver: Receiver, tmp_path: Path) -> None:
    setup = Setup(receiver.url, tmp_path)

    async def go() -> None:
        async with running(setup) as delivery:
            await asyncio.sleep(0)
            delivery.offer("s", body(b"a"))

    asyncio.run(go())

    spool = Spool(tmp_path, 1 << 20)
    assert len(spool) == 1 - len(receiver.received)
    spool.close()


def test_a_token_file_is_read_again_when_it_changes(receiver: Receiver, tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text("one\n")
    setup = Setup(receiver.url, tmp_path / "spool", Token(path=secret))

    async def go() -> None:
        async with running(setup) as delivery:
            delivery.offer("s", body(b"a"))
            await delivery.wait_sent()
            secret.write_text("second\n")
            delivery.offer("s", body(b"b"))
            await delivery.wait_sent()
            secret.unlink()
            delivery.offer("s", body(b"c"))
            await delivery.wait_sent()

    asyncio.run(go())

    sent = [each.headers["Authorization"] for each in receiver.received]
    assert sent == ["Bearer one", "Bearer second", "Bearer second"]


RETRY_AFTER = [
    ("", 0),
    ("120", 120),
    (" 7 ", 7),
    ("-1", 0),
    ("soon", 0),
    ("Mon, 12 Jan 1970 13:47:10 GMT", 30),
    ("Mon, 12 Jan 1970 13:46:00 GMT", 0),
]


@pytest.mark.parametrize(("value", "seconds"), RETRY_AFTER)
def test_retry_after_is_seconds_or_a_date(value: str, seconds: float) -> None:
    assert retry_after_s(value, 1_000_000) == seconds
