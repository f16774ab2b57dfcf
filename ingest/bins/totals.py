"""Totals of bins: what is added to a bin is written as the bin's total, so that it can be written again.

Totals in memory are a cache of the store. What this process has not written itself, or has forgotten, is read
before anything is added to it.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

import numpy as np

from ingest.bins.distribution import Distribution, as_columns, from_columns, merge
from ingest.decoded import Decoded
from ingest.segment import Entry
from ingest.series.table import Resolved
from storage.errors import OverloadedError, StorageError
from storage.interface import Storage
from storage.model import Float64Array, Int64Array, TimeRange

_HOUR_MS: Final = 3_600_000
_QUIET_MS: Final = 20 * 60_000
_TIDY_MS: Final = 60_000

_Total: TypeAlias = float | Distribution
_Bin: TypeAlias = tuple[int, int]
"""A series' id, and where the bin begins, in ms."""
Stretch: TypeAlias = tuple[int, int, bool]
"""A metric's id, an hour since the epoch, and whether it is of histograms."""


@dataclass(slots=True)
class _Known:
    """All totals of a stretch, and when one was added to last."""

    touched_ms: int
    totals: dict[_Bin, _Total] = field(default_factory=dict)


Undo: TypeAlias = list[tuple[dict[_Bin, _Total], _Bin, _Total | None]]


class Totals:
    """The bins of one pipeline. All but `load` and `durable` is called under the pipeline's lock.

    `is_stored()` tells whether all that was acknowledged is in the store, which alone may be forgotten.
    """

    def __init__(self, storage: Storage, is_stored: Callable[[], bool], max_bins: int) -> None:
        self._storage = storage
        self._is_stored = is_stored
        self._max_bins = max_bins
        self._guard = threading.Lock()
        self._known: dict[Stretch, _Known] = {}
        self._bins = self._forgotten = 0
        self._fresh_ms = 0
        self._tidied_ms = 0
        self._pending: deque[tuple[Entry, Undo]] = deque()

    def begin(self, fresh_ms: int) -> None:
        """Set the time from which on nobody can have written before this process."""
        self._fresh_ms = fresh_ms

    def missing(self, decoded: Decoded, resolved: Resolved, now_ms: int) -> list[Stretch]:
        """What has to be loaded before a request can be added."""
        found = []
        for stretch in self._stretches(decoded, resolved):
            if stretch in self._known:
                continue
            if stretch[1] * _HOUR_MS >= self._fresh_ms:
                with self._guard:
                    self._known[stretch] = _Known(now_ms)
            else:
                found.append(stretch)
        return found

    def _stretches(self, decoded: Decoded, resolved: Resolved) -> set[Stretch]:
        rows = _rows(decoded, resolved)
        ids, hours = resolved.metric_ids[rows].tolist(), (_times(decoded)[rows] // _HOUR_MS).tolist()
        return set(zip(ids, hours, (rows >= len(decoded.values)).tolist(), strict=True))

    def load(self, stretches: Iterable[Stretch], now_ms: int) -> None:
        """Read totals from the store; not under the lock. Raises `OverloadedError` where that fails."""
        for stretch in stretches:
            forgotten = self._forgotten
            try:
                totals = self._read(stretch)
            except StorageError as error:
                raise OverloadedError(f"the totals of before cannot be read: {error}") from error
            with self._guard:
                # What was forgotten since may have been added to before: then it is read again.
                if stretch not in self._known and forgotten == self._forgotten:
                    self._known[stretch] = _Known(now_ms, totals)
                    self._bins += len(totals)

    def _read(self, stretch: Stretch) -> dict[_Bin, _Total]:
        metric_id, hour, is_histogram = stretch
        within = TimeRange(hour * _HOUR_MS, (hour + 1) * _HOUR_MS - 1)
        if is_histogram:
            batch = self._storage.read_histograms(metric_id, None, within)
            bins = zip(batch.series_ids.tolist(), batch.timestamps_ms.tolist(), strict=True)
            return {key: from_columns(batch.histograms, row) for row, key in enumerate(bins)}
        samples = self._storage.read_samples(metric_id, None, within)
        bins = zip(samples.series_ids.tolist(), samples.timestamps_ms.tolist(), strict=True)
        return dict(zip(bins, samples.values.tolist(), strict=True))

    def add(self, decoded: Decoded, resolved: Resolved, now_ms: int) -> tuple[Decoded, Undo]:
        """A request with totals in the place of what it adds, and how to take that back."""
        rows = _rows(decoded, resolved)
        if not len(rows):
            return decoded, []
        undo: Undo = []
        samples = len(decoded.values)
        values = decoded.values.copy()
        self._add_floats(values, rows[rows < samples], decoded, resolved, now_ms, undo)
        added = replace(decoded, values=values)
        if decoded.beside is None or rows[-1] < samples:
            return added, undo
        found = decoded.beside.histograms
        grown = [from_columns(found, row) for row in range(len(found))]
        self._add_distributions(grown, rows[rows >= samples] - samples, decoded, resolved, now_ms, undo)
        return replace(added, beside=replace(decoded.beside, histograms=as_columns(grown))), undo

    def _add_floats(
        self,
        values: Float64Array,
        rows: Int64Array,
        decoded: Decoded,
        resolved: Resolved,
        now_ms: int,
        undo: Undo,
    ) -> None:
        times = decoded.timestamps_ms
        for row in rows.tolist():
            totals, key, before = self._bin(row, False, int(times[row]), resolved, now_ms)
            undo.append((totals, key, before))
            values[row] += before if isinstance(before, float) else 0.0
            totals[key] = float(values[row])

    def _add_distributions(
        self,
        grown: list[Distribution],
        rows: Int64Array,
        decoded: Decoded,
        resolved: Resolved,
        now_ms: int,
        undo: Undo,
    ) -> None:
        times = _times(decoded)
        for row in rows.tolist():
            at = len(decoded.values) + row
            totals, key, before = self._bin(at, True, int(times[at]), resolved, now_ms)
            undo.append((totals, key, before))
            if isinstance(before, Distribution):
                grown[row] = merge(before, grown[row])
            totals[key] = grown[row]

    def _bin(
        self, row: int, is_histogram: bool, time_ms: int, resolved: Resolved, now_ms: int
    ) -> tuple[dict[_Bin, _Total], _Bin, _Total | None]:
        known = self._known[int(resolved.metric_ids[row]), time_ms // _HOUR_MS, is_histogram]
        known.touched_ms = now_ms
        key = int(resolved.series_ids[row]), time_ms
        return known.totals, key, known.totals.get(key)

    def wait(self, entry: Entry, undo: Undo) -> None:
        """Note that an entry is on its way to the log; what it added is taken back where it fails."""
        if undo:
            self._pending.append((entry, undo))
            with self._guard:
                self._bins += sum(before is None for _, _, before in undo)

    def durable(self, entry: Entry) -> None:
        """Note that an entry is in the log; of one thread, in order."""
        if self._pending and self._pending[0][0] is entry:
            self._pending.popleft()

    def take_back(self, entry: Entry | None = None) -> None:
        """Take back what the entry that was noted last added; or, without one, all that is on its way."""
        while self._pending and (entry is None or self._pending[-1][0] is entry):
            undo = self._pending.pop()[1]
            for totals, key, before in reversed(undo):
                if before is None:
                    totals.pop(key, None)
                else:
                    totals[key] = before
            with self._guard:
                self._bins -= sum(before is None for _, _, before in undo)

    def tidy(self, now_ms: int) -> None:
        """Forget what was not added to for long; and more, where there is too much.

        Raises `OverloadedError` where there is too much that is not stored yet.
        """
        is_full = self._bins >= self._max_bins
        if not is_full and 0 <= now_ms - self._tidied_ms < _TIDY_MS:
            return
        self._tidied_ms = now_ms
        if self._pending or not self._is_stored():
            if is_full:
                raise OverloadedError(
                    f"{self._bins} bins wait, the limit (ingest.max_bins) is {self._max_bins}"
                )
            return
        with self._guard:
            for stretch in [key for key, known in self._known.items() if _is_old(known, now_ms)]:
                self._forget(stretch)
            for stretch in (
                sorted(self._known, key=lambda key: self._known[key].touched_ms) if is_full else ()
            ):
                if self._bins > self._max_bins // 2:
                    self._forget(stretch)

    def _forget(self, stretch: Stretch) -> None:
        """From now on it is in the store alone."""
        self._fresh_ms = max(self._fresh_ms, (stretch[1] + 1) * _HOUR_MS)
        self._forgotten += 1
        self._bins -= len(self._known.pop(stretch).totals)


def _is_old(known: _Known, now_ms: int) -> bool:
    return not 0 <= now_ms - known.touched_ms < _QUIET_MS


def _times(decoded: Decoded) -> Int64Array:
    """Times of the samples, and behind them of the histograms."""
    if decoded.beside is None:
        return decoded.timestamps_ms
    return np.concatenate([decoded.timestamps_ms, decoded.beside.histogram_times_ms])


def _rows(decoded: Decoded, resolved: Resolved) -> Int64Array:
    """The rows that add and are kept, samples and behind them histograms."""
    if decoded.is_added is None:
        return np.empty(0, np.int64)
    return np.flatnonzero(decoded.is_added & resolved.keep[: len(decoded.is_added)])
