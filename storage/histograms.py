"""Native histograms as columns: what a histogram sample is, everywhere from the wire to the engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from storage.model import Float64Array, Int32Array, Int64Array, UInt64Array

Int8Array: TypeAlias = npt.NDArray[np.int8]
UInt8Array: TypeAlias = npt.NDArray[np.uint8]

CUSTOM_SCHEMA: Final = -53
"""The schema of histograms with custom bounds (Prometheus, model/histogram)."""

HINT_UNKNOWN: Final = 0
HINT_RESET: Final = 1
HINT_NOT_RESET: Final = 2
HINT_GAUGE: Final = 3


@dataclass(frozen=True, slots=True, eq=False)
class Buckets:
    """The populated buckets of n histograms, one after another; histogram i owns [offsets[i], offsets[i+1]).

    offsets: int64 (n + 1,). indexes: int32, ascending within a histogram. counts: float64, absolute (not
    deltas, not cumulated), of the same length as `indexes`; a bucket that is not listed holds nothing.
    Bucket k of schema s spans (2^((k-1) * 2^-s), 2^(k * 2^-s)], mirrored for negatives; with custom bounds
    it spans (bounds[k-1], bounds[k]].
    """

    offsets: Int64Array
    indexes: Int32Array
    counts: Float64Array

    def take(self, rows: npt.NDArray[np.integer]) -> Buckets:
        """The buckets of the histograms at `rows`, in that order."""
        offsets, places = picked(self.offsets, rows)
        return Buckets(offsets, self.indexes[places], self.counts[places])


@dataclass(frozen=True, slots=True, eq=False)
class Histograms:
    """n native histograms, integer or float ones alike: counts are float64.

    schemas: int8 (n,), -4..8 exponential, `CUSTOM_SCHEMA` custom. zero_thresholds, zero_counts, counts, sums:
    float64 (n,); a `sums` that is the staleness marker, bit by bit, makes the sample a stale marker.
    hints: uint8 (n,), the counter reset hint. bound_offsets: int64 (n + 1,) into bounds: float64, the upper
    bounds of custom buckets, +Inf left out.
    """

    schemas: Int8Array
    zero_thresholds: Float64Array
    zero_counts: Float64Array
    counts: Float64Array
    sums: Float64Array
    hints: UInt8Array
    positive: Buckets
    negative: Buckets
    bound_offsets: Int64Array
    bounds: Float64Array

    def __len__(self) -> int:
        return len(self.schemas)

    def take(self, rows: npt.NDArray[np.integer]) -> Histograms:
        """The histograms at `rows`, int (m,), in that order; a row may come more than once."""
        bound_offsets, places = picked(self.bound_offsets, rows)
        return Histograms(
            self.schemas[rows],
            self.zero_thresholds[rows],
            self.zero_counts[rows],
            self.counts[rows],
            self.sums[rows],
            self.hints[rows],
            self.positive.take(rows),
            self.negative.take(rows),
            bound_offsets,
            self.bounds[places],
        )


@dataclass(frozen=True, slots=True, eq=False)
class HistogramBatch:
    """Columns of one length: native histograms of any number of series.

    metric_ids, series_ids: uint64; timestamps_ms: int64, since the epoch. A batch read from storage is sorted
    by (metric_id, series_id, timestamp) with one histogram a timestamp.
    """

    metric_ids: UInt64Array
    series_ids: UInt64Array
    timestamps_ms: Int64Array
    histograms: Histograms

    def __len__(self) -> int:
        return len(self.timestamps_ms)

    def take(self, rows: npt.NDArray[np.integer]) -> HistogramBatch:
        """The samples at `rows`, int (m,), in that order."""
        return HistogramBatch(
            self.metric_ids[rows],
            self.series_ids[rows],
            self.timestamps_ms[rows],
            self.histograms.take(rows),
        )


def concat(parts: Sequence[Histograms]) -> Histograms:
    """All histograms of `parts`, in order."""
    if not parts:
        return no_histograms()
    return Histograms(
        np.concatenate([part.schemas for part in parts]),
        np.concatenate([part.zero_thresholds for part in parts]),
        np.concatenate([part.zero_counts for part in parts]),
        np.concatenate([part.counts for part in parts]),
        np.concatenate([part.sums for part in parts]),
        np.concatenate([part.hints for part in parts]),
        _concat_buckets([part.positive for part in parts]),
        _concat_buckets([part.negative for part in parts]),
        joined_offsets([part.bound_offsets for part in parts]),
        np.concatenate([part.bounds for part in parts]),
    )


def concat_batches(parts: Sequence[HistogramBatch]) -> HistogramBatch:
    """All samples of `parts`, in order."""
    if not parts:
        ids = np.empty(0, np.uint64)
        return HistogramBatch(ids, ids, np.empty(0, np.int64), no_histograms())
    return HistogramBatch(
        np.concatenate([part.metric_ids for part in parts]),
        np.concatenate([part.series_ids for part in parts]),
        np.concatenate([part.timestamps_ms for part in parts]),
        concat([part.histograms for part in parts]),
    )


def no_histograms() -> Histograms:
    """None at all."""
    floats, offsets = np.empty(0, np.float64), np.zeros(1, np.int64)
    buckets = Buckets(offsets, np.empty(0, np.int32), floats)
    return Histograms(
        np.empty(0, np.int8),
        floats,
        floats,
        floats,
        floats,
        np.empty(0, np.uint8),
        buckets,
        buckets,
        offsets,
        floats,
    )


def picked(offsets: Int64Array, rows: npt.NDArray[np.integer]) -> tuple[Int64Array, Int64Array]:
    """(offsets, places) of lists that are taken at `rows`: what they hold is `values[places]`."""
    sizes = np.diff(offsets)[rows]
    new = _offsets_of(sizes)
    places = np.arange(new[-1], dtype=np.int64) + np.repeat(offsets[:-1][rows] - new[:-1], sizes)
    return new, places


def joined_offsets(parts: Sequence[Int64Array]) -> Int64Array:
    """The offsets of lists that are put one after another; one part at least."""
    return _offsets_of(np.concatenate([np.diff(part) for part in parts]))


def _concat_buckets(parts: Sequence[Buckets]) -> Buckets:
    return Buckets(
        joined_offsets([part.offsets for part in parts]),
        np.concatenate([part.indexes for part in parts]),
        np.concatenate([part.counts for part in parts]),
    )


def _offsets_of(sizes: Int64Array) -> Int64Array:
    offsets = np.zeros(len(sizes) + 1, np.int64)
    np.cumsum(sizes, out=offsets[1:])
    return offsets
