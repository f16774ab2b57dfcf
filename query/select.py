"""From matchers to flat samples: one read a metric, in parallel, joined into the columns that kernels take."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np

from query.block import Samples
from query.deadline import Deadline
from query.limits import QueryLimits
from storage.interface import SeriesCatalogue, SeriesSelection, Storage
from storage.labels import LabelTable, concat
from storage.model import Matcher, SampleBatch, TimeRange, is_stale


@dataclass(slots=True)
class Cost:
    """What the reads of one query came to so far."""

    series: int = 0
    samples: int = 0
    fetch_ms: float = 0.0


class Reader:
    """Reads the selectors of one query; equal reads are done once."""

    def __init__(
        self,
        storage: Storage,
        catalogue: SeriesCatalogue,
        executor: Executor,
        limits: QueryLimits,
        deadline: Deadline,
    ) -> None:
        self.cost = Cost()
        self._storage = storage
        self._catalogue = catalogue
        self._executor = executor
        self._limits = limits
        self._deadline = deadline
        self._done: dict[tuple[tuple[Matcher, ...], TimeRange], Samples] = {}

    def read(self, matchers: Sequence[Matcher], time_range: TimeRange) -> Samples:
        """Samples in [start, end] of the series that match; stale markers are still there.

        Raises `LimitError` when that is more series or samples than a query may read.
        """
        key = (tuple(matchers), time_range)
        found = self._done.get(key)
        if found is None:
            began = time.perf_counter()
            found = self._done[key] = self._read(matchers, time_range)
            self.cost.fetch_ms += (time.perf_counter() - began) * 1000
        return found

    def _read(self, matchers: Sequence[Matcher], time_range: TimeRange) -> Samples:
        selections = self._catalogue.select(matchers, time_range)
        self.cost.series += sum(len(one.series_ids) for one in selections)
        self._limits.check("series", self.cost.series, self._limits.max_series)
        self._deadline.check()
        if len(selections) <= 1:
            batches = [self._fetch(one, time_range) for one in selections]
        else:
            batches = list(self._executor.map(lambda one: self._fetch(one, time_range), selections))
        self._deadline.check()
        self.cost.samples += sum(len(batch) for batch in batches)
        self._limits.check("samples", self.cost.samples, self._limits.max_samples)
        return _join(selections, batches)

    def _fetch(self, selection: SeriesSelection, time_range: TimeRange) -> SampleBatch:
        self._deadline.check()
        wanted = None if selection.is_whole else selection.series_ids
        batch = self._storage.read_samples(selection.metric_id, wanted, time_range)
        return batch if wanted is not None else _only(selection, batch)


def _only(selection: SeriesSelection, batch: SampleBatch) -> SampleBatch:
    """Leave out series that were born between the selection and the read."""
    ids = selection.series_ids
    at = np.minimum(np.searchsorted(ids, batch.series_ids), len(ids) - 1)
    known = ids[at] == batch.series_ids
    if known.all():
        return batch
    return SampleBatch(
        batch.metric_ids[known], batch.series_ids[known], batch.timestamps_ms[known], batch.values[known]
    )


def _join(selections: Sequence[SeriesSelection], batches: Sequence[SampleBatch]) -> Samples:
    if not selections:
        return Samples(
            LabelTable({}, 0), np.empty(0, np.int64), np.empty(0, np.float64), np.zeros(1, np.int64)
        )
    counts = []
    for selection, batch in zip(selections, batches, strict=True):
        edges = np.searchsorted(batch.series_ids, selection.series_ids, "left")
        stops = np.searchsorted(batch.series_ids, selection.series_ids, "right")
        counts.append(stops - edges)
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(np.concatenate(counts))])
    return Samples(
        concat([one.labels for one in selections]),
        np.concatenate([batch.timestamps_ms for batch in batches]),
        np.concatenate([batch.values for batch in batches]),
        offsets.astype(np.int64),
    )


def without_stale(samples: Samples) -> Samples:
    """The same series without their stale markers, as range selectors see them."""
    stale = is_stale(samples.values)
    if not stale.any():
        return samples
    kept = np.concatenate([np.zeros(1, np.int64), np.cumsum(~stale)])
    return Samples(
        samples.labels, samples.timestamps_ms[~stale], samples.values[~stale], kept[samples.offsets]
    )
