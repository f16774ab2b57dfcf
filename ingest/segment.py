"""One file of the write-ahead log: its bytes, and how they are read back. The format is docs/wal.md."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from pathlib import Path
from typing import Final

import numpy as np
import orjson
import xxhash

from ingest import records
from ingest.beside import NOTHING_BESIDE, Batches
from storage.model import Metadata, SampleBatch, SeriesRow

MAGIC: Final = b"SWELLWAL"
VERSION: Final = 1
HEADER: Final = struct.Struct("<8sI4x")
_RECORD: Final = struct.Struct("<IIQ")
_MAX_PAYLOAD: Final = 1 << 30


class Kind(IntEnum):
    """What a record holds."""

    SAMPLES = 1
    SERIES = 2
    METADATA = 3
    HISTOGRAMS = 4
    EXEMPLARS = 5
    STARTS = 6
    EVENTS = 7


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in the log: the number of a segment, and a byte offset in it."""

    segment: int
    offset: int


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """What one request adds to the log; it is durable whole or not at all."""

    samples: SampleBatch
    series: Sequence[SeriesRow] = ()
    metadata: Sequence[Metadata] = ()
    beside: Batches | None = None

    @property
    def rows(self) -> int:
        """Samples, native histograms and exemplars."""
        return len(self.samples) + (self.beside.rows if self.beside else 0)

    @property
    def size_bytes(self) -> int:
        """Bytes of its columns in memory."""
        beside = self.beside.size_bytes if self.beside else 0
        return beside + 32 * len(self.samples) + 256 * (len(self.series) + len(self.metadata))


def encode(entry: Entry) -> list[bytes | memoryview]:
    """The buffers of an entry's records, to be written in order; sample columns are not copied."""
    buffers: list[bytes | memoryview] = []
    if entry.series:
        rows = [[row.metric_id, row.series_id, row.day, row.name, row.text] for row in entry.series]
        buffers += _record(Kind.SERIES, [orjson.dumps(rows)])
    if entry.metadata:
        buffers += _record(
            Kind.METADATA,
            [orjson.dumps([[row.metric, row.type, row.help, row.unit] for row in entry.metadata])],
        )
    if len(entry.samples):
        samples = entry.samples
        columns = (samples.metric_ids, samples.series_ids, samples.timestamps_ms, samples.values)
        buffers += _record(Kind.SAMPLES, [np.ascontiguousarray(column).data.cast("B") for column in columns])
    return buffers + (_encode_beside(entry.beside) if entry.beside else [])


def _encode_beside(beside: Batches) -> list[bytes | memoryview]:
    buffers: list[bytes | memoryview] = []
    if len(beside.histograms):
        buffers += _record(Kind.HISTOGRAMS, records.encode_histograms(beside.histograms))
    if len(beside.exemplars):
        buffers += _record(Kind.EXEMPLARS, [records.encode_exemplars(beside.exemplars)])
    if len(beside.starts):
        buffers += _record(Kind.STARTS, records.encode_starts(beside.starts))
    if beside.events or beside.changes:
        buffers += _record(Kind.EVENTS, [records.encode_events(beside.events, beside.changes)])
    return buffers


def _record(kind: Kind, parts: Sequence[bytes | memoryview]) -> list[bytes | memoryview]:
    size = sum(len(part) for part in parts)
    digest = xxhash.xxh3_64(struct.pack("<II", size, kind))
    for part in parts:
        digest.update(part)
    return [_RECORD.pack(size, kind, digest.intdigest()), *parts]


def segment_path(directory: Path, number: int) -> Path:
    """Where the segment with a number lies."""
    return directory / f"{number:012d}.wal"


def segment_numbers(directory: Path) -> list[int]:
    """The numbers of the segments in a directory, ascending."""
    return sorted(int(path.stem) for path in directory.glob("*.wal") if path.stem.isdigit())


@dataclass(slots=True)
class Damage:
    """Where a segment could not be read, why, and how many bytes were passed over."""

    position: Position
    reason: str
    lost_bytes: int


def read_segment(
    directory: Path, number: int, start: int, damages: list[Damage]
) -> Iterator[tuple[Position, Entry]]:
    """Yield each record from byte `start` on, with the position after it.

    What is torn or does not match its checksum is added to `damages`; reading goes on at the next record that
    is sound. A segment of another version is not read.
    """
    data = segment_path(directory, number).read_bytes()
    at = max(start, HEADER.size)
    problem, is_known = _header_fault(data)
    if problem:
        damages.append(Damage(Position(number, 0), problem, HEADER.size if is_known else len(data)))
    if not is_known:
        return
    while at < len(data):
        reason = _fault(data, at)
        if reason:
            next_at = _next_record(data, at + 1)
            damages.append(Damage(Position(number, at), reason, next_at - at))
            at = next_at
            continue
        size, kind, _ = _RECORD.unpack_from(data, at)
        begin = at + _RECORD.size
        at = begin + size
        yield Position(number, at), _decode(Kind(kind), data[begin:at])


def _header_fault(data: bytes) -> tuple[str, bool]:
    """(what is wrong with a segment's header, whether the records behind it may be read)."""
    if len(data) < HEADER.size:
        return ("the header is cut off" if data else ""), False
    magic, version = HEADER.unpack_from(data)
    if magic == MAGIC and version != VERSION:
        return f"the segment has version {version}, expected {VERSION}", False
    return ("" if magic == MAGIC else "the header is damaged"), True


def _next_record(data: bytes, at: int) -> int:
    """Where the next sound record begins, from byte `at` on; the end of the data where there is none."""
    heads = np.frombuffer(data, np.uint8)[at:]
    ends = len(heads) - _RECORD.size + 1
    if ends <= 0:
        return len(data)
    may_begin = (heads[4 : ends + 4] >= min(Kind)) & (heads[4 : ends + 4] <= max(Kind))
    for byte in (5, 6, 7):
        may_begin &= heads[byte : ends + byte] == 0
    checked_bytes = 0
    for candidate in np.flatnonzero(may_begin).tolist():
        size, _, _ = _RECORD.unpack_from(data, at + candidate)
        if at + candidate + _RECORD.size + size > len(data):
            continue
        checked_bytes += size
        if checked_bytes > _MAX_PAYLOAD:  # bounded, so that no damage makes a start take for ever
            break
        if not _fault(data, at + candidate):
            return at + int(candidate)
    return len(data)


def _fault(data: bytes, at: int) -> str:
    if at + _RECORD.size > len(data):
        return "a record's head is cut off"
    size, kind, checksum = _RECORD.unpack_from(data, at)
    if size > _MAX_PAYLOAD or at + _RECORD.size + size > len(data):
        return "a record is cut off"
    digest = xxhash.xxh3_64(struct.pack("<II", size, kind))
    digest.update(memoryview(data)[at + _RECORD.size : at + _RECORD.size + size])
    if digest.intdigest() != checksum:
        return "a record does not match its checksum"
    return "" if kind in tuple(Kind) else f"a record has the unknown kind {kind}"


NO_SAMPLES: Final = SampleBatch(
    np.empty(0, np.uint64), np.empty(0, np.uint64), np.empty(0, np.int64), np.empty(0, np.float64)
)


def _decode(kind: Kind, payload: bytes) -> Entry:
    if kind is Kind.SAMPLES:
        columns = np.frombuffer(payload, np.uint64).reshape(4, -1)
        timestamps, values = columns[2].view(np.int64), columns[3].view(np.float64)
        return Entry(SampleBatch(columns[0], columns[1], timestamps, values))
    if kind is Kind.HISTOGRAMS:
        return Entry(
            NO_SAMPLES, beside=replace(NOTHING_BESIDE, histograms=records.decode_histograms(payload))
        )
    if kind is Kind.EXEMPLARS:
        return Entry(NO_SAMPLES, beside=replace(NOTHING_BESIDE, exemplars=records.decode_exemplars(payload)))
    if kind is Kind.STARTS:
        return Entry(NO_SAMPLES, beside=replace(NOTHING_BESIDE, starts=records.decode_starts(payload)))
    if kind is Kind.EVENTS:
        events, changes = records.decode_events(payload)
        return Entry(NO_SAMPLES, beside=replace(NOTHING_BESIDE, events=events, changes=changes))
    rows = orjson.loads(payload)
    if kind is Kind.SERIES:
        return Entry(NO_SAMPLES, series=[SeriesRow(*row) for row in rows])
    return Entry(NO_SAMPLES, metadata=[Metadata(*row) for row in rows])


def sync_directory(directory: Path) -> None:
    """Make the creation and removal of files in a directory durable."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
