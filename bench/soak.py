"""Many active series for a long time, with churn: `python -m bench.soak --series 1000000 --minutes 10`.

Sends every series once an interval, replaces a part of them every minute, and asks all the while how long an
acknowledged sample takes to be seen. Prints a line every ten seconds and a summary; any request that is
refused ends it.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cramjam
import numpy as np
import numpy.typing as npt
import orjson

from bench.ingest import REMOTE_WRITE
from bench.systems import Running, started, systems
from ingest.wire.encoding import encode_labels, encode_v1

SERIES_PER_REQUEST = 2_000
_PATH, _HEADERS = REMOTE_WRITE.path, dict(REMOTE_WRITE.headers)
_REPORT_S = 10.0
_PROBE_PAUSE_S = 1.0
_POLL_S = 0.02


@dataclass(slots=True)
class Request:
    """The body of some series, of which only values and times change.

    raw: uint8; values_at, times_at: int64 (series,), where the eight bytes of each value and the six of each
    time begin.
    """

    raw: npt.NDArray[np.uint8]
    values_at: npt.NDArray[np.int64]
    times_at: npt.NDArray[np.int64]

    @classmethod
    def of(cls, first: int, series: int, generation: int) -> Request:
        """Series first to first + series, new ones for each generation."""
        heads = [encode_labels(_labels(i, generation)) for i in range(first, first + series)]
        zero = np.zeros(series, np.int64)
        raw = encode_v1(heads, np.arange(series), zero + (1 << 41), np.zeros(series))
        columns = np.frombuffer(raw, np.uint8).copy()
        ends = np.cumsum([_size(len(head)) for head in heads])
        return cls(columns, ends - 15, ends - 6)

    def body(self, values: npt.NDArray[np.float64], time_ms: int) -> bytes:
        """The compressed body with these values at this time."""
        self.raw[self.values_at[:, None] + np.arange(8)] = values.astype("<f8").view(np.uint8).reshape(-1, 8)
        digits = [time_ms >> 7 * i & 0x7F | (0x80 if i < 5 else 0) for i in range(6)]
        self.raw[self.times_at[:, None] + np.arange(6)] = np.array(digits, np.uint8)
        return bytes(cramjam.snappy.compress_raw(self.raw))


@dataclass(slots=True)
class Seen:
    """What was measured. Times in seconds."""

    sent: int = 0
    late_s: float = 0.0
    latencies_s: list[float] = field(default_factory=list)
    memory_bytes: list[int] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


def main() -> None:
    arguments = _arguments()
    swell = systems("swell", "swell")[0]
    with (
        tempfile.TemporaryDirectory(prefix="swell-soak-") as name,
        started(swell, Path(name) / "data") as running,
    ):
        seen = _run(running, arguments)
        cpu_s, disk_bytes = running.cpu_s(), running.disk_bytes()
    if seen.failures:
        raise SystemExit(seen.failures[0])
    first, last = seen.memory_bytes[len(seen.memory_bytes) // 5], seen.memory_bytes[-1]
    quantiles = statistics.quantiles(seen.latencies_s, n=100)
    print(
        f"{seen.sent} samples of {arguments.series} series in {arguments.minutes} min, all acknowledged; "
        f"latest request {seen.late_s:.1f} s behind its time; CPU {cpu_s / seen.sent * 1e6:.2f} us and "
        f"{disk_bytes / seen.sent:.2f} B on disk a sample; resident MiB after a fifth of the time "
        f"{first >> 20}, at the end {last >> 20}, at most {max(seen.memory_bytes) >> 20}; from "
        f"acknowledgement to visibility p50 {quantiles[49] * 1000:.0f} ms, p99 {quantiles[98] * 1000:.0f} ms "
        f"({len(seen.latencies_s)} probes)"
    )


def _run(running: Running, arguments: argparse.Namespace) -> Seen:
    seen, ended = Seen(), threading.Event()
    threads = [
        threading.Thread(target=_send, args=(running, arguments, seen, ended)),
        threading.Thread(target=_probe, args=(running, seen, ended)),
    ]
    for thread in threads:
        thread.start()
    began = time.monotonic()
    while not ended.wait(_REPORT_S) and time.monotonic() - began < arguments.minutes * 60:
        seen.memory_bytes.append(running.memory_bytes())
        print(
            f"{time.monotonic() - began:6.0f} s  {seen.sent:>12} samples  {seen.memory_bytes[-1] >> 20} MiB  "
            f"{seen.late_s:.1f} s behind",
            flush=True,
        )
    ended.set()
    for thread in threads:
        thread.join()
    return seen


def _send(running: Running, arguments: argparse.Namespace, seen: Seen, ended: threading.Event) -> None:
    firsts = range(0, arguments.series, SERIES_PER_REQUEST)
    requests = [Request.of(first, SERIES_PER_REQUEST, 0) for first in firsts]
    churned = arguments.churn * len(requests) * arguments.interval_s / 60
    rng, connection = np.random.default_rng(3), running.connect()
    values, due_s, generation, owed = np.zeros(SERIES_PER_REQUEST), time.monotonic(), 0, 0.0
    while not ended.is_set():
        values += rng.integers(0, 1_000, SERIES_PER_REQUEST)
        generation, owed = generation + 1, owed + churned
        while owed >= 1:
            place = int(rng.integers(len(requests)))
            requests[place] = Request.of(firsts[place], SERIES_PER_REQUEST, generation)
            owed -= 1
        for request in requests:
            due_s += arguments.interval_s / len(requests)
            if ended.wait(max(0.0, due_s - time.monotonic())):
                return
            seen.late_s = max(seen.late_s, time.monotonic() - due_s)
            connection.request("POST", _PATH, request.body(values, _now_ms()), _HEADERS)
            answer = connection.getresponse()
            text = answer.read()
            if answer.status != 204:
                seen.failures.append(f"answered {answer.status} after {seen.sent} samples: {text[:200]!r}")
                ended.set()
                return
            seen.sent += SERIES_PER_REQUEST


def _probe(running: Running, seen: Seen, ended: threading.Event) -> None:
    """Send one sample, and ask until it is there."""
    head = [encode_labels((("__name__", "soak_probe"),))]
    connection, number = running.connect(), 0.0
    while not ended.wait(_PROBE_PAUSE_S):
        number += 1
        one = np.zeros(1, np.int64)
        raw = encode_v1(head, one, one + _now_ms(), np.array([number]))
        connection.request("POST", _PATH, bytes(cramjam.snappy.compress_raw(raw)), _HEADERS)
        connection.getresponse().read()
        acknowledged_s = time.monotonic()
        while not ended.is_set():
            connection.request("GET", "/api/v1/query?query=soak_probe")
            found = orjson.loads(connection.getresponse().read())["data"]["result"]
            if found and float(found[0]["value"][1]) >= number:
                seen.latencies_s.append(time.monotonic() - acknowledged_s)
                break
            time.sleep(_POLL_S)


def _labels(i: int, generation: int) -> Sequence[tuple[str, str]]:
    pod, node = i // 20, i // 20 % 200
    return (
        ("__name__", f"container_metric_{i % 20:02d}_total"),
        ("cluster", "soak"),
        ("container", f"app-{i % 20:02d}"),
        ("instance", f"10.0.{node}.7:10250"),
        ("job", "kubelet"),
        ("namespace", f"team-{pod % 20:02d}"),
        ("node", f"node-{node:03d}"),
        ("pod", f"workload-{pod:05d}-{generation:04d}"),
    )


def _size(head: int) -> int:
    """Bytes of a TimeSeries of one sample, whose labels take `head` bytes, with its own tag and length."""
    inner = head + 2 + 16
    return 1 + (1 if inner < 0x80 else 2) + inner


def _now_ms() -> int:
    return int(time.time() * 1000)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--series", type=int, default=1_000_000)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--interval-s", type=float, default=15.0)
    parser.add_argument("--churn", type=float, default=0.01, help="the part that is replaced every minute")
    return parser.parse_args()


if __name__ == "__main__":
    main()
