"""The series table: what kernels say of labels is what plain Python says of them."""

import numpy as np
import pytest
import xxhash
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.decoded import Decoded
from ingest.labels import kernels as label_kernels
from ingest.limits import Limits
from ingest.protocols.remote_write import decode_v1
from ingest.series.table import Resolved, SeriesTable
from ingest.wire.encoding import encode_labels, encode_v1
from storage.errors import DecodeError
from storage.model import DAY_MS, Labels, SeriesRow, canonical

NOW_MS = 1_700_000_000_000
DAY = NOW_MS // DAY_MS
TEXTS = st.text(st.sampled_from('abAB01_"\\\n\x7fé€\U0001f600 '), max_size=12)
NAMES = st.sampled_from(["__name__", "job", "instance", "source", "zone", "a", "é", 'q"', ""])
LABEL_SETS = st.lists(st.tuples(NAMES, TEXTS), max_size=6)


def request(
    *series: list[tuple[str, str]], time_ms: int = NOW_MS, table: SeriesTable | None = None
) -> Decoded:
    """A remote write 1.0 request with one sample a series, whose value is its place."""
    raw = [encode_labels(labels) for labels in series]
    places = np.arange(len(raw))
    body = encode_v1(raw, places, np.full(len(raw), time_ms), places.astype(np.float64))
    return decode_v1(body) if table is None else decode_v1(body, familiar=table.familiar)


def named(name: str, **labels: str) -> list[tuple[str, str]]:
    return sorted([("__name__", name), *labels.items()])


def ids(found: Resolved) -> list[tuple[int, int]]:
    return list(zip(found.metric_ids.tolist(), found.series_ids.tolist(), strict=True))


def expected(labels: Labels) -> tuple[int, int]:
    row = SeriesRow.of(labels, DAY)
    return row.metric_id, row.series_id


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_the_hash_is_xxh64(data: bytes) -> None:
    buf = np.frombuffer(data, np.uint8)
    assert int(label_kernels.xxh64(buf, 0, len(data))) == xxhash.xxh64_intdigest(data)


@settings(max_examples=400, deadline=None)
@given(st.lists(LABEL_SETS, max_size=6))
def test_series_are_what_the_model_says_or_are_refused_with_a_reason(
    sets: list[list[tuple[str, str]]],
) -> None:
    table, limits = SeriesTable(Limits()), Limits()
    decoded = request(*sets)
    for _ in range(2):
        found = table.resolve(decoded, NOW_MS)
        refused = 0
        for i, pairs in enumerate(sets):
            try:
                labels = limits.checked(pairs)
            except DecodeError:
                refused += 1
                assert not found.keep[i]
                continue
            assert found.keep[i]
            assert ids(found)[i] == expected(labels)
        assert sum(one.count for one in found.refused.values()) == refused
        decoded = request(*sets, table=table)


@settings(max_examples=200, deadline=None)
@given(st.lists(LABEL_SETS, max_size=6))
def test_rows_of_new_series_hold_the_labels_as_the_model_writes_them(
    sets: list[list[tuple[str, str]]],
) -> None:
    valid = {}
    for pairs in sets:
        try:
            labels = Limits().checked(pairs)
        except DecodeError:
            continue
        valid[encode_labels(pairs)] = SeriesRow.of(labels, DAY)
    found = SeriesTable(Limits()).resolve(request(*sets), NOW_MS)
    assert sorted(found.new_rows, key=repr) == sorted(valid.values(), key=repr)


def test_a_series_is_recorded_once_a_day() -> None:
    table = SeriesTable(Limits())
    rows = [
        len(
            table.resolve(request(named("up"), named("down"), time_ms=NOW_MS + day * DAY_MS), NOW_MS).new_rows
        )
        for day in (0, 0, -1, -1, 0)
    ]
    assert rows == [2, 0, 2, 0, 0]


def test_days_that_were_forgotten_are_recorded_again() -> None:
    table = SeriesTable(Limits())
    table.resolve(request(named("up")), NOW_MS)
    table.forget_days()
    assert [row.name for row in table.resolve(request(named("up")), NOW_MS).new_rows] == ["up"]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(st.integers(0, 9), max_size=12), max_size=8))
def test_series_are_recognised_in_any_order(orders: list[list[int]]) -> None:
    table = SeriesTable(Limits())
    every = [named(f"metric_{i % 3}", pod="p" * i, job="é" if i == 4 else "j") for i in range(10)]
    for order in orders:
        found = table.resolve(request(*(every[i] for i in order), table=table), NOW_MS)
        assert ids(found) == [expected(canonical(every[i])) for i in order]
        again = request(*(every[i] for i in order), table=table)
        assert again.numbers is not None
        assert (again.numbers >= 0).all()
    assert len(table) == len({i for order in orders for i in order})


def test_a_series_that_only_begins_like_the_expected_one_is_another() -> None:
    table = SeriesTable(Limits())
    one, two, longer = named("a"), named("b", x="1"), named("b", x="1", y="2")
    table.resolve(request(one, two, table=table), NOW_MS)
    found = table.resolve(request(one, longer, table=table), NOW_MS)
    assert ids(found)[1] == expected(canonical(longer))
    assert [row.labels for row in found.new_rows] == [canonical(longer)]


def test_a_table_grows_without_losing_a_series() -> None:
    table = SeriesTable(Limits())
    sets = [named(f"metric_{i % 7}", pod=f"pod-{i}") for i in range(20_000)]
    first = table.resolve(request(*sets, table=table), NOW_MS)
    assert len(first.new_rows) == len(table) == len(sets)
    again = table.resolve(request(*reversed(sets), table=table), NOW_MS)
    assert not again.new_rows
    assert ids(again) == ids(first)[::-1]


def test_series_beyond_the_limit_are_refused_and_known_ones_still_taken() -> None:
    table = SeriesTable(Limits(max_series=2))
    found = table.resolve(request(named("a"), named("b"), named("c"), named("a")), NOW_MS)
    assert found.keep.tolist() == [True, True, False, True]
    assert found.refused["series_limit"].count == 1
    assert "ingest.max_series" in found.refused["series_limit"].example


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        ([("job", "x")], "has no metric name"),
        ([("__name__", "a"), ("b", "1"), ("b", "2")], "'b' stands twice"),
        ([("__name__", "a"), ("", "1")], "has no name"),
        ([("__name__", "a"), ("b" * 2000, "1")], "ingest.max_label_name_bytes"),
        ([("__name__", "a"), ("b", "1" * 20_000)], "ingest.max_label_value_bytes"),
        ([("__name__", "a"), *((f"l{i:02d}", "1") for i in range(60))], "ingest.max_labels"),
    ],
)
def test_a_refusal_names_the_rule_and_the_neighbours_stay(labels: list[tuple[str, str]], reason: str) -> None:
    table = SeriesTable(Limits())
    for _ in range(2):
        found = table.resolve(request(named("x"), labels, named("y"), table=table), NOW_MS)
        assert found.keep.tolist() == [True, False, True]
        assert reason in found.refused["invalid_labels"].example


def test_invented_bad_label_sets_do_not_fill_memory() -> None:
    table = SeriesTable(Limits(max_refused_series=10))
    for i in range(50):
        found = table.resolve(request([("job", str(i))]), NOW_MS)
        assert found.refused["invalid_labels"].count == 1


def test_samples_outside_of_the_window_are_refused_alone() -> None:
    limits = Limits()
    table = SeriesTable(limits)
    oldest, newest = limits.time_bounds(NOW_MS)
    for time_ms, reason in ((oldest - 1, "too_old"), (newest + 1, "too_far_in_future")):
        found = table.resolve(request(named("a"), time_ms=time_ms), NOW_MS)
        assert not found.keep.any()
        assert found.refused[reason].count == 1
    for time_ms in (oldest, newest):
        assert table.resolve(request(named("a"), time_ms=time_ms), NOW_MS).keep.all()
