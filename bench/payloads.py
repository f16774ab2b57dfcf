"""The data set of the benchmark: counters of a Kubernetes fleet as remote-write 1.0 bodies.

20 metrics of 1,000 series each by default, 8 labels a series, one sample every 15 s. The same bytes go to
every system.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import cramjam
import numpy as np

STEP_MS = 15_000


@dataclass(frozen=True, slots=True)
class Fleet:
    """The shape of the data set. `end_ms` is the time of the last sample, a multiple of the step."""

    end_ms: int
    metrics: int = 20
    series_per_metric: int = 1_000
    samples_per_series: int = 120
    series_per_request: int = 2_000

    @property
    def series(self) -> int:
        return self.metrics * self.series_per_metric

    @property
    def samples(self) -> int:
        return self.series * self.samples_per_series

    @property
    def start_ms(self) -> int:
        return self.end_ms - (self.samples_per_series - 1) * STEP_MS


def bodies(fleet: Fleet) -> Iterator[bytes]:
    """Snappy-compressed `prometheus.WriteRequest`s in the order of time, as a scraping fleet sends them."""
    rng = np.random.default_rng(7)
    rates = rng.integers(0, 2_000, fleet.series)
    heads = [_labels(fleet, i) for i in range(fleet.series)]
    values = rng.integers(0, 1_000_000, fleet.series).astype(np.float64)
    for step in range(fleet.samples_per_series):
        values = values + rng.poisson(rates)
        timestamp = _varint(fleet.start_ms + step * STEP_MS)
        for at in range(0, fleet.series, fleet.series_per_request):
            rows = range(at, min(at + fleet.series_per_request, fleet.series))
            raw = b"".join(_time_series(heads[i], float(values[i]), timestamp) for i in rows)
            yield bytes(cramjam.snappy.compress_raw(raw))


def _time_series(labels: bytes, value: float, timestamp: bytes) -> bytes:
    sample = b"\x09" + struct.pack("<d", value) + b"\x10" + timestamp
    series = labels + b"\x12" + _varint(len(sample)) + sample
    return b"\x0a" + _varint(len(series)) + series


def _labels(fleet: Fleet, i: int) -> bytes:
    metric, pod = divmod(i, fleet.series_per_metric)
    node = pod % 50
    pairs = (
        ("__name__", f"container_metric_{metric:02d}_total"),
        ("cluster", "bench"),
        ("container", f"app-{metric:02d}"),
        ("instance", f"10.0.{node}.7:10250"),
        ("job", "kubelet"),
        ("namespace", f"team-{pod % 20:02d}"),
        ("node", f"node-{node:03d}"),
        ("pod", f"workload-{pod // 10:03d}-{pod * 2654435761 % 4294967296:08x}"),
    )
    return b"".join(_label(name.encode(), value.encode()) for name, value in pairs)


def _label(name: bytes, value: bytes) -> bytes:
    pair = b"\x0a" + _varint(len(name)) + name + b"\x12" + _varint(len(value)) + value
    return b"\x0a" + _varint(len(pair)) + pair


def _varint(number: int) -> bytes:
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    found.append(number)
    return bytes(found)
