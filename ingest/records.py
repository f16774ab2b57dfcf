"""Payloads of the log's records beside samples; docs/wal.md has their format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from storage.events import Event, SourceChange
from storage.exemplars import ExemplarBatch
from storage.histograms import Buckets, HistogramBatch, Histograms
from storage.starts import StartBatch


def encode_histograms(batch: HistogramBatch) -> list[memoryview]:
    """The buffers of a payload."""
    found = batch.histograms
    sizes = [len(batch), len(found.positive.indexes), len(found.negative.indexes), len(found.bounds)]
    return _buffers(
        (
            np.array(sizes, np.int64),
            batch.metric_ids,
            batch.series_ids,
            batch.timestamps_ms,
            found.zero_thresholds,
            found.zero_counts,
            found.counts,
            found.sums,
            found.positive.offsets,
            found.negative.offsets,
            found.bound_offsets,
            found.positive.counts,
            found.negative.counts,
            found.bounds,
            found.positive.indexes,
            found.negative.indexes,
            found.schemas,
            found.hints,
        )
    )


def decode_histograms(payload: bytes) -> HistogramBatch:
    """The inverse of `encode_histograms`."""
    columns = _Columns(payload)
    n, positives, negatives, bounds = columns.take(np.int64, 4).tolist()
    metric_ids, series_ids = (columns.take(np.uint64, n) for _ in range(2))
    timestamps_ms = columns.take(np.int64, n)
    thresholds, zeros, counts, sums = (columns.take(np.float64, n) for _ in range(4))
    offsets, negative_offsets, bound_offsets = (columns.take(np.int64, n + 1) for _ in range(3))
    populations, negative_populations, limits = (
        columns.take(np.float64, size) for size in (positives, negatives, bounds)
    )
    indexes, negative_indexes = (columns.take(np.int32, size) for size in (positives, negatives))
    schemas, hints = columns.take(np.int8, n), columns.take(np.uint8, n)
    histograms = Histograms(
        schemas,
        thresholds,
        zeros,
        counts,
        sums,
        hints,
        Buckets(offsets, indexes, populations),
        Buckets(negative_offsets, negative_indexes, negative_populations),
        bound_offsets,
        limits,
    )
    return HistogramBatch(metric_ids, series_ids, timestamps_ms, histograms)


def encode_exemplars(batch: ExemplarBatch) -> bytes:
    """A payload."""
    bits = np.ascontiguousarray(batch.values).view(np.uint64)
    numbers = (batch.metric_ids, batch.series_ids, batch.timestamps_ms, bits)
    return orjson.dumps([*(column.tolist() for column in numbers), list(batch.labels)])


def decode_exemplars(payload: bytes) -> ExemplarBatch:
    """The inverse of `encode_exemplars`."""
    metrics, series, times, bits, labels = orjson.loads(payload)
    return ExemplarBatch(
        np.array(metrics, np.uint64),
        np.array(series, np.uint64),
        np.array(times, np.int64),
        np.array(bits, np.uint64).view(np.float64),
        labels,
    )


def encode_starts(batch: StartBatch) -> list[memoryview]:
    """The buffers of a payload."""
    return _buffers((batch.metric_ids, batch.series_ids, batch.timestamps_ms, batch.starts_ms))


def decode_starts(payload: bytes) -> StartBatch:
    """The inverse of `encode_starts`."""
    columns = np.frombuffer(payload, np.uint64).reshape(4, -1)
    return StartBatch(columns[0], columns[1], columns[2].view(np.int64), columns[3].view(np.int64))


def encode_events(events: Sequence[Event], changes: Sequence[SourceChange]) -> bytes:
    """A payload."""
    return orjson.dumps([[_fields(one) for one in events], [_fields(one) for one in changes]])


def decode_events(payload: bytes) -> tuple[list[Event], list[SourceChange]]:
    """The inverse of `encode_events`."""
    events, changes = orjson.loads(payload)
    found = [replace(Event(*row), tags=tuple(row[-2]), hosts=tuple(row[-1])) for row in events]
    return found, [SourceChange(*row) for row in changes]


def _fields(one: Event | SourceChange) -> list[Any]:
    return [getattr(one, found.name) for found in fields(one)]


def _buffers(columns: Sequence[npt.NDArray[Any]]) -> list[memoryview]:
    return [np.ascontiguousarray(column).data.cast("B") for column in columns if len(column)]


class _Columns:
    """Reads columns that lie one after another."""

    def __init__(self, payload: bytes) -> None:
        self._payload = payload
        self._at = 0

    def take(self, dtype: Any, size: int) -> npt.NDArray[Any]:
        found = np.frombuffer(self._payload, dtype, size, self._at)
        self._at += found.nbytes
        return found
