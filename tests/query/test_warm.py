"""Warm columns answer as the store does, whatever is written and asked in between."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from query.warm.cache import Columns, WarmCache
from storage.labels import LabelTable
from storage.memory import MemoryStorage
from storage.model import SampleBatch, TimeRange, UInt64Array

METRICS, SERIES = range(1, 5), range(1, 4)


class Telling(MemoryStorage):
    """A store that tells what it stored, as the embedded one does."""

    def __init__(self) -> None:
        super().__init__()
        self.listeners: list[Callable[[SampleBatch | None], None]] = []

    def subscribe(self, listener: Callable[[SampleBatch | None], None]) -> bool:
        """Remember whom to tell."""
        self.listeners.append(listener)
        return True

    def write_samples(self, batch: SampleBatch, token: str) -> None:
        """Store, then tell."""
        super().write_samples(batch, token)
        for listener in self.listeners:
            listener(batch)


@dataclass(frozen=True, slots=True)
class Chosen:
    """A selection without labels."""

    metric_id: int
    series_ids: UInt64Array
    is_whole: bool
    labels: LabelTable = field(default_factory=lambda: LabelTable({}, 0))


def shown(columns: Columns, within: TimeRange) -> list[list[tuple[int, float]]]:
    """(time, value) in the range, by series."""
    found = []
    for start, end in zip(columns.offsets[:-1].tolist(), columns.offsets[1:].tolist(), strict=True):
        pairs = zip(
            columns.timestamps_ms[start:end].tolist(), columns.values[start:end].tolist(), strict=True
        )
        found.append([pair for pair in pairs if within.start_ms <= pair[0] <= within.end_ms])
    return found


ROWS = st.lists(
    st.tuples(st.sampled_from(METRICS), st.sampled_from(SERIES), st.integers(0, 4_000), st.integers(0, 9)),
    min_size=1,
    max_size=12,
)
ASKED = st.tuples(
    st.lists(
        st.tuples(st.sampled_from(METRICS), st.lists(st.sampled_from(SERIES), unique=True), st.booleans()),
        min_size=1,
        max_size=4,
        unique_by=lambda one: one[0],
    ),
    st.integers(0, 3_000),
    st.integers(0, 1_000),
)


@given(st.lists(st.one_of(ROWS, ASKED), max_size=14), st.sampled_from([1, 200, 1 << 20]))
def test_what_is_warm_equals_what_is_stored(steps: list[object], budget_bytes: int) -> None:
    storage = Telling()
    warm = WarmCache(storage, budget_bytes)

    for step in steps:
        if isinstance(step, list):
            storage.write_samples(samples(step), "")
        elif isinstance(step, tuple):
            compare(storage, warm, *step)


def test_a_batch_of_many_metrics_reaches_each_of_them() -> None:
    storage = Telling()
    warm = WarmCache(storage, 1 << 20)
    everything = [(metric, [], True) for metric in range(1, 201)]
    compare(storage, warm, everything, 0, 100)

    storage.write_samples(samples([(metric, metric % 3 + 1, 50, metric) for metric in range(200, 0, -1)]), "")

    compare(storage, warm, everything, 0, 100)


def samples(rows: list[tuple[int, int, int, int]]) -> SampleBatch:
    """Samples given as (metric, series, time, value)."""
    metrics, series, times, values = zip(*rows, strict=True)
    return SampleBatch(
        np.array(metrics, np.uint64),
        np.array(series, np.uint64),
        np.array(times, np.int64),
        np.array(values, np.float64),
    )


def compare(
    storage: MemoryStorage,
    warm: WarmCache,
    wanted: list[tuple[int, list[int], bool]],
    start_ms: int,
    length_ms: int,
) -> None:
    within = TimeRange(start_ms, start_ms + length_ms)
    chosen = [
        Chosen(metric, np.array(sorted(SERIES if is_whole else series), np.uint64), is_whole)
        for metric, series, is_whole in wanted
    ]

    together = [shown(columns, within) for columns in warm.read_many(chosen, within)]

    assert together == [shown(WarmCache(storage, 0).read(one, within), within) for one in chosen]
