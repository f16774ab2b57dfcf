"""`Storage` over any ClickHouse session: the SQL that both backends share."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from storage import schema
from storage.capabilities import Capabilities
from storage.kernels import is_sorted, keep_one_a_timestamp
from storage.model import (
    Metadata,
    SampleBatch,
    SeriesColumns,
    SeriesRow,
    TimeRange,
    UInt64Array,
    decode_labels,
    encode_labels,
)
from storage.session import Column, Session

_IDS_IN_TEXT = 2_000
_POLL_S = 1.0
_OVERLAP_MS = 60_000
_TABLES_BY_DAY = {"samples": schema.DAY_OF_SAMPLE, "series": "day"}


class ClickHouseStorage:
    """Samples, series and metadata in one database; see `storage.interface.Storage`."""

    def __init__(self, session: Session, clock: Callable[[], float] = time.time) -> None:
        self._session = session
        self._clock = clock
        self._version = 0
        self._polled_at = -_POLL_S

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
        self._session.insert("samples", columns, token)

    def write_series(self, rows: Sequence[SeriesRow]) -> None:
        """Append series rows under a new version."""
        if not rows:
            return
        version = max(int(self._clock() * 1000), self._version + 1)
        columns: dict[str, Column] = {
            "metric_id": np.fromiter((row.metric_id for row in rows), np.uint64, len(rows)),
            "series_id": np.fromiter((row.series_id for row in rows), np.uint64, len(rows)),
            "day": np.fromiter((row.day for row in rows), np.int32, len(rows)),
            "name": [dict(row.labels).get("__name__", "") for row in rows],
            "labels": [encode_labels(row.labels) for row in rows],
            "version": np.full(len(rows), version, np.int64),
        }
        self._session.insert("series", columns)
        self._version = max(self._version, version)

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
        among, wanted = "", None
        if series_ids is not None and len(series_ids) <= _IDS_IN_TEXT:
            among = f" AND series_id IN ({', '.join(map(str, series_ids.tolist())) or 'NULL'})"
        elif series_ids is not None:
            among = f" AND series_id BETWEEN {series_ids[0]} AND {series_ids[-1]}"
            wanted = series_ids
        columns = self._session.select(
            f"SELECT series_id, timestamp, value FROM samples WHERE metric_id = {metric_id}{among} "
            f"AND timestamp BETWEEN {time_range.start_ms} AND {time_range.end_ms} "
            "ORDER BY metric_id, series_id, timestamp"
        )
        if not columns:
            columns = [np.empty(0, np.uint64), np.empty(0, np.int64), np.empty(0, np.float64)]
        ids, timestamps, values = columns
        if wanted is not None:
            at = np.minimum(np.searchsorted(wanted, ids), len(wanted) - 1)
            mine = wanted[at] == ids
            ids, timestamps, values = ids[mine], timestamps[mine], values[mine]
        if not is_sorted(ids, timestamps):
            keep = np.empty(len(ids), np.bool_)
            keep_one_a_timestamp(ids, timestamps, values, keep)
            ids, timestamps, values = ids[keep], timestamps[keep], values[keep]
        return SampleBatch(np.full(len(ids), metric_id, np.uint64), ids, timestamps, values)

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
        among = (
            "" if metric_ids is None else f" AND metric_id IN ({', '.join(map(str, metric_ids)) or 'NULL'})"
        )
        since = since_version - _OVERLAP_MS if self._session.is_shared and since_version else since_version
        columns = self._session.select(
            "SELECT metric_id, series_id, min(day), max(day), any(labels), max(version) FROM series "
            f"WHERE version > {since}{among} GROUP BY metric_id, series_id ORDER BY metric_id, series_id",
            has_text=True,
        )
        if not columns or not len(columns[0]):
            empty = np.empty(0, np.uint64)
            return SeriesColumns(
                empty, empty, np.empty(0, np.int32), np.empty(0, np.int32), [], since_version
            )
        ids, series, first, last, labels, versions = columns
        version = max(since_version, int(versions.max()))
        return SeriesColumns(ids, series, first, last, [decode_labels(text) for text in labels], version)

    def series_version(self) -> int:
        """The newest version written; asked of the store at most once a second where others write too."""
        now = time.monotonic()
        if self._version and not (self._session.is_shared and now - self._polled_at >= _POLL_S):
            return self._version
        self._polled_at = now
        (versions,) = self._session.select("SELECT max(version) FROM series") or [np.zeros(0)]
        self._version = max(self._version, int(versions[0]) if len(versions) else 0)
        return self._version

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
        """Drop whole days of samples and series."""
        day = timestamp_ms // 86_400_000
        dropped = 0
        for table, expression in _TABLES_BY_DAY.items():
            columns = self._session.select(
                f"SELECT DISTINCT {expression} AS day FROM {table} WHERE day < {day} ORDER BY day"
            )
            for old in columns[0].tolist() if columns else []:
                self._session.execute(f"ALTER TABLE {table} DROP PARTITION {old}")
                dropped += 1
        return dropped

    def size_bytes(self) -> int:
        """Bytes of the active parts of this database."""
        columns: list[npt.NDArray[np.uint64]] = self._session.select(
            "SELECT sum(bytes) FROM system.parts WHERE active AND database = currentDatabase()"
        )
        return int(columns[0][0]) if columns and len(columns[0]) else 0

    def close(self) -> None:
        """Release the session."""
        self._session.close()


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
