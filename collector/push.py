"""A pass: read, name, encode. What a scraper would add of its own is added here.

Prometheus learns from a scrape whether its target is up; a sender has to say so itself, and has to end the
series that vanish with a staleness marker, or they would linger for the lookback.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import cramjam
import numpy as np

from collector.families import Reading, gauge
from collector.lines import LineCache
from collector.node.reader import NodeReading
from ingest.wire.encoding import encode_v1
from storage.model import STALE_NAN_BITS, Float64Array, Metadata

UP = gauge("up", "1 when the pass succeeded.")
DURATION = gauge("scrape_duration_seconds", "Seconds that the pass took.")
SAMPLES = gauge("scrape_samples_scraped", "Samples that the pass found.")
KEPT = gauge("scrape_samples_post_metric_relabeling", "Samples that the pass sends.")
ADDED = gauge("scrape_series_added", "Series that the pass before did not have.")

METADATA_INTERVAL_MS = 300_000


@dataclass(frozen=True, slots=True)
class Body:
    """A remote write 1.0 request, compressed, and how many samples it carries."""

    content: bytes
    samples: int


@dataclass(slots=True)
class Pusher:
    """Turns passes into bodies; remembers the series of the last pass.

    perf: a clock for durations. further: readings that do not belong to the machine.
    """

    read: Callable[[], NodeReading]
    cache: LineCache
    perf: Callable[[], float] = time.perf_counter
    further: Callable[[], list[Reading]] = list
    live: set[bytes] = field(default_factory=set)
    metadata_at_ms: int | None = None

    def next_pass(self) -> tuple[list[Reading], list[bytes]]:
        """One pass, with what it says of itself; and the encoded labels of its samples."""
        begin = self.perf()
        found = self.read()
        duration_s = self.perf() - begin
        lines = self.cache.lines(found.readings)
        own = [
            *self.further(),
            UP.one(float(found.up)),
            DURATION.one(duration_s),
            SAMPLES.one(float(len(lines))),
            KEPT.one(float(len(lines))),
            ADDED.one(float(len(set(lines) - self.live))),
        ]
        return [*found.readings, *own], lines + self.cache.lines(own)

    def next_body(self, now_ms: int) -> Body:
        """One pass, all of its samples at `now_ms`, with markers for what vanished since the last."""
        readings, lines = self.next_pass()
        vanished = self.live - set(lines)
        self.live = set(lines)
        if vanished:
            self.cache.forget(vanished)
        values = np.concatenate([_values(readings), _markers(len(vanished))])
        return _body([*lines, *vanished], values, now_ms, self._metadata(readings, now_ms))

    def last_body(self, now_ms: int) -> Body:
        """Markers for every series of the last pass: this target is going away."""
        lines = [*self.live]
        self.live = set()
        return _body(lines, _markers(len(lines)), now_ms, ())

    def _metadata(self, readings: Sequence[Reading], now_ms: int) -> list[Metadata]:
        """What the families are, every few minutes."""
        sent_ms = self.metadata_at_ms
        if sent_ms is not None and 0 <= now_ms - sent_ms < METADATA_INTERVAL_MS:
            return []
        self.metadata_at_ms = now_ms
        families = {reading.family.metric: reading.family for reading in readings}
        return [Metadata(name, each.type.value, each.help, "") for name, each in families.items()]


def _values(readings: Iterable[Reading]) -> Float64Array:
    return np.fromiter((value for reading in readings for value in reading.values), np.float64)


def _markers(count: int) -> Float64Array:
    markers: Float64Array = np.full(count, STALE_NAN_BITS, np.uint64).view(np.float64)
    return markers


def _body(lines: Sequence[bytes], values: Float64Array, now_ms: int, metadata: Sequence[Metadata]) -> Body:
    index = np.arange(len(lines), dtype=np.int64)
    raw = encode_v1(lines, index, np.full(len(lines), now_ms, np.int64), values, metadata)
    return Body(bytes(cramjam.snappy.compress_raw(raw)), len(lines))
