"""Native histograms go in and come out bit by bit, on every backend."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.clickhouse import ClickHouseStorage
from storage.histograms import concat
from storage.model import DAY_MS, TimeRange
from tests.storage.building import ALWAYS, batch
from tests.storage.histograms import (
    Row,
    any_histogram,
    batch_of,
    histogram,
    of_rows,
    rows_of,
    stale_histogram,
    to_rows,
)

EXPONENTIAL = histogram(12, 34.5, [(-3, 1), (0, 2.5), (7, 4)], [(1, 3)], schema=3, zero=(1e-128, 1.5), hint=2)
CUSTOM = histogram(6, 10, [(0, 1), (2, 5)], bounds=[-1.5, 0.0, 2.0], hint=3)
EMPTY = histogram()
SPECIAL = histogram(float("inf"), float("-inf"), [(2**31 - 1, float("inf"))], [(-(2**31), 1)])


def test_every_part_of_a_histogram_survives(storage: ClickHouseStorage) -> None:
    parts = [EXPONENTIAL, CUSTOM, EMPTY, stale_histogram(), SPECIAL]
    rows = [(2**64 - 1, 1000 * i, part) for i, part in enumerate(parts)]

    storage.write_histograms(batch_of(rows, metric=2**64 - 1), "one")

    found = storage.read_histograms(2**64 - 1, None, ALWAYS)
    assert rows_of(found) == rows
    assert found.metric_ids.tolist() == [2**64 - 1] * len(rows)


def test_histograms_come_sorted_and_only_those_asked_for(storage: ClickHouseStorage) -> None:
    storage.write_histograms(batch_of([(2, 10, EMPTY), (1, 30, EXPONENTIAL), (2, 5, CUSTOM)]), "one")
    storage.write_histograms(batch_of([(1, 20, CUSTOM), (3, DAY_MS, EMPTY)]), "two")
    storage.write_histograms(batch_of([(1, 20, EMPTY)], metric=2), "three")

    def asked(ids: list[int] | None, time_range: TimeRange = ALWAYS) -> list[tuple[int, int]]:
        wanted = None if ids is None else np.array(ids, np.uint64)
        return [row[:2] for row in rows_of(storage.read_histograms(1, wanted, time_range))]

    assert asked(None) == [(1, 20), (1, 30), (2, 5), (2, 10), (3, DAY_MS)]
    assert asked([]) == []
    assert asked([1, 3]) == [(1, 20), (1, 30), (3, DAY_MS)]
    assert asked(list(range(2, 5_000))) == [(2, 5), (2, 10), (3, DAY_MS)]
    assert asked(None, TimeRange(10, 20)) == [(1, 20), (2, 10)]
    assert rows_of(storage.read_histograms(3, None, ALWAYS)) == []


@pytest.mark.parametrize(
    ("rule", "one", "two"),
    [
        ("the larger count", EXPONENTIAL, histogram(13, 1.0, [(1, 13)])),
        ("the larger sum", EXPONENTIAL, histogram(12, 35.0, [(1, 12)])),
        ("any over a stale marker", stale_histogram(), EMPTY),
        ("a number over NaN", histogram(1, float("nan")), histogram(1, -5.0)),
        ("either of equal ones", CUSTOM, CUSTOM),
    ],
)
@pytest.mark.parametrize("swap", [False, True], ids=["as given", "swapped"])
def test_of_two_histograms_at_one_time_one_wins(
    embedded_storage: ClickHouseStorage, rule: str, one: Row, two: Row, swap: bool
) -> None:
    for i, row in enumerate((two, one) if swap else (one, two)):
        embedded_storage.write_histograms(batch_of([(1, 5, row), (1, i, EMPTY), (1, 9, CUSTOM)]), str(i))

    found = rows_of(embedded_storage.read_histograms(1, None, ALWAYS))

    assert found == [(1, 0, EMPTY), (1, 1, EMPTY), (1, 5, two), (1, 9, CUSTOM)], rule


def test_only_metrics_with_histograms_are_named(storage: ClickHouseStorage) -> None:
    assert storage.histogram_metrics() == storage.start_metrics() == frozenset()

    storage.write_samples(batch([(1, 0, 1.0)], metric=5), "one")
    storage.write_histograms(batch_of([(1, 0, EMPTY)], metric=7), "one")
    storage.write_histograms(batch_of([(1, 1, EMPTY)], metric=7), "two")
    storage.write_histograms(batch_of([(1, 0, EMPTY)], metric=2**64 - 1), "three")

    assert storage.histogram_metrics() == {7, 2**64 - 1}


def test_a_batch_written_again_is_harmless(storage: ClickHouseStorage) -> None:
    rows = [(1, 0, EXPONENTIAL), (1, DAY_MS, CUSTOM), (2, 0, stale_histogram())]
    for _ in range(2):
        storage.write_histograms(batch_of(rows), "same")

    assert rows_of(storage.read_histograms(1, None, ALWAYS)) == rows


def test_a_large_batch_is_read_back_whole(storage: ClickHouseStorage) -> None:
    n = 20_000
    some = of_rows([EXPONENTIAL, CUSTOM, EMPTY, histogram(5, 5.0, [(i, 1.0) for i in range(20)])])
    rows = np.arange(n) % len(some)
    written = batch_of([])
    written = type(written)(
        np.ones(n, np.uint64),
        np.arange(n, dtype=np.uint64) // 100,
        np.arange(n, dtype=np.int64) % 100 * 15_000,
        some.take(rows),
    )
    storage.write_histograms(written.take(np.random.default_rng(1).permutation(n)), "one")

    found = storage.read_histograms(1, np.arange(n, dtype=np.uint64), ALWAYS)

    assert found.series_ids.tolist() == written.series_ids.tolist()
    assert to_rows(found.histograms) == to_rows(written.histograms)


@settings(max_examples=50)
@given(st.lists(any_histogram(), max_size=5), st.data())
def test_taking_and_joining_keep_every_histogram(rows: list[Row], data: st.DataObject) -> None:
    picked = data.draw(st.lists(st.integers(0, max(0, len(rows) - 1)), max_size=6 if rows else 0))
    whole = of_rows(rows)
    places = np.array(picked, np.int64)

    assert to_rows(whole.take(places)) == [rows[i] for i in picked]
    assert to_rows(concat([whole, whole.take(places)])) == rows + [rows[i] for i in picked]
    assert to_rows(concat([])) == []
