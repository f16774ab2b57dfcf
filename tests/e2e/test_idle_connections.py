"""Thousands of connections that say little or nothing do not stop a sender that is well.

`SWELL_IDLE_CONNECTIONS` sets how many, on each port.
"""

from __future__ import annotations

import os
import resource
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import cycle

import numpy as np
import pytest

from tests.e2e.swell import Swell, labels, one_each
from tests.peers import free_port, wait_until

_NUMBER = int(os.environ.get("SWELL_IDLE_CONNECTIONS", "500"))
_HTTP = (
    b"",
    b"POST /api/v1/write HTTP/1.1\r\nHost: sw",
    b"POST /api/v1/import/prometheus HTTP/1.1\r\nHost: swell\r\nContent-Length: 1000\r\n\r\nm 1",
)
_LINES = (b"", b"half.a.line 1 17", b"\x1f", b"POST /rep")
_PORTS = ("graphite", "graphite_pickle", "opentsdb", "wavefront")


@pytest.fixture
def files() -> Iterator[None]:
    """As many open files as connections need."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = _NUMBER + 1_000
    if before[1] < needed:
        pytest.skip(f"{before[1]} open files are allowed here, {needed} are needed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(before[0], needed), before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.fixture(scope="module")
def swell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Swell, dict[str, int]]]:
    """A Swell that listens on every port there is, and where."""
    ports = {name: free_port() for name in _PORTS}
    flags = [f"--ingest.{name.replace('_', '-')}-port={port}" for name, port in ports.items()]
    found = Swell(tmp_path_factory.mktemp("idle") / "data", flags=(*flags, "--no-collect.enabled"))
    found.start()
    yield found, {"http": found.port, **ports}
    found.stop()


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize("idle", ["http", *_PORTS])
def test_silent_and_slow_connections_do_not_stop_a_healthy_sender(
    idle: str, swell: tuple[Swell, dict[str, int]]
) -> None:
    house, ports = swell
    with ExitStack() as stack:
        for _, beginning in zip(range(_NUMBER), cycle(_HTTP if idle == "http" else _LINES), strict=False):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", ports[idle]), 30))
            connection.sendall(beginning)

        now_ms = int(time.time() * 1000)
        answer = house.write([labels(f"by_http_{idle}")], one_each(1), np.array([now_ms]), np.array([7.0]))
        with socket.create_connection(("127.0.0.1", ports["graphite"]), 30) as healthy:
            healthy.sendall(f"by.line.{idle} 8 {now_ms // 1000}\n".encode())
        assert answer.status_code == 204
        for query, value in ((f"by_http_{idle}", "7"), (f'{{"by.line.{idle}"}}', "8")):
            wait_until(lambda query=query: bool(house.instant(query)), query, 30)
            assert house.instant(query)[0]["value"][1] == value
