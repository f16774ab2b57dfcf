"""Delivery over real HTTP, on a clock that the test moves."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from collector.bearer import Token
from collector.delivery import Delivery, Sender, retry_after_s
from collector.spool import Spool
from collector.telemetry import Telemetry
from tests.collector.receiver import Receiver


class Clock:
    def __init__(self) -> None:
        self.now_s = 1_000_000.0

    def __call__(self) -> float:
        return self.now_s


class Setup:
    """A delivery to a receiver, and what it counted."""

    def __init__(
        self, url: str, directory: Path, token: Token | None = None, max_bytes: int = 1 << 20
    ) -> None:
        self.clock = Clock()
        self.registry = CollectorRegistry()
        sender = Sender(f"{url}/api/v1/write", token or Token(), 10, self.clock)
        self.delivery = Delivery(
            sender, Spool(directory, max_bytes), Telemetry(self.registry), self.clock, lambda: 1.0
        )

    def deliver(self, *bodies: bytes) -> None:
        for body in bodies:
            self.delivery.deliver(body, self.clock() + 10)

    def drain_at(self, after_s: float) -> None:
        self.clock.now_s += after_s
        self.delivery.drain(self.clock() + 10)

    def count(self, outcome: str) -> float:
        return self.registry.get_sample_value("swell_collector_bodies_total", {"outcome": outcome}) or 0


MakeSetup = Callable[..., Setup]


@pytest.fixture
def make_setup(receiver: Receiver, tmp_path: Path) -> Iterator[MakeSetup]:
    made = []

    def make(url: str = receiver.url, token: Token | None = None, max_bytes: int = 1 << 20) -> Setup:
        made.append(Setup(url, tmp_path / "spool", token, max_bytes))
        return made[-1]

    yield make
    for each in made:
        each.delivery.close()


@pytest.fixture
def setup(make_setup: MakeSetup) -> Setup:
    return make_setup()


def bodies(receiver: Receiver) -> list[bytes]:
    return [each.content for each in receiver.received]


def test_a_body_is_posted_with_the_headers_of_remote_write_1(setup: Setup, receiver: Receiver) -> None:
    setup.deliver(b"a")

    [request] = receiver.received
    assert request.path == "/api/v1/write"
    assert request.content == b"a"
    assert request.headers["Content-Type"] == "application/x-protobuf"
    assert request.headers["Content-Encoding"] == "snappy"
    assert request.headers["X-Prometheus-Remote-Write-Version"] == "0.1.0"
    assert "Authorization" not in request.headers


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_service_that_is_away_gets_the_bodies_in_order_when_it_is_back(
    status: int, setup: Setup, receiver: Receiver
) -> None:
    receiver.answers = [(status, {})]
    setup.deliver(b"a", b"b", b"c")
    assert (bodies(receiver), receiver.refused) == ([], [b"a"])

    setup.drain_at(1.0)

    assert bodies(receiver) == [b"a", b"b", b"c"]
    assert (setup.count("spooled"), setup.count("sent")) == (3, 3)
    assert setup.delivery.wake_at is None


def test_a_service_that_does_not_listen_is_away(make_setup: MakeSetup, receiver: Receiver) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        setup = make_setup(f"http://127.0.0.1:{unused.getsockname()[1]}")
        setup.deliver(b"a")
    assert setup.count("spooled") == 1

    setup.delivery.sender.url = f"{receiver.url}/api/v1/write"
    setup.drain_at(1.0)

    assert bodies(receiver) == [b"a"]


def test_retry_after_is_honoured(setup: Setup, receiver: Receiver) -> None:
    receiver.answers = [(503, {"Retry-After": "30"})]
    setup.deliver(b"a")

    setup.drain_at(29.0)
    assert bodies(receiver) == []
    setup.drain_at(1.0)
    assert bodies(receiver) == [b"a"]


def test_attempts_come_ever_later_and_at_once_after_a_success(setup: Setup, receiver: Receiver) -> None:
    receiver.answers = [(503, {})] * 8
    setup.deliver(b"a")
    delays = []
    while len(setup.delivery.spool):
        delays.append(setup.delivery.retry_at - setup.clock())
        setup.drain_at(delays[-1])

    assert delays == [1, 2, 4, 8, 16, 32, 60, 60]
    setup.deliver(b"b")
    assert bodies(receiver) == [b"a", b"b"]


def test_no_body_overtakes_one_that_waits(setup: Setup, receiver: Receiver) -> None:
    receiver.answers = [(503, {})]
    setup.deliver(b"a")
    setup.clock.now_s += 60

    setup.deliver(b"b")

    assert bodies(receiver) == []
    setup.drain_at(0)
    assert bodies(receiver) == [b"a", b"b"]


def test_a_body_that_is_refused_for_good_is_dropped_counted_and_the_reason_logged(
    setup: Setup, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.answers = [(400, {}), (204, {})]
    with caplog.at_level(logging.ERROR):
        setup.deliver(b"bad", b"good")

    assert bodies(receiver) == [b"good"]
    assert setup.count("refused") == 1
    assert "400" in caplog.text


@pytest.mark.parametrize("status", [401, 403, 404, 408, 429, 500, 503])
def test_a_body_waits_while_not_it_but_its_way_is_refused(
    setup: Setup, receiver: Receiver, status: int
) -> None:
    receiver.answers = [(status, {})]
    setup.deliver(b"a")
    assert (setup.count("spooled"), setup.count("refused")) == (1, 0)

    setup.drain_at(60)

    assert bodies(receiver) == [b"a"]


def test_a_refused_body_does_not_block_those_behind_it(setup: Setup, receiver: Receiver) -> None:
    receiver.answers = [(503, {}), (413, {})]
    setup.deliver(b"bad", b"good")

    setup.drain_at(1.0)

    assert bodies(receiver) == [b"good"]


def test_what_the_bound_pushes_out_is_counted(receiver: Receiver, make_setup: MakeSetup) -> None:
    setup = make_setup(max_bytes=40)
    receiver.answers = [(503, {})]
    setup.deliver(b"a", b"b", b"c")

    assert setup.count("full") == 1
    setup.drain_at(1.0)
    assert bodies(receiver) == [b"b", b"c"]


def test_a_token_file_is_read_again_when_it_changes(
    receiver: Receiver, make_setup: MakeSetup, tmp_path: Path
) -> None:
    secret = tmp_path / "token"
    secret.write_text("one\n")
    setup = make_setup(token=Token(path=secret))
    setup.deliver(b"a")
    secret.write_text("second\n")
    setup.deliver(b"b")
    secret.unlink()
    setup.deliver(b"c")

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
