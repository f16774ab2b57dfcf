"""What travels beside float samples: native histograms, exemplars, start timestamps, events.

`Beside` is what a request holds before its series are known, `Batches` the same with ids.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from storage.events import Event, SourceChange
from storage.exemplars import ExemplarBatch, concat_exemplars, no_exemplars
from storage.histograms import HistogramBatch, Histograms, concat_batches, no_histograms
from storage.interface import Storage
from storage.model import BoolArray, Float64Array, Int64Array, UInt64Array
from storage.starts import StartBatch, concat_starts, no_starts


@dataclass(frozen=True, slots=True, eq=False)
class Beside:
    """Columns of one request, histograms and exemplars; series and times as of `Decoded`, all int64.

    exemplar_labels: each as `storage.model.encode_labels` writes them. start_rows: int64, ascending, the rows
    that have a start, counted over the samples and behind them the histograms; starts_ms: int64, the starts.
    """

    histogram_series: Int64Array
    histogram_times_ms: Int64Array
    histograms: Histograms
    exemplar_series: Int64Array
    exemplar_times_ms: Int64Array
    exemplar_values: Float64Array
    exemplar_labels: Sequence[str]
    start_rows: Int64Array
    starts_ms: Int64Array
    events: Sequence[Event] = ()
    changes: Sequence[SourceChange] = ()

    @classmethod
    def of_histograms(cls, series_index: Int64Array, times_ms: Int64Array, histograms: Histograms) -> Beside:
        """Native histograms and nothing else."""
        nothing = np.empty(0, np.int64)
        no_values = np.empty(0, np.float64)
        return cls(series_index, times_ms, histograms, nothing, nothing, no_values, [], nothing, nothing)

    @classmethod
    def of_events(cls, events: Sequence[Event]) -> Beside:
        """Events and nothing else."""
        nothing = np.empty(0, np.int64)
        return cls.of_histograms(nothing, nothing, no_histograms()).with_events(events, ())

    def with_events(self, events: Sequence[Event], changes: Sequence[SourceChange]) -> Beside:
        """The same with events, and changes of what is said of sources."""
        return replace(self, events=events, changes=changes)

    @property
    def series_index(self) -> Int64Array:
        """The series of every histogram, and then of every exemplar."""
        return np.concatenate([self.histogram_series, self.exemplar_series])

    @property
    def times_ms(self) -> Int64Array:
        """Likewise the timestamps."""
        return np.concatenate([self.histogram_times_ms, self.exemplar_times_ms])

    def place(
        self,
        sample_times_ms: Int64Array,
        metric_ids: UInt64Array,
        series_ids: UInt64Array,
        keep: BoolArray,
    ) -> Batches:
        """Give everything its ids, and leave out what is not to keep.

        The last three have a row for every sample, histogram and exemplar, in this order.
        """
        samples, histograms = len(sample_times_ms), len(self.histogram_times_ms)
        end = samples + histograms
        kept = np.flatnonzero(keep[samples:end])
        exemplars = np.flatnonzero(keep[end:])
        rows = self.start_rows[keep[self.start_rows]]
        times_ms = np.concatenate([sample_times_ms, self.histogram_times_ms])
        return Batches(
            HistogramBatch(
                metric_ids[samples + kept],
                series_ids[samples + kept],
                self.histogram_times_ms[kept],
                self.histograms if len(kept) == histograms else self.histograms.take(kept),
            ),
            ExemplarBatch(
                metric_ids[end + exemplars],
                series_ids[end + exemplars],
                self.exemplar_times_ms[exemplars],
                self.exemplar_values[exemplars],
                [self.exemplar_labels[i] for i in exemplars.tolist()],
            ),
            StartBatch(
                metric_ids[rows], series_ids[rows], times_ms[rows], self.starts_ms[keep[self.start_rows]]
            ),
            self.events,
            self.changes,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Batches:
    """What an entry of the log holds beside its samples."""

    histograms: HistogramBatch
    exemplars: ExemplarBatch
    starts: StartBatch
    events: Sequence[Event] = ()
    changes: Sequence[SourceChange] = ()

    @property
    def rows(self) -> int:
        """Histograms, exemplars, events and changes of sources."""
        return len(self.histograms) + len(self.exemplars) + len(self.events) + len(self.changes)

    @property
    def size_bytes(self) -> int:
        """Bytes in memory, about."""
        found = self.histograms.histograms
        buckets = len(found.positive.indexes) + len(found.negative.indexes)
        texts = sum(map(len, self.exemplars.labels))
        lists = 12 * buckets + 8 * len(found.bounds)
        events = 1_024 * (len(self.events) + len(self.changes))
        return 82 * len(found) + lists + 96 * len(self.exemplars) + texts + 32 * len(self.starts) + events

    def write(self, storage: Storage, token: str) -> None:
        """Store what there is. Raises as `Storage` does; doing so again with the same token is harmless."""
        if len(self.histograms):
            storage.write_histograms(self.histograms, token)
        if len(self.exemplars):
            storage.write_exemplars(self.exemplars, token)
        if len(self.starts):
            storage.write_starts(self.starts, token)
        if self.events:
            storage.write_events(self.events)
        if self.changes:
            storage.write_source_changes(self.changes)


def join_batches(parts: Sequence[Batches]) -> Batches:
    """All of `parts`, in order; one at least."""
    if len(parts) == 1:
        return parts[0]
    return Batches(
        concat_batches([part.histograms for part in parts]),
        concat_exemplars([part.exemplars for part in parts]),
        concat_starts([part.starts for part in parts]),
        [event for part in parts for event in part.events],
        [change for part in parts for change in part.changes],
    )


NOTHING_BESIDE: Final = Batches(concat_batches([]), no_exemplars(), no_starts())
