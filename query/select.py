"""From matchers to flat samples: large metrics read in parallel, small ones together, then joined."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace

import numpy as np

from query.block import Samples, stacked_cells
from query.deadline import Deadline
from query.limits import Memory, QueryLimits, floats_of
from query.native.samples import hinted, with_histograms
from query.rollup.starts.apply import starts_in
from query.warm.cache import WarmCache
from storage.histograms import Histograms
from storage.interface import SeriesCatalogue, SeriesSelection, Storage
from storage.labels import LabelTable, concat
from storage.model import Int64Array, Matcher, TimeRange, is_stale

_BEFORE_MS = 300_000
"""How much earlier histograms are read: their hints follow from the one before."""
_SERIES_A_READ = 2_000
"""Metrics are read together up to so many series: as many as a query to the store can name."""
_METRICS_A_READ = 1_000
_SAMPLES_A_SECOND = 10
"""More than that of each series is not expected; beyond it samples are counted before they are read."""


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
        warm: WarmCache,
        catalogue: SeriesCatalogue,
        executor: Executor,
        limits: QueryLimits,
        memory: Memory,
        deadline: Deadline,
    ) -> None:
        self.cost = Cost()
        self._storage = storage
        self._warm = warm
        self._catalogue = catalogue
        self._executor = executor
        self._limits = limits
        self._memory = memory
        self._deadline = deadline
        self._with_histograms = storage.histogram_metrics()
        self._with_starts = storage.start_metrics()
        self._done: dict[tuple[tuple[Matcher, ...], TimeRange, bool], Samples] = {}

    def read(
        self, matchers: Sequence[Matcher], time_range: TimeRange, *, tells_resets: bool = False
    ) -> Samples:
        """Samples in [start, end], and perhaps some outside, of the series that match.

        Stale markers are still there. `tells_resets`: the hints of histograms do so.

        Raises `LimitError` when that is more series or samples than a query may read.
        """
        key = (tuple(matchers), time_range, tells_resets)
        found = self._done.get(key)
        if found is None:
            began = time.perf_counter()
            found = self._done[key] = hinted(self._read(matchers, time_range), tells_resets)
            self.cost.fetch_ms += (time.perf_counter() - began) * 1000
        return found

    def _read(self, matchers: Sequence[Matcher], time_range: TimeRange) -> Samples:
        selections = self._catalogue.select(matchers, time_range, self._deadline.check)
        self.cost.series += sum(len(one.series_ids) for one in selections)
        self._limits.check("series", self.cost.series, self._limits.max_series)
        self._deadline.check()
        groups = _groups(selections)
        if len(groups) <= 1:
            found = [self._fetch(group, time_range) for group in groups]
        else:
            found = list(self._executor.map(lambda group: self._fetch(group, time_range), groups))
        parts = [part for group in found for part in group]
        self.cost.samples = self._memory.samples
        self._deadline.check()
        return _join(parts)

    def _fetch(self, group: Sequence[SeriesSelection], time_range: TimeRange) -> list[Samples]:
        self._deadline.check()
        found = self._warm.read_many(group, time_range, self._expect)
        self._memory.hold_samples(sum(int(columns.offsets[-1] - columns.offsets[0]) for columns in found))
        return [
            self._with_more(
                Samples(one.labels, columns.timestamps_ms, columns.values, columns.offsets), one, time_range
            )
            for one, columns in zip(group, found, strict=True)
        ]

    def _with_more(self, samples: Samples, selection: SeriesSelection, time_range: TimeRange) -> Samples:
        if selection.metric_id in self._with_histograms:
            samples = self._and_histograms(samples, selection, time_range)
        if selection.metric_id in self._with_starts:
            samples = self._and_starts(samples, selection)
        return samples

    def _expect(self, selection: SeriesSelection, time_range: TimeRange) -> None:
        """Count samples before they are read, where there could be too many."""
        seconds = (time_range.end_ms - time_range.start_ms) / 1000
        if len(selection.series_ids) * seconds * _SAMPLES_A_SECOND < self._limits.max_samples:
            return
        wanted = None if selection.is_whole else selection.series_ids
        self._memory.expect_samples(self._storage.count_samples(selection.metric_id, wanted, time_range))

    def _and_histograms(self, floats: Samples, selection: SeriesSelection, time_range: TimeRange) -> Samples:
        wanted = None if selection.is_whole else selection.series_ids
        earlier = TimeRange(time_range.start_ms - _BEFORE_MS, time_range.end_ms)
        batch = self._storage.read_histograms(selection.metric_id, wanted, earlier)
        self._memory.hold_samples(_weight(batch.histograms))
        return with_histograms(floats, selection.series_ids, batch) if len(batch) else floats

    def _and_starts(self, samples: Samples, selection: SeriesSelection) -> Samples:
        if not len(samples.timestamps_ms):
            return samples
        wanted = None if selection.is_whole else selection.series_ids
        times_ms = samples.timestamps_ms
        time_range = TimeRange(int(times_ms.min()), int(times_ms.max()))
        batch = self._storage.read_starts(selection.metric_id, wanted, time_range)
        return replace(samples, starts_ms=starts_in(samples, selection.series_ids, batch))


def _groups(selections: Sequence[SeriesSelection]) -> list[list[SeriesSelection]]:
    """What is read together, in order: small metrics up to a bound, a large one alone."""
    groups: list[list[SeriesSelection]] = []
    room = 0
    for one in selections:
        size = len(one.series_ids)
        if not groups or size > room or len(groups[-1]) == _METRICS_A_READ:
            groups.append([])
            room = _SERIES_A_READ
        groups[-1].append(one)
        room -= size
    return groups


def _weight(histograms: Histograms) -> int:
    """How many float samples histograms take the place of, by their bytes."""
    buckets = len(histograms.positive.indexes) + len(histograms.negative.indexes)
    return floats_of(len(histograms), buckets)


def _join(parts: Sequence[Samples]) -> Samples:
    if not parts:
        return Samples(
            LabelTable({}, 0), np.empty(0, np.int64), np.empty(0, np.float64), np.zeros(1, np.int64)
        )
    if len(parts) == 1:
        return parts[0]
    counts = np.concatenate([np.diff(part.offsets) for part in parts])
    return Samples(
        concat([part.labels for part in parts]),
        np.concatenate([part.timestamps_ms for part in parts]),
        np.concatenate([part.values for part in parts]),
        np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)]),
        stacked_cells([part.cells for part in parts], [part.values.shape for part in parts]),
        starts_ms=_joined_starts(parts),
    )


def _joined_starts(parts: Sequence[Samples]) -> Int64Array | None:
    if all(part.starts_ms is None for part in parts):
        return None
    return np.concatenate(
        [np.zeros(len(part.values), np.int64) if part.starts_ms is None else part.starts_ms for part in parts]
    )


def without_stale(samples: Samples) -> Samples:
    """The same series without their stale markers, as range selectors see them."""
    stale = is_stale(samples.values)
    if not stale.any():
        return samples
    return samples.where(~stale)


def newest(samples: Samples, at_ms: int, lookback_ms: int) -> Samples:
    """The newest sample of each series in (at - lookback, at], none where that is a stale marker."""
    inside = (samples.timestamps_ms > at_ms - lookback_ms) & (samples.timestamps_ms <= at_ms)
    seen = samples.where(inside)
    last = np.zeros(len(seen.values), np.bool_)
    last[seen.offsets[1:][np.diff(seen.offsets) > 0] - 1] = True
    return seen.where(last & ~is_stale(seen.values))
