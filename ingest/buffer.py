"""Durable entries that wait for the store, in the order of the log, within a budget of memory."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ingest.beside import Batches, join_batches
from ingest.segment import Entry, Position
from storage.model import Metadata, SampleBatch, SeriesRow


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Entries made one. `end` is the position in the log behind the last of them."""

    samples: SampleBatch
    series: Sequence[SeriesRow]
    metadata: Sequence[Metadata]
    end: Position
    beside: Batches | None = None

    @property
    def rows(self) -> int:
        """Samples, native histograms and exemplars."""
        return len(self.samples) + (self.beside.rows if self.beside else 0)


class Buffer:
    """A queue from the log's committer to the writer. Safe from any thread."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._changed = threading.Condition()
        self._entries: deque[tuple[Entry, Position]] = deque()
        self._rows = 0
        self._size_bytes = 0
        self._closed = False
        self._urgent = False

    @property
    def rows(self) -> int:
        """Samples that wait."""
        return self._rows

    @property
    def is_full(self) -> bool:
        """Whether new requests should be pushed back."""
        return self._size_bytes >= self._max_bytes

    def add(self, entry: Entry, end: Position) -> None:
        """Queue an entry. Never refuses: it is durable already; `is_full` is asked before."""
        with self._changed:
            self._entries.append((entry, end))
            self._rows += entry.rows
            self._size_bytes += entry.size_bytes
            self._changed.notify_all()

    def take(self, rows: int, within_s: float) -> Batch | None:
        """Wait until `rows` samples are there, or `within_s` has passed with any, or a flush is asked for.

        Takes whole entries, up to `rows` samples but at least one entry. None once closed and empty.
        """
        with self._changed:
            self._changed.wait_for(lambda: bool(self._entries) or self._closed)
            if not self._entries:
                return None
            self._changed.wait_for(
                lambda: self._rows >= rows or self._closed or self._urgent, timeout=within_s
            )
            taken = [self._entries.popleft()]
            size = taken[0][0].rows
            while self._entries and size + self._entries[0][0].rows <= rows:
                taken.append(self._entries.popleft())
                size += taken[-1][0].rows
            self._rows -= size
            self._size_bytes -= sum(entry.size_bytes for entry, _ in taken)
        return join(taken)

    def hurry(self, urgent: bool) -> None:
        """Make `take` return at once while set; for a flush."""
        with self._changed:
            self._urgent = urgent
            self._changed.notify_all()

    def close(self) -> None:
        """Let the writer drain what is left and then see None."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


def join(taken: Sequence[tuple[Entry, Position]]) -> Batch:
    """Entries of the log as one batch."""
    parts = [entry.samples for entry, _ in taken]
    samples = SampleBatch(
        np.concatenate([part.metric_ids for part in parts]),
        np.concatenate([part.series_ids for part in parts]),
        np.concatenate([part.timestamps_ms for part in parts]),
        np.concatenate([part.values for part in parts]),
    )
    series = [row for entry, _ in taken for row in entry.series]
    metadata = [row for entry, _ in taken for row in entry.metadata]
    beside = [entry.beside for entry, _ in taken if entry.beside is not None]
    return Batch(samples, series, metadata, taken[-1][1], join_batches(beside) if beside else None)
