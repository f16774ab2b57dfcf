"""Samples go in and come out bit by bit, on every backend."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.clickhouse import ClickHouseStorage
from storage.kernels import is_sorted, keep_among, keep_one_a_timestamp
from storage.model import DAY_MS, STALE_NAN_BITS, SampleBatch, TimeRange
from tests.storage.building import ALWAYS, as_rows, batch, float_bits, of_bits, series_row

QUIET_NAN = 0x7FF8000000000000
ODD_NAN = 0xFFF8_0000_DEAD_BEEF
NEGATIVE_ZERO = 1 << 63
ONE = float_bits(1.0)
TWO = float_bits(2.0)
LEAST = float_bits(-np.inf)


def test_every_bit_of_a_value_survives(storage: ClickHouseStorage) -> None:
    bits = [STALE_NAN_BITS, QUIET_NAN, ODD_NAN, NEGATIVE_ZERO, 0, 1, ONE, LEAST, float_bits(np.inf)]
    rows = [(7, 1000 * i, value) for i, value in enumerate(bits)]

    storage.write_samples(of_bits(rows), "one")

    assert as_rows(storage.read_samples(1, None, ALWAYS)) == rows


def test_ids_use_all_64_bits(storage: ClickHouseStorage) -> None:
    largest = 2**64 - 1
    storage.write_samples(batch([(largest, 5, 1.0), (1 << 63, 5, 2.0)], metric=largest), "one")

    found = storage.read_samples(largest, np.array([1 << 63, largest], np.uint64), ALWAYS)

    assert found.series_ids.tolist() == [1 << 63, largest]
    assert found.metric_ids.tolist() == [largest, largest]


def test_samples_come_sorted_by_series_and_time(storage: ClickHouseStorage) -> None:
    storage.write_samples(batch([(2, 10, 1.0), (1, 30, 2.0), (2, 5, 3.0)]), "one")
    storage.write_samples(batch([(1, 20, 4.0)]), "two")

    found = storage.read_samples(1, None, ALWAYS)

    assert [row[:2] for row in as_rows(found)] == [(1, 20), (1, 30), (2, 5), (2, 10)]
    assert (found.series_ids.dtype, found.timestamps_ms.dtype) == (np.uint64, np.int64)


@pytest.mark.parametrize(
    "times",
    [[0], [-1, 0, 1], [-DAY_MS - 1, -DAY_MS, -1], [-400 * DAY_MS, 400 * DAY_MS], [DAY_MS - 1, DAY_MS]],
    ids=str,
)
def test_any_time_is_stored_and_found_at_its_bounds(storage: ClickHouseStorage, times: list[int]) -> None:
    storage.write_samples(batch([(1, at, 1.0) for at in times]), "one")

    assert storage.read_samples(1, None, TimeRange(times[0], times[-1])).timestamps_ms.tolist() == times
    assert (
        storage.read_samples(1, None, TimeRange(times[0] + 1, times[-1] - 1)).timestamps_ms.tolist()
        == (times[1:-1])
    )


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (None, [1, 2, 3]),
        ([], []),
        ([2], [2]),
        ([1, 3, 99], [1, 3]),
        (range(2, 5_000), [2, 3]),
        (range(4, 5_000), []),
    ],
    ids=["all", "none", "one", "some", "many", "many but absent"],
)
def test_only_the_series_asked_for_are_read(
    storage: ClickHouseStorage, wanted: list[int] | None, found: list[int]
) -> None:
    storage.write_samples(batch([(1, 0, 1.0), (2, 0, 1.0), (3, 0, 1.0)]), "one")
    storage.write_samples(batch([(1, 0, 5.0)], metric=2), "two")
    ids = None if wanted is None else np.array(wanted, np.uint64)

    assert storage.read_samples(1, ids, ALWAYS).series_ids.tolist() == found


DUPLICATES = [
    ("the larger value", ONE, TWO, TWO),
    ("a number over NaN", QUIET_NAN, LEAST, LEAST),
    ("a number over the marker", STALE_NAN_BITS, LEAST, LEAST),
    ("NaN over the marker", STALE_NAN_BITS, QUIET_NAN, QUIET_NAN),
    ("plus zero over minus zero", NEGATIVE_ZERO, 0, 0),
    ("one of two NaNs", QUIET_NAN, ODD_NAN, ODD_NAN),
    ("the marker over itself", STALE_NAN_BITS, STALE_NAN_BITS, STALE_NAN_BITS),
]


@pytest.mark.parametrize("swap", [False, True], ids=["as given", "swapped"])
@pytest.mark.parametrize(("rule", "one", "two", "winner"), DUPLICATES, ids=[row[0] for row in DUPLICATES])
def test_of_two_samples_at_one_time_one_wins(
    embedded_storage: ClickHouseStorage, rule: str, one: int, two: int, winner: int, swap: bool
) -> None:
    first, second = (two, one) if swap else (one, two)
    embedded_storage.write_samples(of_bits([(1, 0, ONE), (1, 5, first), (1, 9, ONE)]), "one")
    embedded_storage.write_samples(of_bits([(1, 5, second)]), "two")

    found = embedded_storage.read_samples(1, None, ALWAYS)

    assert as_rows(found) == [(1, 0, ONE), (1, 5, winner), (1, 9, ONE)], rule


def test_a_batch_written_again_is_harmless(storage: ClickHouseStorage) -> None:
    samples = batch([(1, 0, 1.0), (1, DAY_MS, 2.0), (2, 0, 3.0)])
    for _ in range(3):
        storage.write_samples(samples, "same")

    assert as_rows(storage.read_samples(1, None, ALWAYS)) == as_rows(samples)


def test_a_token_is_stored_once_where_the_engine_can_tell(embedded_storage: ClickHouseStorage) -> None:
    samples = batch([(1, 0, 1.0), (1, DAY_MS, 2.0)])
    for token in ("same", "same", "other", "same"):
        embedded_storage.write_samples(samples, token)

    assert stored_rows(embedded_storage) == 4


def test_a_token_of_one_tenant_does_not_meet_another(embedded_storage: ClickHouseStorage) -> None:
    embedded_storage.write_samples(batch([(1, 0, 1.0)]), "a token of the test before")

    assert stored_rows(embedded_storage) == 1


def stored_rows(storage: ClickHouseStorage) -> int:
    (counts,) = storage._session.select("SELECT count() FROM samples")
    return int(counts[0])


RIVALS = st.sampled_from([0, NEGATIVE_ZERO, ONE, TWO, LEAST, QUIET_NAN, ODD_NAN, STALE_NAN_BITS])
CROWDS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3), RIVALS), max_size=40)


@given(CROWDS)
def test_the_kernel_keeps_what_its_plain_twin_keeps(rows: list[tuple[int, int, int]]) -> None:
    samples = of_bits(sorted(rows, key=lambda row: row[:2]))
    keep = np.empty(len(samples), np.bool_)

    kept = keep_one_a_timestamp(samples.series_ids, samples.timestamps_ms, samples.values, keep)

    found = [row for row, stays in zip(as_rows(samples), keep, strict=True) if stays]
    assert found == twin(as_rows(samples))
    assert kept == len(found)


IDS = st.sampled_from([0, 1, 2, 7, 1 << 63, 2**64 - 1])


@given(st.lists(IDS).map(sorted), st.sets(IDS).map(sorted))
def test_the_kernel_finds_the_wanted_series_as_its_plain_twin(ids: list[int], wanted: list[int]) -> None:
    found = np.array(ids, np.uint64)
    keep = np.empty(len(ids), np.bool_)

    kept = keep_among(found, np.array(wanted, np.uint64), keep)

    np.testing.assert_array_equal(keep, np.isin(found, np.array(wanted, np.uint64)))
    assert kept == keep.sum()


@given(CROWDS)
def test_only_strictly_ascending_samples_count_as_sorted(rows: list[tuple[int, int, int]]) -> None:
    samples = of_bits(rows)
    keys = [row[:2] for row in rows]

    assert is_sorted(samples.series_ids, samples.timestamps_ms) == (keys == sorted(set(keys)))


def twin(rows: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """The rule in plain Python: rank by what a value is, then by itself, then by its bits."""
    best: dict[tuple[int, int], int] = {}
    for series, at, bits in rows:
        best[series, at] = max(best.get((series, at), bits), bits, key=rank)
    return [(series, at, bits) for (series, at), bits in sorted(best.items())]


def rank(bits: int) -> tuple[int, float, int]:
    value = float(np.array([bits], np.uint64).view(np.float64)[0])
    if bits == STALE_NAN_BITS:
        return (0, 0.0, 0)
    if np.isnan(value):
        return (1, 0.0, bits)
    return (2, value, -bits)


def test_a_batch_may_span_any_number_of_days(storage: ClickHouseStorage) -> None:
    storage.write_samples(batch([(1, day * DAY_MS, 1.0) for day in range(150)]), "one")
    storage.write_series([series_row(day, name="up") for day in range(150)])

    assert len(storage.read_samples(1, None, ALWAYS)) == 150
    assert storage.read_series(None, 0).last_days.tolist() == [149]


def test_a_large_batch_is_read_back_whole(storage: ClickHouseStorage) -> None:
    series, steps = 500, 200
    samples = SampleBatch(
        np.ones(series * steps, np.uint64),
        np.repeat(np.arange(series, dtype=np.uint64), steps),
        np.tile(np.arange(steps, dtype=np.int64) * 15_000 + 20_000 * DAY_MS, series),
        np.random.default_rng(1).standard_normal(series * steps),
    )
    shuffled = np.random.default_rng(2).permutation(len(samples))
    storage.write_samples(
        SampleBatch(
            samples.metric_ids,
            samples.series_ids[shuffled],
            samples.timestamps_ms[shuffled],
            samples.values[shuffled],
        ),
        "one",
    )

    found = storage.read_samples(1, np.arange(series, dtype=np.uint64), ALWAYS)

    np.testing.assert_array_equal(found.series_ids, samples.series_ids)
    np.testing.assert_array_equal(found.timestamps_ms, samples.timestamps_ms)
    np.testing.assert_array_equal(found.values, samples.values)


def test_many_metrics_are_read_as_each_alone(storage: ClickHouseStorage) -> None:
    for metric in (3, 1, 2**64 - 1):
        rows = [(2, 10, 1.0 * metric), (1, 30, 2.0), (2, 10, 9.0), (1, 5, 3.0), (4, 10**9, 1.0)]
        storage.write_samples(batch(rows, metric=metric), f"m{metric}")
    asked = [2**64 - 1, 2, 1, 3]

    for series in (None, np.array([1, 2], np.uint64), np.array([], np.uint64), np.array([7], np.uint64)):
        for within in (ALWAYS, TimeRange(10, 10), TimeRange(11, 12)):
            together = storage.read_many(asked, series, within)
            alone = [storage.read_samples(metric, series, within) for metric in asked]

            assert [as_rows(found) for found in together] == [as_rows(found) for found in alone]
            assert [found.metric_ids.tolist() for found in together] == [
                found.metric_ids.tolist() for found in alone
            ]
    assert storage.read_many([], None, ALWAYS) == []
