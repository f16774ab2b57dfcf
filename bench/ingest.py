"""How many samples a second a system takes, and what CPU a sample costs it."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPConnection
from urllib.parse import quote

import orjson

from bench.payloads import Fleet, bodies, influx_bodies
from bench.systems import Running

_PUT_OFF_S = 6.0


@dataclass(frozen=True, slots=True)
class Protocol:
    """Where bodies of one kind go, and which systems take them."""

    title: str
    path: str
    headers: Mapping[str, str]
    bodies: Callable[[Fleet], Iterator[bytes]]
    taken_by: tuple[str, ...] = ("Swell", "VictoriaMetrics")


REMOTE_WRITE = Protocol(
    "Prometheus remote write 1.0",
    "/api/v1/write",
    {
        "Content-Type": "application/x-protobuf",
        "Content-Encoding": "snappy",
        "X-Prometheus-Remote-Write-Version": "0.1.0",
    },
    bodies,
    ("Swell", "VictoriaMetrics", "Prometheus"),
)
INFLUX = Protocol("InfluxDB line protocol", "/write?db=bench", {"Content-Type": "text/plain"}, influx_bodies)
INFLUX_GZIP = Protocol(
    "InfluxDB line protocol, gzip",
    "/write?db=bench",
    {"Content-Type": "text/plain", "Content-Encoding": "gzip"},
    lambda fleet: (gzip.compress(body, 1) for body in influx_bodies(fleet)),
)
PROTOCOLS = (REMOTE_WRITE, INFLUX, INFLUX_GZIP)


@dataclass(frozen=True, slots=True)
class IngestFigures:
    """One run. cpu_s counts until the system is at rest again, so that work put off is not free."""

    samples_per_s: float
    cpu_us_per_sample: float
    memory_bytes: int
    disk_bytes_per_sample: float


def measure(
    running: Running,
    fleet: Fleet,
    payloads: Sequence[bytes],
    connections: int,
    protocol: Protocol = REMOTE_WRITE,
) -> IngestFigures:
    """Send every body over `connections` connections, and wait until the system is done with them."""
    cpu_before = running.cpu_s()
    began = time.perf_counter()
    _send(running, fleet, payloads, connections, protocol)
    wall_s = time.perf_counter() - began
    _wait_until_at_rest(running)
    cpu_s = running.cpu_s() - cpu_before  # before anything is asked: a query's cost is not ingest's
    _wait_until_visible(running, fleet)
    return IngestFigures(
        samples_per_s=fleet.samples / wall_s,
        cpu_us_per_sample=cpu_s / fleet.samples * 1e6,
        memory_bytes=running.memory_bytes(),
        disk_bytes_per_sample=running.disk_bytes() / fleet.samples,
    )


def _send(
    running: Running, fleet: Fleet, payloads: Sequence[bytes], connections: int, protocol: Protocol
) -> None:
    """Each connection sends the bodies of its own series, so that every series' samples come in order."""
    each_step = -(-fleet.series // fleet.series_per_request)
    failures: list[str] = []

    def sender(number: int) -> None:
        connection = running.connect()
        for i, body in enumerate(payloads):
            if i % each_step % connections == number and not failures:
                _post(connection, protocol, body, running.system.name, failures)
        connection.close()

    threads = [threading.Thread(target=sender, args=(number,)) for number in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise RuntimeError(failures[0])


def _post(
    connection: HTTPConnection, protocol: Protocol, body: bytes, name: str, failures: list[str]
) -> None:
    while True:
        connection.request("POST", protocol.path, body, protocol.headers)
        answer = connection.getresponse()
        text = answer.read()
        if answer.status not in (429, 503):
            break
        time.sleep(0.01)
    if answer.status >= 300:
        failures.append(f"{name} answered {answer.status}: {text[:200]!r}")


def _wait_until_visible(running: Running, fleet: Fleet) -> None:
    window_s = fleet.samples_per_series * 15 + 60
    query = quote(f'sum(count_over_time({{job="kubelet"}}[{window_s}s]))')
    deadline = time.monotonic() + 60
    counted = 0
    while time.monotonic() < deadline:
        status, body = running.get(f"/api/v1/query?query={query}&time={fleet.end_ms / 1000}&nocache=1")
        found = orjson.loads(body)["data"]["result"] if status == 200 else []
        counted = int(float(found[0]["value"][1])) if found else 0
        if counted == fleet.samples:
            return
        time.sleep(0.5)
    raise RuntimeError(f"{running.system.name} shows {counted} of {fleet.samples} samples after 60 s")


def _wait_until_at_rest(running: Running) -> None:
    """Until a second costs less than a tenth of a second of CPU, twenty seconds at most.

    It begins when every system has come to what it puts off for a while.
    """
    time.sleep(_PUT_OFF_S)
    for _ in range(20):
        before = running.cpu_s()
        time.sleep(1)
        if running.cpu_s() - before < 0.1:
            return
