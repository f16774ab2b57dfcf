"""A cache that is exact: every batch that this process writes passes by, and is merged when next asked for.

An entry holds the samples of one metric, of all its series or of some, in a stretch of time. It is never
changed, only replaced. A batch is in the log after it is stored; an entry notes the log's end before it reads
the store. So each sample is in the one or the other, or in both, where the merge drops the copy.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from query.warm import kernels
from storage.interface import SeriesSelection, Storage
from storage.kernels import is_sorted, keep_one_a_timestamp
from storage.model import Float64Array, Int64Array, SampleBatch, TimeRange, UInt64Array

_BEFORE_MS = 600_000
_AFTER_MS = 900_000
_BYTES_A_SAMPLE = 24
_LOGGED_SAMPLES = 4_000_000

_Key = tuple[int, bytes | None]


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """Flat samples by series: series s of a selection owns [offsets[s], offsets[s+1])."""

    offsets: Int64Array
    timestamps_ms: Int64Array
    values: Float64Array


@dataclass(frozen=True, slots=True, eq=False)
class _Entry:
    """Samples of `series_ids` (per sample) in `time_range`, with all batches of the log up to `position`.

    series, starts: the distinct ids, and where each begins; `starts` has one more element.
    """

    time_range: TimeRange
    position: int
    ids: UInt64Array
    timestamps_ms: Int64Array
    values: Float64Array
    series: UInt64Array
    starts: Int64Array

    def select(self, series_ids: UInt64Array) -> Columns:
        """The samples of some series, in the order of `series_ids`, of the entry's whole time range."""
        if len(series_ids) == len(self.series) and np.array_equal(series_ids, self.series):
            return Columns(self.starts, self.timestamps_ms, self.values)
        if not len(self.series):
            return Columns(np.zeros(len(series_ids) + 1, np.int64), self.timestamps_ms, self.values)
        at = np.minimum(np.searchsorted(self.series, series_ids), len(self.series) - 1)
        counts = np.where(self.series[at] == series_ids, np.diff(self.starts)[at], 0)
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
        timestamps, values = np.empty(offsets[-1], np.int64), np.empty(offsets[-1])
        kernels.gather(self.starts[at], offsets, self.timestamps_ms, self.values, timestamps, values)
        return Columns(offsets, timestamps, values)


class WarmCache:
    """Reads samples through memory, up to `budget_bytes` of it. Safe from any thread."""

    def __init__(self, storage: Storage, budget_bytes: int) -> None:
        self._storage = storage
        self._budget_bytes = budget_bytes
        self._lock = threading.Lock()
        self._entries: OrderedDict[_Key, _Entry] = OrderedDict()
        self._log: list[SampleBatch] = []
        self._log_begins = 0
        self._loads = 0
        self._is_exact = budget_bytes > 0 and storage.subscribe(self._note)

    def read(
        self,
        selection: SeriesSelection,
        time_range: TimeRange,
        expect: Callable[[SeriesSelection, TimeRange], None] = lambda selection, time_range: None,
    ) -> Columns:
        """The selected samples in [start, end], and perhaps some outside.

        `expect` is told what will be read from the store, and may raise to prevent it.
        """
        if not self._is_exact:
            expect(selection, time_range)
            return self._load(selection, time_range, 0).select(selection.series_ids)
        whole: _Key = (selection.metric_id, None)
        key = whole if selection.is_whole else (selection.metric_id, selection.series_ids.tobytes())
        for known in (whole, key):
            entry = self._current(known, time_range)
            if entry is not None:
                return entry.select(selection.series_ids)
        wider = TimeRange(time_range.start_ms - _BEFORE_MS, time_range.end_ms + _AFTER_MS)
        expect(selection, wider)
        with self._lock:
            position = self._log_begins + len(self._log)
            self._loads += 1
        try:
            entry = self._load(selection, wider, position)
            self._keep(key, entry)
        finally:
            with self._lock:
                self._loads -= 1
        return entry.select(selection.series_ids)

    def _load(self, selection: SeriesSelection, time_range: TimeRange, position: int) -> _Entry:
        wanted = None if selection.is_whole else selection.series_ids
        batch = self._storage.read_samples(selection.metric_id, wanted, time_range)
        return _entry(time_range, position, batch.series_ids, batch.timestamps_ms, batch.values)

    def _current(self, key: _Key, time_range: TimeRange) -> _Entry | None:
        """An entry that covers the range, with everything merged that was written since, if there is one."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None or not _covers(entry.time_range, time_range):
                return None
            if entry.position < self._log_begins:
                del self._entries[key]
                return None
            self._entries.move_to_end(key)
            news = self._log[entry.position - self._log_begins :]
        if not news:
            return entry
        series_ids = None if key[1] is None else np.frombuffer(key[1], np.uint64)
        entry = _extended(entry, key[0], series_ids, news)
        self._keep(key, entry)
        return entry

    def _keep(self, key: _Key, entry: _Entry) -> None:
        with self._lock:
            known = self._entries.get(key)
            if known is None or known.position <= entry.position:
                self._entries[key] = entry
                self._entries.move_to_end(key)
            used = sum(len(one.ids) for one in self._entries.values()) * _BYTES_A_SAMPLE
            while self._entries and used > self._budget_bytes:
                _, dropped = self._entries.popitem(last=False)
                used -= len(dropped.ids) * _BYTES_A_SAMPLE

    def _note(self, batch: SampleBatch | None) -> None:
        """Take a batch that was stored; None: samples were dropped from the store."""
        with self._lock:
            if batch is None or not (self._entries or self._loads):
                self._entries.clear()
                self._log_begins += len(self._log) + 1
                self._log.clear()
                return
            self._log.append(batch)
            held = sum(map(len, self._log))
            while held > _LOGGED_SAMPLES:
                held -= len(self._log.pop(0))
                self._log_begins += 1


def _covers(known: TimeRange, asked: TimeRange) -> bool:
    return known.start_ms <= asked.start_ms and asked.end_ms <= known.end_ms


def _entry(
    time_range: TimeRange, position: int, ids: UInt64Array, timestamps: Int64Array, values: Float64Array
) -> _Entry:
    starts = np.flatnonzero(np.concatenate([np.ones(min(len(ids), 1), np.bool_), ids[1:] != ids[:-1]]))
    bounds = np.append(starts, len(ids)).astype(np.int64)
    return _Entry(time_range, position, ids, timestamps, values, ids[starts], bounds)


def _extended(entry: _Entry, metric: int, series_ids: UInt64Array | None, news: list[SampleBatch]) -> _Entry:
    """The entry with new batches merged; of equal timestamps the store's own rule picks one."""
    position = entry.position + len(news)
    rows = [_relevant(batch, metric, series_ids, entry.time_range) for batch in news]
    ids = np.concatenate([batch.series_ids[at] for batch, at in zip(news, rows, strict=True)])
    if not len(ids):
        return replace(entry, position=position)
    timestamps = np.concatenate([batch.timestamps_ms[at] for batch, at in zip(news, rows, strict=True)])
    values = np.concatenate([batch.values[at] for batch, at in zip(news, rows, strict=True)])
    order = np.lexsort((timestamps, ids))
    total = len(ids) + len(entry.ids)
    merged = np.empty(total, np.uint64), np.empty(total, np.int64), np.empty(total)
    kernels.merge(
        entry.ids, entry.timestamps_ms, entry.values, ids[order], timestamps[order], values[order], *merged
    )
    if not is_sorted(merged[0], merged[1]):
        keep = np.empty(total, np.bool_)
        keep_one_a_timestamp(*merged, keep)
        merged = merged[0][keep], merged[1][keep], merged[2][keep]
    return _entry(entry.time_range, position, *merged)


def _relevant(
    batch: SampleBatch, metric: int, series_ids: UInt64Array | None, time_range: TimeRange
) -> Int64Array:
    at = np.flatnonzero(batch.metric_ids == np.uint64(metric))
    timestamps = batch.timestamps_ms[at]
    at = at[(timestamps >= time_range.start_ms) & (timestamps <= time_range.end_ms)]
    return at if series_ids is None else at[np.isin(batch.series_ids[at], series_ids)]
