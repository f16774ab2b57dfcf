"""A cache that is exact: every batch that this process writes passes by, and is merged when next asked for.

An entry holds the samples of one metric, of all its series or of some, in a stretch of time. It is never
changed, only replaced. A batch is in the log after it is stored; an entry notes the log's end before it reads
the store. So each sample is in the one or the other, or in both, where the merge drops the copy.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
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
_SORT_AFTER = 64
"""A sort of a batch takes as long as so many searches through it."""

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


@dataclass(slots=True, eq=False)
class _Logged:
    """A batch of the log. Asked for many metrics, it is sorted by them once; threads may do that twice."""

    batch: SampleBatch
    _asked: int = 0
    _sorted: tuple[UInt64Array, Int64Array] | None = None

    def rows(self, metric: int) -> Int64Array:
        """The rows of one metric, ascending."""
        self._asked += 1
        if self._sorted is None and self._asked <= _SORT_AFTER:
            return np.flatnonzero(self.batch.metric_ids == np.uint64(metric))
        if self._sorted is None:
            order = np.argsort(self.batch.metric_ids, kind="stable")
            self._sorted = self.batch.metric_ids[order], order
        metrics, order = self._sorted
        start, end = (np.searchsorted(metrics, np.uint64(metric), side) for side in ("left", "right"))
        return order[start:end]


class WarmCache:
    """Reads samples through memory, up to `budget_bytes` of it. Safe from any thread."""

    def __init__(self, storage: Storage, budget_bytes: int) -> None:
        self._storage = storage
        self._budget_bytes = budget_bytes
        self._lock = threading.Lock()
        self._entries: OrderedDict[_Key, _Entry] = OrderedDict()
        self._used_bytes = 0
        self._log: list[_Logged] = []
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
        return self.read_many([selection], time_range, expect)[0]

    def read_many(
        self,
        selections: Sequence[SeriesSelection],
        time_range: TimeRange,
        expect: Callable[[SeriesSelection, TimeRange], None] = lambda selection, time_range: None,
    ) -> list[Columns]:
        """What `read` gives for each; what is not in memory is read from the store in one go."""
        entries = [self._known(one, time_range) for one in selections]
        missing = [i for i, entry in enumerate(entries) if entry is None]
        if missing:
            wider = TimeRange(time_range.start_ms - _BEFORE_MS, time_range.end_ms + _AFTER_MS)
            within = wider if self._is_exact else time_range
            for i, entry in zip(
                missing, self._loaded([selections[i] for i in missing], within, expect), strict=True
            ):
                entries[i] = entry
        return [
            entry.select(one.series_ids)
            for entry, one in zip(entries, selections, strict=True)
            if entry is not None
        ]

    def _known(self, selection: SeriesSelection, time_range: TimeRange) -> _Entry | None:
        if not self._is_exact:
            return None
        entry = self._current((selection.metric_id, None), time_range)
        return entry or (None if selection.is_whole else self._current(_key(selection), time_range))

    def _loaded(
        self,
        selections: Sequence[SeriesSelection],
        time_range: TimeRange,
        expect: Callable[[SeriesSelection, TimeRange], None],
    ) -> list[_Entry]:
        for one in selections:
            expect(one, time_range)
        with self._lock:
            position = self._log_begins + len(self._log)
            self._loads += 1
        try:
            entries = [
                _entry(time_range, position, batch.series_ids, batch.timestamps_ms, batch.values)
                for batch in self._read(selections, time_range)
            ]
            if self._is_exact:
                for one, entry in zip(selections, entries, strict=True):
                    self._keep(_key(one), entry)
        finally:
            with self._lock:
                self._loads -= 1
        return entries

    def _read(self, selections: Sequence[SeriesSelection], time_range: TimeRange) -> list[SampleBatch]:
        """One read for all whole metrics, one for all others."""
        found: dict[int, SampleBatch] = {}
        for is_whole in (True, False):
            alike = [i for i, one in enumerate(selections) if one.is_whole is is_whole]
            if alike:
                metrics = [selections[i].metric_id for i in alike]
                ids = (
                    None if is_whole else np.unique(np.concatenate([selections[i].series_ids for i in alike]))
                )
                found.update(zip(alike, self._storage.read_many(metrics, ids, time_range), strict=True))
        return [found[i] for i in range(len(selections))]

    def _current(self, key: _Key, time_range: TimeRange) -> _Entry | None:
        """An entry that covers the range, with everything merged that was written since, if there is one."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None or not _covers(entry.time_range, time_range):
                return None
            if entry.position < self._log_begins:
                self._drop(key)
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
                self._drop(key)
                self._entries[key] = entry
                self._used_bytes += len(entry.ids) * _BYTES_A_SAMPLE
            while self._entries and self._used_bytes > self._budget_bytes:
                self._drop(next(iter(self._entries)))

    def _drop(self, key: _Key) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._used_bytes -= len(entry.ids) * _BYTES_A_SAMPLE

    def _note(self, batch: SampleBatch | None) -> None:
        """Take a batch that was stored; None: samples were dropped from the store."""
        with self._lock:
            if batch is None or not (self._entries or self._loads):
                self._entries.clear()
                self._used_bytes = 0
                self._log_begins += len(self._log) + 1
                self._log.clear()
                return
            self._log.append(_Logged(batch))
            held = sum(len(one.batch) for one in self._log)
            while held > _LOGGED_SAMPLES:
                held -= len(self._log.pop(0).batch)
                self._log_begins += 1


def _key(selection: SeriesSelection) -> _Key:
    return (selection.metric_id, None if selection.is_whole else selection.series_ids.tobytes())


def _covers(known: TimeRange, asked: TimeRange) -> bool:
    return known.start_ms <= asked.start_ms and asked.end_ms <= known.end_ms


def _entry(
    time_range: TimeRange, position: int, ids: UInt64Array, timestamps: Int64Array, values: Float64Array
) -> _Entry:
    starts = np.flatnonzero(np.concatenate([np.ones(min(len(ids), 1), np.bool_), ids[1:] != ids[:-1]]))
    bounds = np.append(starts, len(ids)).astype(np.int64)
    return _Entry(time_range, position, ids, timestamps, values, ids[starts], bounds)


def _extended(entry: _Entry, metric: int, series_ids: UInt64Array | None, news: list[_Logged]) -> _Entry:
    """The entry with new batches merged; of equal timestamps the store's own rule picks one."""
    position = entry.position + len(news)
    batches = [one.batch for one in news]
    rows = [_relevant(one, metric, series_ids, entry.time_range) for one in news]
    ids = np.concatenate([batch.series_ids[at] for batch, at in zip(batches, rows, strict=True)])
    if not len(ids):
        return replace(entry, position=position)
    timestamps = np.concatenate([batch.timestamps_ms[at] for batch, at in zip(batches, rows, strict=True)])
    values = np.concatenate([batch.values[at] for batch, at in zip(batches, rows, strict=True)])
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
    logged: _Logged, metric: int, series_ids: UInt64Array | None, time_range: TimeRange
) -> Int64Array:
    batch, at = logged.batch, logged.rows(metric)
    timestamps = batch.timestamps_ms[at]
    at = at[(timestamps >= time_range.start_ms) & (timestamps <= time_range.end_ms)]
    return at if series_ids is None else at[np.isin(batch.series_ids[at], series_ids)]
