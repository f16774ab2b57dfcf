"""How many samples a second a system takes, and what CPU a sample costs it."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

import orjson

from bench.payloads import Fleet
from bench.systems import Running

_HEADERS = {
    "Content-Type": "application/x-protobuf",
    "Content-Encoding": "snappy",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
}


@dataclass(frozen=True, slots=True)
class IngestFigures:
    """One run. cpu_s counts until the system is at rest again, so that work put off is not free."""

    samples_per_s: float
    cpu_us_per_sample: float
    memory_bytes: int
    disk_bytes_per_sample: float


def measure(running: Running, fleet: Fleet, bodies: Sequence[bytes], connections: int) -> IngestFigures:
    """Send every body over `connections` connections; each takes the next body that nobody has taken."""
    cpu_before = running.cpu_s()
    began = time.perf_counter()
    _send(running, bodies, connections)
    wall_s = time.perf_counter() - began
    _wait_until_visible(running, fleet)
    _wait_until_at_rest(running)
    cpu_s = running.cpu_s() - cpu_before
    return IngestFigures(
        samples_per_s=fleet.samples / wall_s,
        cpu_us_per_sample=cpu_s / fleet.samples * 1e6,
        memory_bytes=running.memory_bytes(),
        disk_bytes_per_sample=running.disk_bytes() / fleet.samples,
    )


def _send(running: Running, bodies: Sequence[bytes], connections: int) -> None:
    lock = threading.Lock()
    waiting = iter(bodies)
    failures: list[str] = []

    def sender() -> None:
        connection = running.connect()
        while not failures:
            with lock:
                body = next(waiting, None)
            if body is None:
                return
            connection.request("POST", "/api/v1/write", body, _HEADERS)
            answer = connection.getresponse()
            text = answer.read()
            if answer.status == 429:
                time.sleep(0.01)
                with lock:
                    waiting_again.append(body)
            elif answer.status >= 300:
                failures.append(f"{running.system.name} answered {answer.status}: {text[:200]!r}")

    waiting_again: list[bytes] = []
    threads = [threading.Thread(target=sender) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise RuntimeError(failures[0])
    if waiting_again:
        _send(running, waiting_again, connections)


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
    """Until a second costs less than a tenth of a second of CPU, twenty seconds at most."""
    for _ in range(20):
        before = running.cpu_s()
        time.sleep(1)
        if running.cpu_s() - before < 0.1:
            return
