"""The data set of the benchmark: counters of a Kubernetes fleet, as bodies of remote write 1.0 and of Influx.

20 metrics of 1,000 series each by default, 8 labels a series, one sample every 15 s. The same bytes go to
every system.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import cramjam
import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]

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
    heads = [b"".join(_label(*pair) for pair in _pairs(fleet, i)) for i in range(fleet.series)]
    for rows, values, time_ms in _steps(fleet):
        timestamp = _varint(time_ms)
        raw = b"".join(_time_series(heads[i], float(values[i]), timestamp) for i in rows)
        yield bytes(cramjam.snappy.compress_raw(raw))


def influx_bodies(fleet: Fleet) -> Iterator[bytes]:
    """The same samples in the same order in InfluxDB's line protocol, tags sorted, not compressed."""
    heads = [_line_head(fleet, i) for i in range(fleet.series)]
    for rows, values, time_ms in _steps(fleet):
        yield b"".join(b"%s%d %d000000\n" % (heads[i], int(values[i]), time_ms) for i in rows)


def _steps(fleet: Fleet) -> Iterator[tuple[range, Values, int]]:
    """(series of a request, values of every series, time in ms)."""
    rng = np.random.default_rng(7)
    rates = rng.integers(0, 2_000, fleet.series)
    values = rng.integers(0, 1_000_000, fleet.series).astype(np.float64)
    for step in range(fleet.samples_per_series):
        values = values + rng.poisson(rates)
        for at in range(0, fleet.series, fleet.series_per_request):
            rows = range(at, min(at + fleet.series_per_request, fleet.series))
            yield rows, values, fleet.start_ms + step * STEP_MS


def _line_head(fleet: Fleet, i: int) -> bytes:
    (_, name), *tags = _pairs(fleet, i)
    return name + b"".join(b",%s=%s" % tag for tag in tags) + b" value="


def _time_series(labels: bytes, value: float, timestamp: bytes) -> bytes:
    sample = b"\x09" + struct.pack("<d", value) + b"\x10" + timestamp
    series = labels + b"\x12" + _varint(len(sample)) + sample
    return b"\x0a" + _varint(len(series)) + series


def _pairs(fleet: Fleet, i: int) -> list[tuple[bytes, bytes]]:
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
    return [(name.encode(), value.encode()) for name, value in pairs]


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
