"""What a directory of segments holds, for an operator who looks at it: `swell wal inspect DIR`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from ingest.segment import Damage, Entry, read_segment, segment_numbers, segment_path
from storage.errors import InputError


@dataclass(slots=True)
class Contents:
    """One segment. Records by kind; rows: samples, histograms and exemplars; times in ms, inclusive."""

    number: int
    size_bytes: int
    records: Counter[str] = field(default_factory=Counter)
    rows: int = 0
    first_ms: int | None = None
    last_ms: int | None = None
    damages: list[Damage] = field(default_factory=list)

    def add(self, entry: Entry) -> None:
        """Count one record."""
        self.records[_kind(entry)] += 1
        self.rows += entry.rows
        times = [entry.samples.timestamps_ms]
        if entry.beside is not None:
            times += [entry.beside.histograms.timestamps_ms, entry.beside.exemplars.timestamps_ms]
        joined = np.concatenate(times)
        if len(joined):
            oldest, newest = int(joined.min()), int(joined.max())
            self.first_ms = oldest if self.first_ms is None else min(self.first_ms, oldest)
            self.last_ms = newest if self.last_ms is None else max(self.last_ms, newest)


def inspect(directory: Path) -> Iterator[Contents]:
    """The segments in a directory, ascending; changes nothing. Raises `InputError` where there are none."""
    numbers = segment_numbers(directory) if directory.is_dir() else []
    if not numbers:
        raise InputError(f"{str(directory)!r} holds no segments, expected files such as 000000000001.wal")
    for number in numbers:
        found = Contents(number, segment_path(directory, number).stat().st_size)
        for _, entry in read_segment(directory, number, 0, found.damages):
            found.add(entry)
        yield found


def lines(directory: Path) -> Iterator[str]:
    """The same as text: a line a segment, one a damage, and the sum. Raises `InputError`."""
    segments = size_bytes = rows = damages = 0
    for one in inspect(directory):
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(one.records.items())) or "nothing"
        span = "" if one.first_ms is None else f", {_time(one.first_ms)} to {_time(one.last_ms)}"
        yield f"segment {one.number}: {one.size_bytes} bytes, {kinds}; {one.rows} samples{span}"
        for damage in one.damages:
            yield (
                f"  damage at byte {damage.position.offset}: {damage.reason}; "
                f"{damage.lost_bytes} bytes are not read"
            )
        segments, size_bytes, rows = segments + 1, size_bytes + one.size_bytes, rows + one.rows
        damages += len(one.damages)
    yield f"{segments} segments, {size_bytes} bytes, {rows} samples, {damages} damaged"


def _kind(entry: Entry) -> str:
    if entry.series:
        return "series"
    if entry.metadata:
        return "metadata"
    if entry.beside is None:
        return "samples"
    beside = entry.beside
    if beside.events or beside.changes:
        return "events"
    return "histograms" if len(beside.histograms) else "exemplars" if len(beside.exemplars) else "starts"


def _time(milliseconds: int | None) -> str:
    try:
        moment = datetime.fromtimestamp((milliseconds or 0) / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return f"{milliseconds} ms"
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
