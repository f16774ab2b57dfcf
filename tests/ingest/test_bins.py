"""What adds to a bin is stored as the bin's total: nothing is lost or doubled, whatever fails between."""

from __future__ import annotations

import errno
import math
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from ingest.aliases.table import Aliases
from ingest.bins.distribution import (
    MOST_BUCKETS,
    Distribution,
    as_columns,
    distribution,
    from_columns,
    merge,
)
from ingest.limits import Limits
from ingest.pipeline import Accepted, Pipeline
from ingest.protocols.wavefront.decoder import decode
from storage.errors import OverloadedError, UnavailableError
from storage.histograms import HistogramBatch
from storage.memory import MemoryStorage
from storage.model import SampleBatch, TimeRange, UInt64Array, metric_id
from tests.storage.building import ALWAYS

NOW_S = 1_700_000_000.0
MINUTE_MS = 1_699_999_980_000
CENTROIDS = st.lists(st.tuples(st.integers(1, 1000), st.floats(-1e300, 1e300)), min_size=1, max_size=30)


class Store(MemoryStorage):
    """A store that can be away, and counts how often totals are read."""

    def __init__(self) -> None:
        super().__init__()
        self.is_away = False
        self.reads = 0

    def write_samples(self, batch: SampleBatch, token: str) -> None:
        if self.is_away:
            raise UnavailableError("away")
        super().write_samples(batch, token)

    def read_samples(
        self, metric_id: int, series_ids: UInt64Array | None, time_range: TimeRange
    ) -> SampleBatch:
        if self.is_away:
            raise UnavailableError("away")
        self.reads += 1
        return super().read_samples(metric_id, series_ids, time_range)


class House:
    """A pipeline that may be started again on what is left of the one before."""

    def __init__(self, directory: Path, max_bins: int = 1_000) -> None:
        self.storage = Store()
        self.now_s = NOW_S
        self._directory = directory
        self._max_bins = max_bins
        self.start()

    def start(self) -> None:
        self.pipeline = Pipeline(
            self.storage,
            self._directory,
            Limits(),
            CollectorRegistry(),
            lambda: self.now_s,
            flush_interval_s=0.001,
            max_bins=self._max_bins,
        )
        self.aliases = Aliases(1 << 20)
        self.pipeline.start()

    def send(self, lines: str) -> Accepted:
        decoded = decode(lines.encode(), int(self.now_s * 1000), 1_000, self.aliases, self.pipeline.familiar)
        return self.pipeline.accept(decoded)

    def total(self, name: str, at_ms: int = MINUTE_MS) -> list[float]:
        """The totals of all series at a time, in the store."""
        assert self.pipeline.flush()
        found = MemoryStorage.read_samples(self.storage, metric_id(name), None, TimeRange(at_ms, at_ms))
        return sorted(found.values.tolist())

    def histograms(self, name: str) -> HistogramBatch:
        assert self.pipeline.flush()
        return self.storage.read_histograms(metric_id(name), None, ALWAYS)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_writes_to_a_minute_add_up(house: House) -> None:
    house.send("∆r 1 1699999981 source=a\n∆r 2 1700000039 source=a\n∆r 8 1699999981 source=b")
    house.send("∆r 5 1700000040 source=a")
    house.send("∆r 4 1699999985 source=a")

    assert house.total("r") == [7, 8]
    assert house.total("r", MINUTE_MS + 60_000) == [5]


def test_totals_carry_on_from_what_the_store_holds(house: House) -> None:
    house.send("∆r 1 source=a\n!M #1 2.5 h source=a")
    house.pipeline.stop()
    house.start()
    house.send("∆r 2 source=a\n!M #2 4 h source=a")
    house.pipeline.stop()
    house.start()
    house.send("∆r 4 source=a\n∆r 16 source=b")

    assert house.total("r") == [7, 16]
    [count], [total] = (
        column.tolist()
        for column in (house.histograms("h.m").histograms.counts, house.histograms("h.m").histograms.sums)
    )
    assert (count, total) == (3, 10.5)


def test_what_nobody_can_have_written_before_is_not_looked_for(house: House) -> None:
    house.now_s += 2 * 3_600
    house.send("∆r 1 source=a\n∆r 2 source=a")

    assert house.storage.reads == 0


def test_a_sender_waits_while_the_totals_of_before_cannot_be_read(house: House) -> None:
    house.storage.is_away = True
    with pytest.raises(OverloadedError, match="totals of before"):
        house.send("∆r 1 source=a")
    house.send("plain 1 source=a")
    house.storage.is_away = False
    house.send("∆r 1 source=a")

    assert house.total("r") == [1]


def test_a_write_that_fails_adds_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.send("∆r 1 source=a\n!M #1 1 h source=a")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "no space")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", full)
        for _ in range(2):
            with pytest.raises(OverloadedError):
                house.send("∆r 100 source=a\n!M #100 1 h source=a\n∆r 100 source=b")
    house.send("∆r 2 source=a\n!M #2 1 h source=a")

    assert house.total("r") == [3]
    assert house.histograms("h.m").histograms.counts.tolist() == [3]


def test_a_write_that_the_log_does_not_take_adds_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = House(tmp_path)
    house.send("∆r 1 source=a")
    with monkeypatch.context() as patch:
        patch.setattr(house.pipeline._wal, "_max_bytes", 0)
        with pytest.raises(OverloadedError):
            house.send("∆r 100 source=a")
    house.send("∆r 2 source=a")

    assert house.total("r") == [3]


def test_bins_are_forgotten_and_read_again(tmp_path: Path) -> None:
    house = House(tmp_path, max_bins=4)
    for source in range(20):
        house.send(f"∆r 1 source=s{source}")
        assert house.pipeline.flush()
    for source in range(20):
        house.send(f"∆r 2 source=s{source}")
        assert house.pipeline.flush()

    assert house.total("r") == [3] * 20
    assert house.storage.reads > 4


def test_bins_are_forgotten_once_they_are_quiet(house: House) -> None:
    house.send("∆r 1 source=a")
    assert house.pipeline.flush()
    house.now_s += 25 * 60
    house.send("∆other 1 source=a")
    reads = house.storage.reads
    house.now_s -= 25 * 60
    house.send("∆r 2 source=a")

    assert house.total("r") == [3]
    assert house.storage.reads == reads + 1


def test_more_bins_than_fit_wait_for_the_store(tmp_path: Path) -> None:
    house = House(tmp_path, max_bins=2)
    house.now_s += 2 * 3_600
    house.storage.is_away = True
    house.send("∆r 1 source=a\n∆r 1 source=b")

    with pytest.raises(OverloadedError, match="max_bins"):
        house.send("∆r 1 source=c")

    house.storage.is_away = False
    assert house.pipeline.flush()
    house.send("∆r 1 source=c")


def _buckets(found: Distribution) -> float:
    return sum(found.positive.values()) + sum(found.negative.values()) + found.zero_count


@given(CENTROIDS)
def test_a_distribution_holds_what_was_counted(centroids: list[tuple[float, float]]) -> None:
    found = distribution(centroids)

    assert found.count == _buckets(found) == sum(count for count, _ in centroids)
    assert found.sum == pytest.approx(sum(count * mean for count, mean in centroids), rel=1e-9, abs=1e300)
    assert len(found.positive) + len(found.negative) <= MOST_BUCKETS or found.schema == -4
    for _, mean in centroids:
        side = found.positive if mean > 0 else found.negative
        assert abs(mean) <= 2.0**-128 or any(_spans(found.schema, k, abs(mean)) for k in side)


def _spans(schema: int, index: int, value: float) -> bool:
    """Whether a value lies in a bucket, but for the last bit of a bound."""
    width = 2.0**-schema
    power = math.log2(value)
    return (index - 1) * width - 1e-12 <= power <= index * width + 1e-12


@given(CENTROIDS, CENTROIDS)
def test_distributions_merge_as_if_all_had_come_at_once(
    one: list[tuple[float, float]], other: list[tuple[float, float]]
) -> None:
    merged, whole = merge(distribution(one), distribution(other)), distribution(one + other)

    assert (merged.count, merged.zero_count) == (whole.count, whole.zero_count)
    assert (merged.schema, dict(merged.positive), dict(merged.negative)) == (
        whole.schema,
        dict(whole.positive),
        dict(whole.negative),
    )


@given(st.lists(CENTROIDS, max_size=4))
def test_columns_give_distributions_back(all_centroids: list[list[tuple[float, float]]]) -> None:
    rows = [distribution(centroids) for centroids in all_centroids]

    columns = as_columns(rows)

    assert [from_columns(columns, i) for i in range(len(rows))] == rows
    assert columns.positive.offsets[-1] == len(columns.positive.indexes)
    for i in range(len(rows)):
        part = columns.positive.indexes[columns.positive.offsets[i] : columns.positive.offsets[i + 1]]
        assert (np.diff(part) > 0).all()


@pytest.mark.parametrize("exponent", [-1000, -1, 0, 1, 10, 1000])
def test_a_power_of_two_is_the_upper_bound_of_its_bucket(exponent: int) -> None:
    found = distribution([(1, 2.0**exponent)])

    assert list(found.positive) == ([exponent << 8] if exponent > -128 else [])


def test_many_buckets_are_made_coarser() -> None:
    found = distribution([(1, 1.01**i) for i in range(400)])

    assert found.schema < 8
    assert MOST_BUCKETS / 2 - 1 <= len(found.positive) <= MOST_BUCKETS
