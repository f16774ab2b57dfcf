"""Sweeps as bodies, each within a bound of samples and of bytes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import cramjam

from collector.body import Body
from collector.encode import Cache, requests_v1, requests_v2
from collector.sweep import Sweep


@dataclass(slots=True)
class Requests:
    """Makes bodies. max_samples: of one body. max_bytes: of one body before it is compressed.

    A single sample goes alone, however long its labels are.
    """

    max_samples: int = 10_000
    max_bytes: int = 4 << 20
    _caches: Mapping[int, Cache] = field(default_factory=lambda: {1: Cache(), 2: Cache()})
    _rows: dict[str, int] = field(default_factory=dict)
    _parts: dict[str, int] = field(default_factory=dict)

    def bodies(self, sweep: Sweep, version: int) -> list[Body]:
        """A sweep as requests of a version of remote write, in order; none where there is nothing to say."""
        found = self._bodies(sweep, version)
        if sweep.is_last:
            self._forget(sweep.source)
        return found

    def _bodies(self, sweep: Sweep, version: int) -> list[Body]:
        rows = self._rows.get(sweep.source, self.max_samples)
        found = []
        for number, part in enumerate(split(sweep, rows)):
            raw = self._encoded(part, number, version)
            if len(raw) > self.max_bytes and rows > 1:
                self._rows[sweep.source] = max(1, min(rows, _size(part)) // 2)
                return self._bodies(sweep, version)
            if raw:
                found.append(Body(bytes(cramjam.snappy.compress_raw(raw)), version, _size(part)))
        return found

    def _encoded(self, part: Sweep, number: int, version: int) -> bytes:
        self._parts[part.source] = max(self._parts.get(part.source, 0), number + 1)
        named = replace(part, source=f"{part.source}\xff{number}")
        if version == 1:
            # 1.0 tells of a family apart from its series: once is enough.
            return requests_v1(named if number == 0 else replace(named, metadata=()), self._caches[1])
        return requests_v2(named, self._caches[2])

    def _forget(self, source: str) -> None:
        self._rows.pop(source, None)
        for number in range(self._parts.pop(source, 0)):
            for cache in self._caches.values():
                cache.forget(f"{source}\xff{number}")


def split(sweep: Sweep, rows: int) -> Iterator[Sweep]:
    """A sweep in parts of at most so many samples and histograms; one at least."""
    if _size(sweep) <= rows:
        yield sweep
        return
    for start in range(0, _size(sweep), rows):
        yield _part(sweep, start, start + rows)


def _size(sweep: Sweep) -> int:
    return len(sweep.lines) + len(sweep.histograms)


def _part(sweep: Sweep, start: int, stop: int) -> Sweep:
    """Rows from start, inclusive, to stop, exclusive; histograms have the rows behind the samples'."""
    samples = len(sweep.lines)
    lines = sweep.lines[start:stop]
    return replace(
        sweep,
        lines=lines,
        values=sweep.values[start:stop],
        times_ms=sweep.times_ms[start:stop],
        starts_ms=sweep.starts_ms[start:stop],
        histograms=sweep.histograms[max(0, start - samples) : max(0, stop - samples)],
        exemplars=[replace(one, row=one.row - start) for one in sweep.exemplars if start <= one.row < stop],
    )
