"""`Storage` over any ClickHouse session: the SQL that both backends share."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from storage import schema
from storage.capabilities import Capabilities
from storage.document_table import DocumentTable
from storage.documents import Document
from storage.event_table import EventTable
from storage.events import Event, Source, SourceChange
from storage.exemplars import ExemplarBatch, no_exemplars
from storage.histogram_table import HistogramTable
from storage.histograms import HistogramBatch
from storage.kernels import is_sorted, keep_one_a_timestamp
from storage.known_metrics import KnownMetrics
from storage.model import (
    DAY_MS,
    Float64Array,
    Int64Array,
    Metadata,
    SampleBatch,
    SeriesColumns,
    SeriesRow,
    TimeRange,
    UInt64Array,
    decode_labels,
)
from storage.rows import Rows
from storage.session import Column, Session
from storage.starts import StartBatch, no_starts

_IDS_IN_TEXT = 2_000
_POLL_S = 1.0
_CATCH_UP_S = 10.0
_OVERLAP_MS = 60_000
"""How far behind another's the version may be that a process gives: its age of knowledge, and an insert."""


class ClickHouseStorage:
    """Samples, series and metadata in one database; see `storage.interface.Storage`.

    clock: seconds since the epoch; monotonic: seconds that never go back.
    """

    def __init__(
        self,
        session: Session,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._session = session
        self._clock = clock
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._version = 0
        self._seen: tuple[int, ...] = ()
        self._polled_at = -_POLL_S
        self._caught_up_at = -_CATCH_UP_S
        self._listeners: list[Callable[[SampleBatch | None], None]] = []
        self._histograms = HistogramTable(session, monotonic)
        self._events = EventTable(session)
        self._documents = DocumentTable(session)
        self._with_starts = KnownMetrics(session, "start_metrics", monotonic)

    @property
    def capabilities(self) -> Capabilities:
        """What the engine can do."""
        return self._session.capabilities

    def migrate(self) -> int:
        """Bring the schema up to date; see `storage.schema.migrate`."""
        return schema.migrate(self._session)

    def write_samples(self, batch: SampleBatch, token: str) -> None:
        """Append a batch."""
        columns = {
            "metric_id": batch.metric_ids,
            "series_id": batch.series_ids,
            "timestamp": batch.timestamps_ms,
            "value": batch.values,
        }
        try:
            self._session.insert("samples", columns, token)
        finally:
            self._tell(batch)

    def subscribe(self, listener: Callable[[SampleBatch | None], None]) -> bool:
        """Tell of every batch that is stored; see `storage.interface.Storage`."""
        if self._session.is_shared:
            return False
        self._listeners.append(listener)
        return True

    def write_series(self, rows: Sequence[SeriesRow]) -> None:
        """Append series rows under a new version."""
        if not rows:
            return
        columns: dict[str, Column] = {
            "metric_id": np.fromiter((row.metric_id for row in rows), np.uint64, len(rows)),
            "series_id": np.fromiter((row.series_id for row in rows), np.uint64, len(rows)),
            "day": np.fromiter((row.day for row in rows), np.int32, len(rows)),
            "name": [row.name for row in rows],
            "labels": [row.text for row in rows],
        }
        # Under the lock, so that no reader sees a version before the rows of all smaller ones are stored.
        with self._lock:
            self._catch_up()
            version = max(int(self._clock() * 1000), self._version + 1)
            columns["version"] = np.full(len(rows), version, np.int64)
            self._session.insert("series", columns)
            self._version = version

    def _catch_up(self) -> None:
        """Learn how far others have come: who has read theirs would take a lagging clock's rows for old."""
        now = self._monotonic()
        if self._session.is_shared and now - self._caught_up_at >= _CATCH_UP_S:
            (versions,) = self._session.select("SELECT max(version) FROM series")
            self._version = max(self._version, int(versions[0]) if len(versions) else 0)
            self._caught_up_at = now

    def write_metadata(self, rows: Sequence[Metadata]) -> None:
        """Append metadata; the newest version of a metric is the one that counts."""
        if not rows:
            return
        columns: dict[str, Column] = {
            "metric": [row.metric for row in rows],
            "type": [row.type for row in rows],
            "help": [row.help for row in rows],
            "unit": [row.unit for row in rows],
            "version": np.full(len(rows), int(self._clock() * 1000), np.int64),
        }
        self._session.insert("metadata", columns)

    def read_samples(
        self, metric_id: int, series_ids: UInt64Array | None, time_range: TimeRange
    ) -> SampleBatch:
        """Fetch, sort and collapse duplicates."""
        if series_ids is not None and not len(series_ids):
            return _no_samples()
        rows = Rows.of(metric_id, series_ids, time_range)
        columns = self._session.select(f"SELECT series_id, timestamp, value FROM samples {rows.where}")
        if not columns:
            return _no_samples()
        ids, timestamps, values = columns
        wanted = rows.keep(ids)
        if wanted is not None:
            ids, timestamps, values = ids[wanted], timestamps[wanted], values[wanted]
        return _without_copies(metric_id, ids, timestamps, values)

    def read_many(
        self, metric_ids: Sequence[int], series_ids: UInt64Array | None, time_range: TimeRange
    ) -> list[SampleBatch]:
        """Fetch several metrics by one query, and cut the answer."""
        if len(metric_ids) <= 1 or (series_ids is not None and not 0 < len(series_ids) <= _IDS_IN_TEXT):
            return [self.read_samples(one, series_ids, time_range) for one in metric_ids]
        rows = Rows.of_many(metric_ids, series_ids, time_range)
        columns = self._session.select(
            f"SELECT metric_id, series_id, timestamp, value FROM samples {rows.where}"
        )
        if not columns:
            return [_no_samples() for _ in metric_ids]
        metrics, ids, timestamps, values = columns
        asked = np.array(metric_ids, np.uint64)
        starts, ends = np.searchsorted(metrics, asked), np.searchsorted(metrics, asked, "right")
        parts = [slice(start, end) for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]
        return [
            _without_copies(one, ids[part], timestamps[part], values[part])
            for one, part in zip(metric_ids, parts, strict=True)
        ]

    def count_samples(self, metric_id: int, series_ids: UInt64Array | None, time_range: TimeRange) -> int:
        """Count rows, duplicates and all."""
        rows = Rows.of(metric_id, series_ids, time_range)
        columns = self._session.select(f"SELECT count() FROM samples {rows.condition}")
        return int(columns[0][0]) if columns else 0

    def write_histograms(self, batch: HistogramBatch, token: str) -> None:
        """Append a batch of native histograms."""
        self._histograms.write(batch, token)

    def read_histograms(
        self, metric_id: int, series_ids: UInt64Array | None, time_range: TimeRange
    ) -> HistogramBatch:
        """Fetch native histograms, one a timestamp."""
        return self._histograms.read(metric_id, series_ids, time_range)

    def histogram_metrics(self) -> frozenset[int]:
        """Ids of the metrics that may have native histograms."""
        return self._histograms.metrics()

    def write_exemplars(self, batch: ExemplarBatch, token: str) -> None:
        """Append exemplars."""
        columns: dict[str, Column] = {
            "metric_id": batch.metric_ids,
            "series_id": batch.series_ids,
            "timestamp": batch.timestamps_ms,
            "value": batch.values,
            "labels": batch.labels,
        }
        self._session.insert("exemplars", columns, token)

    def read_exemplars(
        self, metric_id: int, series_ids: UInt64Array | None, time_range: TimeRange
    ) -> ExemplarBatch:
        """Fetch exemplars, nothing twice."""
        rows = Rows.of(metric_id, series_ids, time_range)
        columns = self._session.select(
            f"SELECT DISTINCT series_id, timestamp, value, labels, metric_id FROM exemplars {rows.where}, "
            "value, labels",
            has_text=True,
        )
        if not columns:
            return no_exemplars()
        keep = rows.keep(columns[0])
        ids, timestamps, values, labels, metrics = (c if keep is None else c[keep] for c in columns)
        return ExemplarBatch(metrics, ids, timestamps, values, labels.tolist())

    def start_metrics(self) -> frozenset[int]:
        """Ids of the metrics that may have start timestamps."""
        return self._with_starts.ids()

    def write_starts(self, batch: StartBatch, token: str) -> None:
        """Append start timestamps."""
        columns: dict[str, Column] = {
            "metric_id": batch.metric_ids,
            "series_id": batch.series_ids,
            "timestamp": batch.timestamps_ms,
            "start": batch.starts_ms,
        }
        self._with_starts.add(batch.metric_ids)
        self._session.insert("starts", columns, token)

    def read_starts(
        self, metric_id: int, series_ids: UInt64Array | None, time_range: TimeRange
    ) -> StartBatch:
        """Fetch start timestamps, the latest of a sample's."""
        rows = Rows.of(metric_id, series_ids, time_range)
        columns = self._session.select(f"SELECT series_id, timestamp, start FROM starts {rows.where}, start")
        if not columns:
            return no_starts()
        keep = rows.keep(columns[0])
        ids, timestamps, starts = (c if keep is None else c[keep] for c in columns)
        last = np.ones(len(ids), np.bool_)
        last[:-1] = (ids[1:] != ids[:-1]) | (timestamps[1:] != timestamps[:-1])
        ids = ids[last]
        return StartBatch(np.full(len(ids), metric_id, np.uint64), ids, timestamps[last], starts[last])

    def write_documents(self, documents: Sequence[Document]) -> None:
        """Append versions of documents."""
        self._documents.write(documents)

    def read_documents(self, kind: str) -> list[Document]:
        """Fetch the newest versions."""
        return self._documents.read(kind)

    def read_document_versions(self, kind: str, document_id: str) -> list[Document]:
        """Fetch every version of one."""
        return self._documents.versions(kind, document_id)

    def write_events(self, events: Sequence[Event]) -> None:
        """Append events."""
        self._events.write(events)

    def read_events(self, time_range: TimeRange) -> list[Event]:
        """Fetch events."""
        return self._events.read(time_range)

    def write_source_changes(self, changes: Sequence[SourceChange]) -> None:
        """Append what is said of sources."""
        self._events.write_changes(changes)

    def read_sources(self) -> list[Source]:
        """Fetch what is said of sources."""
        return self._events.read_sources()

    def read_metrics(self) -> list[tuple[int, str]]:
        """(metric_id, name) of every metric."""
        columns = self._session.select(
            "SELECT metric_id, any(name) FROM series GROUP BY metric_id", has_text=True
        )
        if not columns:
            return []
        return list(zip(columns[0].tolist(), columns[1].tolist(), strict=True))

    def read_series(self, metric_ids: Sequence[int] | None, since_version: int) -> SeriesColumns:
        """Fetch series with the first and last day that each was seen on."""
        among = ""
        if metric_ids is not None and len(metric_ids) <= _IDS_IN_TEXT:
            among = f" AND metric_id IN ({', '.join(map(str, metric_ids)) or '0'})"
        since = since_version - _OVERLAP_MS if self._session.is_shared and since_version else since_version
        columns = self._session.select(
            "SELECT metric_id, series_id, min(day), max(day), any(labels), max(version) FROM series "
            f"WHERE version > {since}{among} GROUP BY metric_id, series_id ORDER BY metric_id, series_id",
            has_text=True,
        )
        if columns and metric_ids is not None:
            mine = np.isin(columns[0], np.array(metric_ids, np.uint64))
            columns = [column[mine] for column in columns]
        if not columns or not len(columns[0]):
            empty, no_days = np.empty(0, np.uint64), np.empty(0, np.int32)
            return SeriesColumns(empty, empty, no_days, no_days, [], since_version)
        ids, series, first, last, labels, versions = columns
        version = max(since_version, int(versions.max()))
        return SeriesColumns(ids, series, first, last, [decode_labels(text) for text in labels], version)

    def series_version(self) -> int:
        """A number that grows with every write; the store is asked once a second where others write too."""
        with self._lock:
            now = self._monotonic()
            if not self._version or (self._session.is_shared and now - self._polled_at >= _POLL_S):
                self._poll()
                self._polled_at = now
            return self._version

    # Another process's rows may carry a version below one already seen here, so the largest does not tell.
    def _poll(self) -> None:
        columns = self._session.select("SELECT max(version), count(), sum(version) FROM series")
        seen = tuple(int(column[0]) for column in columns)
        if seen != self._seen:
            self._version = max(self._version + 1, seen[0])
            self._seen = seen

    def read_metadata(self, metric: str | None) -> list[Metadata]:
        """Fetch the newest metadata of one metric, or of all."""
        among = "" if metric is None else f" WHERE metric = {_quoted(metric)}"
        columns = self._session.select(
            "SELECT metric, argMax(type, version), argMax(help, version), argMax(unit, version) "
            f"FROM metadata{among} GROUP BY metric ORDER BY metric",
            has_text=True,
        )
        return [Metadata(*row) for row in zip(*columns, strict=True)]

    def drop_before(self, timestamp_ms: int) -> int:
        """Drop whole days of every table that has days, and events that ended before."""
        first_kept = timestamp_ms // DAY_MS
        columns = self._session.select(
            "SELECT DISTINCT table, partition FROM system.parts WHERE active "
            f"AND database = currentDatabase() AND table IN {schema.DAILY_TABLES!r}",
            has_text=True,
        )
        old = [(table, int(day)) for table, day in zip(*columns, strict=True) if int(day) < first_kept]
        for table, day in old:
            self._session.execute(f"ALTER TABLE {table} DROP PARTITION {day}")
        if old:
            self._tell(None)
        self._events.drop_before(timestamp_ms)
        return len(old)

    def size_bytes(self) -> int:
        """Bytes of the active parts of this database."""
        columns: list[npt.NDArray[np.uint64]] = self._session.select(
            "SELECT sum(bytes) FROM system.parts WHERE active AND database = currentDatabase()"
        )
        return int(columns[0][0]) if columns and len(columns[0]) else 0

    def _tell(self, batch: SampleBatch | None) -> None:
        for listener in self._listeners:
            listener(batch)

    def close(self) -> None:
        """Release the session."""
        self._session.close()


def _without_copies(
    metric_id: int, ids: UInt64Array, timestamps: Int64Array, values: Float64Array
) -> SampleBatch:
    """A batch of rows that come sorted, with one row a timestamp."""
    if not is_sorted(ids, timestamps):
        keep = np.empty(len(ids), np.bool_)
        keep_one_a_timestamp(ids, timestamps, values, keep)
        ids, timestamps, values = ids[keep], timestamps[keep], values[keep]
    return SampleBatch(np.full(len(ids), metric_id, np.uint64), ids, timestamps, values)


def _no_samples() -> SampleBatch:
    ids = np.empty(0, np.uint64)
    return SampleBatch(ids, ids, np.empty(0, np.int64), np.empty(0, np.float64))


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
