"""Passes over what a collector reads itself: the machine, and its own metrics.

Prometheus learns from a scrape whether its target is up; a sender has to say so itself, and has to end the
series that vanish with a staleness marker, or they would linger for the lookback.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from collector.families import Reading, gauge
from collector.lines import LineCache
from collector.node.reader import NodeReading
from collector.schedule import Schedule
from collector.scrape.status import Health, Status
from collector.sweep import Sweep
from collector.target import Target
from storage.model import STALE_NAN_BITS, Float64Array, Int64Array, Metadata

Take = Callable[[Sweep], None]

UP = gauge("up", "1 when the pass succeeded.")
DURATION = gauge("scrape_duration_seconds", "Seconds that the pass took.")
SAMPLES = gauge("scrape_samples_scraped", "Samples that the pass found.")
KEPT = gauge("scrape_samples_post_metric_relabeling", "Samples that the pass sends.")
ADDED = gauge("scrape_series_added", "Series that the pass before did not have.")

METADATA_INTERVAL_MS: Final = 300_000


@dataclass(slots=True)
class Passes:
    """Readings as sweeps; remembers the series of the last one.

    name: of what is read, for the page of targets. labels: of every series. perf: a clock for durations.
    """

    name: str
    read: Callable[[], NodeReading]
    labels: Mapping[str, str]
    perf: Callable[[], float] = time.perf_counter
    live: dict[bytes, None] = field(default_factory=dict)
    status: Status = field(init=False)
    _cache: LineCache = field(init=False)
    _described_ms: int | None = None

    def __post_init__(self) -> None:
        self._cache = LineCache(self.labels)
        self.status = Status(Target(self.name, self.labels.get("job", self.name), self.labels))

    def next(self, now_ms: int) -> Sweep:
        """One pass, all of its samples at `now_ms`, with markers for what vanished since the last."""
        begin = self.perf()
        found = self.read()
        return self._sweep(found, self.perf() - begin, now_ms)

    async def next_beside(self, now_ms: int) -> Sweep:
        """The same; a file system that does not answer holds up nothing else."""
        begin = self.perf()
        found = await asyncio.to_thread(self.read)
        return self._sweep(found, self.perf() - begin, now_ms)

    def last(self, now_ms: int) -> Sweep:
        """Markers for every series of the last pass: what is read is going away."""
        lines = [*self.live]
        self.live = {}
        return Sweep(self.name, lines, _markers(len(lines)), _times(len(lines), now_ms), is_last=True)

    def _sweep(self, found: NodeReading, duration_s: float, now_ms: int) -> Sweep:
        lines = self._cache.lines(found.readings)
        own = [
            UP.one(float(found.up)),
            DURATION.one(duration_s),
            SAMPLES.one(float(len(lines))),
            KEPT.one(float(len(lines))),
            ADDED.one(float(sum(line not in self.live for line in lines))),
        ]
        self._conclude(found.up, duration_s, len(lines), now_ms)
        readings = [*found.readings, *own]
        lines += self._cache.lines(own)
        values = _values(readings)
        now = dict.fromkeys(lines)
        vanished = [line for line in self.live if line not in now]
        self.live = now
        if vanished:
            self._cache.forget({*vanished})
            lines += vanished
            values = np.concatenate([values, _markers(len(vanished))])
        times = _times(len(lines), now_ms)
        return Sweep(self.name, lines, values, times, metadata=self._metadata(readings, now_ms))

    def _conclude(self, is_up: bool, duration_s: float, samples: int, now_ms: int) -> None:
        self.status = replace(
            self.status,
            health=Health.UP if is_up else Health.DOWN,
            last_scrape_ms=now_ms,
            duration_s=duration_s,
            samples=samples,
            kept=samples,
            error="" if is_up else "nothing could be read; the log has the reasons",
            scrapes=self.status.scrapes + 1,
        )

    def _metadata(self, readings: Iterable[Reading], now_ms: int) -> list[Metadata]:
        """What the families are, every few minutes."""
        described_ms = self._described_ms
        if described_ms is not None and 0 <= now_ms - described_ms < METADATA_INTERVAL_MS:
            return []
        self._described_ms = now_ms
        families = {reading.family.metric: reading.family for reading in readings}
        return [Metadata(name, each.type.value, each.help, "") for name, each in families.items()]


@dataclass(slots=True)
class Ticking:
    """Pass after pass at fixed moments, the first at once. now: seconds since the epoch. sleep: as asyncio's.

    done, missed: told of a pass, and of those that were left out for being late.
    """

    passes: Passes
    interval_s: float
    now: Callable[[], float] = time.time
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    done: Callable[[], None] = lambda: None
    missed: Callable[[int], None] = lambda _: None

    @property
    def statuses(self) -> tuple[Status, ...]:
        """The last pass as a target's state."""
        return (self.passes.status,)

    async def run(self, take: Take) -> None:
        """Until cancelled; then all series end."""
        identity = f"{self.passes.labels.get('job', '')} {self.passes.labels.get('instance', '')}"
        schedule = Schedule.of(self.interval_s, identity)
        due_ms = self._now_ms()
        try:
            while True:
                start_ms = self._now_ms()
                take(await self.passes.next_beside(schedule.stamp(due_ms, start_ms)))
                self.done()
                now_ms = self._now_ms()
                self.missed(schedule.missed(due_ms, now_ms))
                # A timer may fire just before its time, and must not fire for the same moment twice.
                later_ms = schedule.after(max(now_ms, due_ms))
                due_ms = later_ms if later_ms - now_ms <= 2 * schedule.interval_ms else schedule.after(now_ms)
                await self._wait_until(due_ms, 2 * schedule.interval_ms)
        finally:
            take(self.passes.last(self._now_ms()))

    async def _wait_until(self, due_ms: int, most_ms: int) -> None:
        """A pass that is further away than it can be is due at once: the clock was set back."""
        while 0 < (left_ms := due_ms - self._now_ms()) <= most_ms:
            await self.sleep(min(left_ms, 1000) / 1000)

    def _now_ms(self) -> int:
        return round(self.now() * 1000)


def _values(readings: Iterable[Reading]) -> Float64Array:
    return np.fromiter((value for reading in readings for value in reading.values), np.float64)


def _markers(count: int) -> Float64Array:
    markers: Float64Array = np.full(count, STALE_NAN_BITS, np.uint64).view(np.float64)
    return markers


def _times(count: int, now_ms: int) -> Int64Array:
    return np.full(count, now_ms, np.int64)
