"""Events, and what is said of sources, in the store."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import orjson

from storage.events import Event, Source, SourceChange, sources_of
from storage.model import TimeRange
from storage.session import Column, Session

_MOST = 10_000


class EventTable:
    """Writes and reads both. Safe from any thread."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def write(self, events: Sequence[Event]) -> None:
        """Append events; one that is there already is replaced."""
        columns: dict[str, Column] = {
            "id": np.array([event.id for event in events], np.uint64),
            "start": np.array([event.start_ms for event in events], np.int64),
            "end": np.array([event.end_ms for event in events], np.int64),
            "name": [event.name for event in events],
            "severity": [event.severity for event in events],
            "type": [event.type for event in events],
            "details": [event.details for event in events],
            "annotations": [orjson.dumps(event.annotations).decode() for event in events],
            "tags": [orjson.dumps(event.tags).decode() for event in events],
            "hosts": [orjson.dumps(event.hosts).decode() for event in events],
        }
        self._session.insert("events", columns)

    def read(self, time_range: TimeRange) -> list[Event]:
        """The newest that overlap with a range, of which there are at most 10,000; sorted by start."""
        columns = self._session.select(
            "SELECT DISTINCT id, start, end, name, severity, type, details, annotations, tags, hosts "
            f"FROM events WHERE start <= {time_range.end_ms} AND end >= {time_range.start_ms} "
            f"ORDER BY start DESC, id DESC LIMIT {_MOST}",
            has_text=True,
        )
        rows = zip(*(column.tolist() for column in columns), strict=True)
        found = [_event(*row) for row in rows]
        return found[::-1]

    def drop_before(self, timestamp_ms: int) -> None:
        """Forget events that ended before."""
        old = f"end < {timestamp_ms}"
        columns = self._session.select(f"SELECT count() FROM events WHERE {old}")
        if columns and int(columns[0][0]):
            self._session.execute(f"ALTER TABLE events DELETE WHERE {old}")

    def write_changes(self, changes: Sequence[SourceChange]) -> None:
        """Append changes of sources."""
        columns: dict[str, Column] = {
            "source": [change.source for change in changes],
            "kind": [change.kind for change in changes],
            "key": [change.text if change.kind == "tag" else "" for change in changes],
            "text": [change.text for change in changes],
            "is_set": np.array([change.is_set for change in changes], np.uint8),
            "version": np.array([change.version for change in changes], np.int64),
        }
        self._session.insert("source_changes", columns)

    def read_sources(self) -> list[Source]:
        """All sources of which anything was said, sorted."""
        columns = self._session.select(
            "SELECT source, kind, argMax(text, version), argMax(is_set, version), max(version) "
            "FROM source_changes GROUP BY source, kind, key",
            has_text=True,
        )
        rows = zip(*(column.tolist() for column in columns), strict=True)
        return sources_of(
            SourceChange(source, kind, text, bool(is_set), version)
            for source, kind, text, is_set, version in rows
        )


def _event(
    number: int,
    start_ms: int,
    end_ms: int,
    name: str,
    severity: str,
    kind: str,
    details: str,
    annotations: str,
    tags: str,
    hosts: str,
) -> Event:
    return Event(
        number,
        start_ms,
        end_ms,
        name,
        severity,
        kind,
        details,
        orjson.loads(annotations),
        tuple(orjson.loads(tags)),
        tuple(orjson.loads(hosts)),
    )
