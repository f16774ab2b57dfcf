"""A store in memory: what a unit test of rules reads and writes.

It keeps no history between processes, no exemplars, start timestamps, events or metadata.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Never

import numpy as np

from storage.capabilities import Capabilities
from storage.documents import Document
from storage.errors import StorageError
from storage.events import Event, Source, SourceChange
from storage.exemplars import ExemplarBatch, no_exemplars
from storage.histograms import HistogramBatch, Histograms, concat_batches
from storage.kernels import keep_one_a_timestamp
from storage.model import (
    DAY_MS,
    METRIC_NAME,
    BoolArray,
    Float64Array,
    Int64Array,
    Labels,
    Metadata,
    SampleBatch,
    SeriesColumns,
    SeriesRow,
    TimeRange,
    UInt64Array,
    is_stale,
    metric_id,
    series_id,
)
from storage.starts import StartBatch, no_starts

_Key = tuple[int, int]


class MemoryStorage:
    """One tenant's samples, floats and histograms, for one thread.

    It is an `Appender` too: what is appended can be read at once.
    """

    capabilities = Capabilities.of((0, 0))

    def __init__(self) -> None:
        self._rows: dict[_Key, tuple[int, int, int, Labels]] = {}
        self._names: dict[int, str] = {}
        self._version = 0
        self._batches: defaultdict[int, list[SampleBatch]] = defaultdict(list)
        self._documents: dict[tuple[str, str, int], Document] = {}
        self._histograms: defaultdict[int, list[HistogramBatch]] = defaultdict(list)

    def append(
        self,
        series: Sequence[Labels],
        series_index: Int64Array,
        timestamps_ms: Int64Array,
        values: Float64Array,
    ) -> None:
        """Store sample i for `series[series_index[i]]`."""
        metrics, ids = self._seen(series, series_index, timestamps_ms)
        self.write_samples(SampleBatch(metrics, ids, timestamps_ms, values), "")

    def append_histograms(
        self,
        series: Sequence[Labels],
        series_index: Int64Array,
        timestamps_ms: Int64Array,
        histograms: Histograms,
    ) -> None:
        """Store histogram i for `series[series_index[i]]`."""
        metrics, ids = self._seen(series, series_index, timestamps_ms)
        self.write_histograms(HistogramBatch(metrics, ids, timestamps_ms, histograms), "")

    def _seen(
        self, series: Sequence[Labels], series_index: Int64Array, timestamps_ms: Int64Array
    ) -> tuple[UInt64Array, UInt64Array]:
        """Record series as seen; the metric and series id of each sample."""
        days = np.asarray(timestamps_ms, np.int64) // DAY_MS
        seen = sorted(set(zip(series_index.tolist(), days.tolist(), strict=True)))
        self.write_series([SeriesRow.of(series[one], day) for one, day in seen])
        metrics = np.array([metric_id(dict(one).get(METRIC_NAME, "")) for one in series], np.uint64)
        ids = np.array([series_id(one) for one in series], np.uint64)
        return metrics[series_index], ids[series_index]

    def migrate(self) -> int:
        """There is no schema."""
        return 0

    def subscribe(self, listener: Callable[[SampleBatch | None], None]) -> bool:
        """Nobody need be told: a read costs no more than a cache."""
        return False

    def write_samples(self, batch: SampleBatch, token: str) -> None:
        """See `storage.interface.Storage`; tokens are not remembered."""
        for metric in np.unique(batch.metric_ids).tolist():
            self._batches[metric].append(_picked(batch, batch.metric_ids == metric))

    def write_series(self, rows: Sequence[SeriesRow]) -> None:
        """See `storage.interface.Storage`."""
        for row in rows:
            key = row.metric_id, row.series_id
            known = self._rows.get(key)
            first, last = (row.day, row.day) if known is None else known[1:3]
            days = min(first, row.day), max(last, row.day)
            if known is None or days != (first, last):
                self._version += 1
                self._names[row.metric_id] = row.name
                self._rows[key] = (self._version, *days, row.labels if known is None else known[3])

    def write_metadata(self, rows: Sequence[Metadata]) -> None:
        """Refused, unless there is none."""
        if rows:
            _refuse("metadata")

    def read_samples(
        self, metric_id: int, series_ids: UInt64Array | None, time_range: TimeRange
    ) -> SampleBatch:
        """See `storage.interface.Storage`."""
        found = self._merged(metric_id)
        inside = (found.timestamps_ms >= time_range.start_ms) & (found.timestamps_ms <= time_range.end_ms)
        if series_ids is not None:
            inside &= np.isin(found.series_ids, series_ids)
        return _picked(found, inside)

    def read_many(
        self, metric_ids: Sequence[int], series_ids: UInt64Array | None, time_range: TimeRange
    ) -> list[SampleBatch]:
        """See `storage.interface.Storage`."""
        return [self.read_samples(one, series_ids, time_range) for one in metric_ids]

    def count_samples(self, metric_id: int, series_ids: UInt64Array | None, time_range: TimeRange) -> int:
        """See `storage.interface.Storage`."""
        return len(self.read_samples(metric_id, series_ids, time_range))

    def write_histograms(self, batch: HistogramBatch, token: str) -> None:
        """See `storage.interface.Storage`; tokens are not remembered."""
        for metric in np.unique(batch.metric_ids).tolist():
            self._histograms[metric].append(batch.take(np.flatnonzero(batch.metric_ids == metric)))

    def read_histograms(
        self, metric_id: int, series_ids: UInt64Array | None, time_range: TimeRange
    ) -> HistogramBatch:
        """See `storage.interface.Storage`."""
        found = concat_batches(self._histograms.get(metric_id, []))
        inside = (found.timestamps_ms >= time_range.start_ms) & (found.timestamps_ms <= time_range.end_ms)
        if series_ids is not None:
            inside &= np.isin(found.series_ids, series_ids)
        pool, rows = found.histograms, np.flatnonzero(inside)
        live = ~is_stale(pool.sums[rows])
        ranks = (pool.sums[rows], pool.counts[rows], live, found.timestamps_ms[rows], found.series_ids[rows])
        ordered = found.take(rows[np.lexsort(ranks)])
        is_last = np.ones(len(ordered), np.bool_)
        is_last[:-1] = (np.diff(ordered.timestamps_ms) != 0) | (np.diff(ordered.series_ids) != 0)
        return ordered.take(np.flatnonzero(is_last))

    def histogram_metrics(self) -> frozenset[int]:
        """See `storage.interface.Storage`."""
        return frozenset(self._histograms)

    def write_exemplars(self, batch: ExemplarBatch, token: str) -> None:
        """Always refused."""
        _refuse("exemplars")

    def read_exemplars(
        self, metric_id: int, series_ids: UInt64Array | None, time_range: TimeRange
    ) -> ExemplarBatch:
        """None."""
        return no_exemplars()

    def start_metrics(self) -> frozenset[int]:
        """None."""
        return frozenset()

    def write_starts(self, batch: StartBatch, token: str) -> None:
        """Always refused."""
        _refuse("start timestamps")

    def read_starts(
        self, metric_id: int, series_ids: UInt64Array | None, time_range: TimeRange
    ) -> StartBatch:
        """None."""
        return no_starts()

    def write_documents(self, documents: Sequence[Document]) -> None:
        """Kept as long as the process."""
        for one in documents:
            self._documents[one.kind, one.id, one.version] = one

    def read_documents(self, kind: str) -> list[Document]:
        """See `storage.interface.Storage`."""
        newest = {key[1]: one for key, one in sorted(self._documents.items()) if key[0] == kind}
        return [one for one in newest.values() if not one.is_deleted]

    def read_document_versions(self, kind: str, document_id: str) -> list[Document]:
        """See `storage.interface.Storage`."""
        found = [one for one in self._documents.values() if (one.kind, one.id) == (kind, document_id)]
        return sorted(found, key=lambda one: -one.version)

    def write_events(self, events: Sequence[Event]) -> None:
        """Always refused."""
        _refuse("events")

    def read_events(self, time_range: TimeRange) -> list[Event]:
        """None."""
        return []

    def write_source_changes(self, changes: Sequence[SourceChange]) -> None:
        """Always refused."""
        _refuse("what is said of sources")

    def read_sources(self) -> list[Source]:
        """None."""
        return []

    def read_metrics(self) -> list[tuple[int, str]]:
        """See `storage.interface.Storage`."""
        return list(self._names.items())

    def read_series(self, metric_ids: Sequence[int] | None, since_version: int) -> SeriesColumns:
        """See `storage.interface.Storage`."""
        wanted = self._names if metric_ids is None else set(metric_ids)
        return self._columns(
            sorted(key for key, row in self._rows.items() if row[0] > since_version and key[0] in wanted)
        )

    def series_version(self) -> int:
        """See `storage.interface.Storage`."""
        return self._version

    def read_metadata(self, metric: str | None) -> list[Metadata]:
        """None."""
        return []

    def drop_before(self, timestamp_ms: int) -> int:
        """Nothing is dropped."""
        return 0

    def size_bytes(self) -> int:
        """Nothing is on disk."""
        return 0

    def close(self) -> None:
        """There is nothing to release."""

    def _columns(self, keys: Iterable[_Key]) -> SeriesColumns:
        rows = [(*key, *self._rows[key]) for key in keys]
        metrics, ids = (np.array([row[at] for row in rows], np.uint64) for at in (0, 1))
        first, last = (np.array([row[at] for row in rows], np.int32) for at in (3, 4))
        return SeriesColumns(metrics, ids, first, last, [dict(row[5]) for row in rows], self._version)

    def _merged(self, metric_id: int) -> SampleBatch:
        batches = self._batches.get(metric_id, [])
        if len(batches) != 1:
            merged = _sorted(batches)
            if batches:
                self._batches[metric_id] = [merged]
            return merged
        if not batches[0].timestamps_ms.flags.writeable:
            return batches[0]
        self._batches[metric_id] = [_sorted(batches)]
        return self._batches[metric_id][0]


def _refuse(what: str) -> Never:
    raise StorageError(f"the store in memory keeps samples only, not {what}")


def _picked(batch: SampleBatch, rows: BoolArray) -> SampleBatch:
    return SampleBatch(
        batch.metric_ids[rows], batch.series_ids[rows], batch.timestamps_ms[rows], batch.values[rows]
    )


def _sorted(batches: Sequence[SampleBatch]) -> SampleBatch:
    """All samples, one a timestamp; its times are read-only, which marks it as sorted."""
    ids = np.concatenate([np.empty(0, np.uint64), *(one.series_ids for one in batches)])
    metrics = np.concatenate([np.empty(0, np.uint64), *(one.metric_ids for one in batches)])
    times = np.concatenate([np.empty(0, np.int64), *(one.timestamps_ms for one in batches)])
    values = np.concatenate([np.empty(0), *(one.values for one in batches)])
    order = np.lexsort((times, ids))
    whole = SampleBatch(metrics[order], ids[order], times[order], values[order])
    keep = np.ones(len(order), np.bool_)
    keep_one_a_timestamp(whole.series_ids, whole.timestamps_ms, whole.values, keep)
    found = _picked(whole, keep)
    found.timestamps_ms.flags.writeable = False
    return found
