"""Native histograms in the store: the table of that name, and which metrics have any."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from storage.histograms import Buckets, HistogramBatch, Histograms, concat_batches
from storage.kernels import is_sorted
from storage.known_metrics import KnownMetrics
from storage.model import Float64Array, Int64Array, TimeRange, UInt64Array, is_stale
from storage.rows import Rows
from storage.session import Column, Ragged, Session

_NUMBERS = ("series_id", "timestamp", "schema", "zero_threshold", "zero_count", "count", "sum", "hint")
_ARRAYS = ("positive_indexes", "positive_counts", "negative_indexes", "negative_counts", "bounds")


class HistogramTable:
    """Writes and reads native histograms. Safe from any thread.

    monotonic: seconds that never go back.
    """

    def __init__(self, session: Session, monotonic: Callable[[], float]) -> None:
        self._session = session
        self._known = KnownMetrics(session, "histogram_metrics", monotonic)

    def write(self, batch: HistogramBatch, token: str) -> None:
        """Append a batch."""
        self._known.add(batch.metric_ids)
        self._session.insert("histograms", _columns(batch), token)

    def metrics(self) -> frozenset[int]:
        """Ids of the metrics that have, or once had, histograms."""
        return self._known.ids()

    def read(self, metric_id: int, series_ids: UInt64Array | None, time_range: TimeRange) -> HistogramBatch:
        """Fetch, sort and collapse duplicates."""
        rows = Rows.of(metric_id, series_ids, time_range)
        numbers, arrays = self._session.select_ragged(
            f"SELECT {', '.join(_NUMBERS + _ARRAYS)} FROM histograms {rows.where}", len(_ARRAYS)
        )
        if not numbers:
            return concat_batches([])
        batch = _batch(metric_id, numbers, arrays)
        keep = rows.keep(batch.series_ids)
        if keep is not None:
            batch = batch.take(np.flatnonzero(keep))
        if not is_sorted(batch.series_ids, batch.timestamps_ms):
            batch = batch.take(_one_a_timestamp(batch))
        return batch


def _columns(batch: HistogramBatch) -> dict[str, Column]:
    found = batch.histograms
    return {
        "metric_id": batch.metric_ids,
        "series_id": batch.series_ids,
        "timestamp": batch.timestamps_ms,
        "schema": found.schemas,
        "zero_threshold": found.zero_thresholds,
        "zero_count": found.zero_counts,
        "count": found.counts,
        "sum": found.sums,
        "hint": found.hints,
        "positive_indexes": Ragged(found.positive.offsets, found.positive.indexes),
        "positive_counts": Ragged(found.positive.offsets, found.positive.counts),
        "negative_indexes": Ragged(found.negative.offsets, found.negative.indexes),
        "negative_counts": Ragged(found.negative.offsets, found.negative.counts),
        "bounds": Ragged(found.bound_offsets, found.bounds),
    }


def _batch(metric_id: int, numbers: list[npt.NDArray[Any]], arrays: list[Ragged]) -> HistogramBatch:
    series_ids, timestamps_ms, schemas, thresholds, zeros, counts, sums, hints = numbers
    indexes, populations, negative_indexes, negative_populations, bounds = arrays
    histograms = Histograms(
        schemas,
        thresholds,
        zeros,
        counts,
        sums,
        hints,
        Buckets(indexes.offsets, indexes.values, populations.values),
        Buckets(negative_indexes.offsets, negative_indexes.values, negative_populations.values),
        bounds.offsets,
        bounds.values,
    )
    return HistogramBatch(
        np.full(len(series_ids), metric_id, np.uint64), series_ids, timestamps_ms, histograms
    )


def _one_a_timestamp(batch: HistogramBatch) -> Int64Array:
    """Rows to keep: of duplicates the larger count wins, then the larger sum; a stale marker loses.

    What a histogram counts only grows, so the larger one is the later one.
    """
    found = batch.histograms
    ranks = [_rank(found.zero_counts), _rank(found.sums), _rank(found.counts), ~is_stale(found.sums)]
    order = np.lexsort((*ranks, batch.timestamps_ms, batch.series_ids))
    ids, times = batch.series_ids[order], batch.timestamps_ms[order]
    last = np.ones(len(order), np.bool_)
    last[:-1] = (ids[1:] != ids[:-1]) | (times[1:] != times[:-1])
    return order[last]


def _rank(values: Float64Array) -> Float64Array:
    return np.where(np.isnan(values), -np.inf, values)
