"""Some objects' series as they are sent: encoded labels and values, made anew when an object changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain

import numpy as np

from collector.sweep import Sweep
from storage.model import STALE_NAN_BITS, Float64Array, Metadata

Key = tuple[str, str]
"""Namespace and name."""


@dataclass(slots=True)
class Shelf:
    """The series of a bounded number of objects, one source of sweeps.

    objects: lines and values (float64, little-endian) by key. ending: series that are gone since the last
    sweep, unless they come back before the next. is_fresh: `lines` and `values` are those of `objects`.
    """

    source: str
    objects: dict[Key, tuple[tuple[bytes, ...], bytes]] = field(default_factory=dict)
    ending: dict[bytes, None] = field(default_factory=dict)
    lines: tuple[bytes, ...] = ()
    values: Float64Array = field(default_factory=lambda: np.empty(0, np.float64))
    is_fresh: bool = True
    described_ms: int | None = None

    def put(self, key: Key, lines: Sequence[bytes], values: bytes) -> int:
        """Set an object's series. Gives how many of them are new."""
        old = self.objects.get(key, ((), b""))
        if old == (lines, values):
            return 0
        known = {line: line for line in old[0]}
        # The same series stays the same object, so that what is encoded of it is found again at once.
        kept = old[0] if old[0] == lines else tuple(known.get(line, line) for line in lines)
        self.objects[key] = (kept, values)
        self.is_fresh = False
        if kept is old[0]:
            return 0
        gone = known.keys() - kept
        self.ending.update(dict.fromkeys(gone))
        return len(kept) - (len(known) - len(gone))

    def remove(self, key: Key) -> None:
        """Drop an object; its series end with the next sweep."""
        lines, _ = self.objects.pop(key)
        self.ending.update(dict.fromkeys(lines))
        self.is_fresh = False

    def sweep(self, now_ms: int, metadata: Sequence[Metadata]) -> Sweep:
        """All series, with an end to those that are gone; the last one where no object is left."""
        if not self.is_fresh:
            self._refresh()
        lines, values = self.lines, self.values
        if self.ending:
            ended = tuple(self.ending)
            lines, values = lines + ended, np.concatenate([values, _markers(len(ended))])
            self.ending = {}
        times_ms = np.full(len(lines), now_ms, np.int64)
        return Sweep(self.source, lines, values, times_ms, metadata=metadata, is_last=not self.objects)

    def last(self, now_ms: int) -> Sweep:
        """An end to all series."""
        for key in [*self.objects]:
            self.remove(key)
        return self.sweep(now_ms, ())

    def _refresh(self) -> None:
        found = self.objects.values()
        self.lines = tuple(chain.from_iterable(lines for lines, _ in found))
        raw = b"".join(values for _, values in found)
        self.values = np.frombuffer(raw, "<f8").astype(np.float64, copy=False)
        self.is_fresh = True
        if self.ending:
            there = set(self.lines)
            self.ending = {line: None for line in self.ending if line not in there}


def _markers(count: int) -> Float64Array:
    return np.full(count, STALE_NAN_BITS, np.uint64).view(np.float64)
