"""Which data points stand for which series of one table: known by their bytes, without writing labels."""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass

import numpy as np

from ingest.decoded import Bytes
from ingest.protocols.otlp.points import Points
from ingest.protocols.otlp.recognition import kernels
from ingest.series.familiar import Familiar, longer
from ingest.series.kernels import rehash
from storage.histograms import Int8Array
from storage.model import BoolArray, Int64Array, UInt64Array


@dataclass(frozen=True, slots=True, eq=False)
class _Memory:
    """Columns as of `kernels.recognise`, for the series of one generation of one table, which `of` tells."""

    of: tuple[np.uint64, np.uint64]
    key: tuple[np.uint64, np.uint64]
    entries: UInt64Array
    firsts: Int64Array
    series: Int64Array
    used: Int64Array

    @classmethod
    def empty(cls, familiar: Familiar) -> _Memory:
        nothing = np.empty(0, np.int64)
        key = np.uint64(secrets.randbits(64)), np.uint64(secrets.randbits(64))
        return cls(familiar.key, key, np.zeros((2, 3), np.uint64), nothing, nothing, np.zeros(2, np.int64))

    @property
    def size_bytes(self) -> int:
        """Bytes in memory."""
        return self.entries.nbytes + self.firsts.nbytes + self.series.nbytes

    def grown(self, points: int, rows: int) -> _Memory:
        """The same with room for so many more."""
        count = int(self.used[0]) + points
        entries = self.entries
        if len(entries) < 2 * count:
            entries = np.zeros((1 << (2 * count).bit_length(), 3), np.uint64)
            rehash(self.entries, entries)
        firsts, series = longer(self.firsts, count, -1), longer(self.series, int(self.used[1]) + rows, -1)
        return _Memory(self.of, self.key, entries, firsts, series, self.used)


@dataclass(frozen=True, slots=True, eq=False)
class Recognised:
    """numbers: int64 (rows,), -1 where unknown; is_known: bool (points,); the rest is for `remember`."""

    numbers: Int64Array
    is_known: BoolArray
    identities: Int64Array
    hashes: UInt64Array
    memory: _Memory


class Recogniser:
    """Remembers data points in up to `max_bytes`; then it forgets all and learns from what comes."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._memory: _Memory | None = None

    def recognise(
        self, buf: Bytes, points: Points, identities: Int64Array, names: Int8Array, familiar: Familiar
    ) -> Recognised:
        """The series of points that are known; see `kernels.recognise`."""
        memory = self._memory
        if memory is None or memory.of != familiar.key:
            memory = _Memory.empty(familiar)
        n = len(points)
        numbers = np.full(int(points.row_offsets[-1]), -1, np.int64)
        hashes, is_known = np.zeros((n, 2), np.uint64), np.zeros(n, np.bool_)
        kernels.recognise(
            buf,
            identities,
            points.metric_of,
            points.spans,
            points.edges.view(np.uint8),
            points.edge_offsets,
            points.row_offsets,
            names,
            *memory.key,
            memory.entries,
            memory.firsts,
            memory.series,
            hashes,
            numbers,
            is_known,
        )
        return Recognised(numbers, is_known, identities, hashes, memory)

    def remember(self, found: Recognised, points: Points, others: Int64Array) -> None:
        """Remember `others`, points that were not known, as far as the numbers of their rows are by now."""
        rows = int((points.row_offsets[others + 1] - points.row_offsets[others]).sum())
        with self._lock:
            memory = self._memory
            if memory is None or memory.key != found.memory.key:
                if memory is not None and memory.of == found.memory.of:
                    return  # another thread began to remember; these points come again
                memory = found.memory
            memory = memory.grown(len(others), rows)
            if memory.size_bytes > self._max_bytes:
                self._memory = None
                return
            kernels.remember(
                others,
                found.identities,
                points.metric_of,
                points.row_offsets,
                found.numbers,
                found.hashes,
                memory.entries,
                memory.firsts,
                memory.series,
                memory.used,
            )
            self._memory = memory
