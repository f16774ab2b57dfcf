"""The kernels of native histograms against plain Python, and what no Prometheus file asks."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from query.native.kernels import pooled, upper_bound
from query.native.measures import kernels as measures
from query.native.merge.apply import Plan, average, divided, merge, scaled
from query.native.notation import parse_histogram
from query.native.text import bounded, texts
from query.native.trim.apply import trimmed
from query.render.histograms import histogram_objects, number_texts
from storage.errors import ExecutionError, InputError
from storage.histograms import CUSTOM_SCHEMA, concat
from tests.query import native_twin as twin
from tests.storage.histograms import Row, histogram, of_rows, to_rows

_COUNTS = st.integers(1, 1 << 30).map(float)


def _buckets(low: int, high: int) -> st.SearchStrategy[tuple[tuple[int, float], ...]]:
    return st.dictionaries(st.integers(low, high), _COUNTS, max_size=6).map(
        lambda held: tuple((index, held[index]) for index in sorted(held))
    )


@st.composite
def exponential(draw: st.DrawFn) -> Row:
    """An exponential histogram whose count is that of its buckets."""
    schema = draw(st.integers(-2, 8))
    zero = draw(st.sampled_from([(0.0, 0.0), (0.001, 3.0), (0.5, 0.0), (0.25, 7.0)]))
    positive, negative = draw(_buckets(-20, 40)), draw(_buckets(-20, 40))
    # Nothing is counted both in a bucket and in the zero bucket.
    positive, negative = (
        tuple((index, count) for index, count in side if twin.upper(index - 1, schema) >= zero[0])
        for side in (positive, negative)
    )
    count = zero[1] + sum(number for _, number in (*positive, *negative))
    return histogram(count, draw(st.floats(-1e6, 1e6)), positive, negative, schema=schema, zero=zero)


@st.composite
def custom(draw: st.DrawFn) -> Row:
    """One with some of a few custom bounds."""
    bounds = sorted(draw(st.sets(st.sampled_from([0.1, 0.5, 1.0, 2.5, 10.0]), min_size=1)))
    positive = draw(_buckets(0, len(bounds)))
    return histogram(sum(count for _, count in positive), 1.0, positive, bounds=bounds)


@given(
    st.one_of(st.lists(exponential(), min_size=1, max_size=4), st.lists(custom(), min_size=1, max_size=4)),
    st.data(),
)
def test_a_sum_is_what_plain_addition_comes_to(rows: list[Row], data: st.DataObject) -> None:
    weights = data.draw(st.lists(st.sampled_from([1.0, -1.0, 0.5]), min_size=len(rows), max_size=len(rows)))
    plan = Plan(np.array([0, len(rows)]), np.arange(len(rows)), np.array(weights))

    (found,) = to_rows(merge(of_rows(rows), plan).histograms)
    expected = twin.added(rows, weights)

    assert expected is not None
    assert (found[0], found[1], found[8]) == (expected.schema, expected.threshold, expected.bounds)
    assert found[2] == pytest.approx(expected.zero_count) and found[3] == pytest.approx(expected.count)
    _same_buckets(found, found[6], expected.positive)
    _same_buckets(found, found[7], expected.negative)


def _same_buckets(row: Row, found: tuple[tuple[int, float], ...], expected: dict[float, float]) -> None:
    edges = (*row[8], math.inf)
    held = {edges[index] if row[0] == CUSTOM_SCHEMA else index: count for index, count in found}
    assert held == pytest.approx({place: count for place, count in expected.items() if count})


@given(exponential(), custom())
def test_exponential_and_custom_buckets_do_not_add(one: Row, other: Row) -> None:
    plan = Plan(np.array([0, 2, 3]), np.array([0, 1, 1]), np.ones(3))

    merged = merge(of_rows([one, other]), plan)

    assert merged.is_mixed.tolist() == [True, False]
    assert twin.added([one, other], [1.0, 1.0]) is None


@given(st.one_of(exponential(), custom()))
def test_buckets_come_in_ascending_order_with_their_bounds(row: Row) -> None:
    found = bounded(of_rows([row]), np.zeros(1, np.int64))

    columns = (found.lowers.tolist(), found.uppers.tolist(), found.counts.tolist())
    assert list(zip(*columns, strict=True)) == twin.buckets(row)


@given(exponential())
def test_the_variance_is_that_of_the_buckets_middles(row: Row) -> None:
    pool = of_rows([row])
    out = np.empty(1)

    measures.variances(pooled(pool), np.zeros(1, np.int64), out)

    if row[3] == 0:
        assert math.isnan(out[0])
    else:
        assert out[0] == pytest.approx(twin.variance(row, float(pool.sums[0])), rel=1e-9)


@given(st.one_of(exponential(), custom()), st.floats(0.01, 0.99))
def test_the_fraction_below_a_quantile_is_its_rank(row: Row, phi: float) -> None:
    pool, at = of_rows([row]), np.zeros(1, np.int64)
    value, share = np.empty(1), np.empty(1)
    measures.quantiles(pooled(pool), at, np.array([phi]), value, np.empty(1, np.int32))
    if row[3] == 0 or not np.isfinite(value[0]):
        return

    measures.fractions(pooled(pool), at, np.array([-np.inf]), value, share, np.empty(1, np.bool_))

    is_outer = row[0] == CUSTOM_SCHEMA and (value[0] == row[8][-1] or value[0] <= row[8][0])
    gaps = any(low == value[0] or high == value[0] for low, high, _ in twin.buckets(row))
    if not is_outer and not gaps:
        assert share[0] == pytest.approx(phi, abs=1e-6)


@given(st.one_of(exponential(), custom()), st.floats(-50, 50))
def test_what_is_trimmed_on_either_side_was_there(row: Row, at: float) -> None:
    pool = of_rows([row])
    low, high = (trimmed(pool, np.array([at]), keeps_lower=side) for side in (True, False))

    for side in (6, 7):
        held = dict(row[side])
        for part in to_rows(low) + to_rows(high):
            assert all(0 <= count <= held[index] for index, count in part[side])
    if row[0] != CUSTOM_SCHEMA:
        assert low.counts[0] + high.counts[0] == pytest.approx(row[3])


def test_a_negative_factor_makes_a_gauge_and_zero_leaves_no_bucket() -> None:
    pool = of_rows([histogram(3.0, 1.0, [(1, 3.0)])] * 2)

    assert scaled(pool, np.array([2.0, -1.0])).hints.tolist() == [0, 3]
    assert np.diff(divided(pool, np.array([0.0, 2.0])).positive.offsets).tolist() == [0, 1]


def test_the_mean_of_numbers_that_overflow_when_added_is_found() -> None:
    pool = of_rows([histogram(1.5e308, 1.0), histogram(1.5e308, 3.0)])

    found = average(pool, Plan(np.array([0, 2]), np.arange(2), np.ones(2))).histograms

    assert (found.counts[0], found.sums[0]) == (1.5e308, 2.0)


def test_buckets_too_far_apart_to_hold_are_refused() -> None:
    pool = of_rows([histogram(2.0, 1.0, [(-(2**30), 1.0), (2**30, 1.0)])])

    with pytest.raises(ExecutionError, match="too far apart"):
        merge(pool, Plan(np.array([0, 1]), np.zeros(1, np.int64), np.ones(1)))


def test_bounds_are_powers_of_two_where_those_are_exact() -> None:
    assert [upper_bound(index, 0) for index in (-1, 0, 1, 1024)] == [0.5, 1, 2, np.finfo(np.float64).max]
    assert [upper_bound(256 * i, 8) for i in (-2, 0, 3)] == [0.25, 1, 8]
    assert upper_bound(1, -2) == 16


def test_a_histogram_is_written_as_prometheus_writes_it() -> None:
    pool = concat(
        [
            parse_histogram("schema:0 count:4 sum:5 z_bucket:1 z_bucket_w:0.5 buckets:[0 2] n_buckets:[1]"),
            parse_histogram("schema:-53 count:3 sum:1e-7 custom_values:[5] buckets:[1 2]"),
            parse_histogram(""),
        ]
    )
    rows = np.arange(3)

    assert histogram_objects(pool, rows) == [
        b'{"count":"4","sum":"5","buckets":[[1,"-1","-0.5","1"],[3,"-0.5","0.5","1"],[0,"1","2","2"]]}',
        b'{"count":"3","sum":"1e-07","buckets":[[3,"-Inf","5","1"],[0,"5","+Inf","2"]]}',
        b'{"count":"0","sum":"0"}',
    ]
    assert texts(pool, rows)[1] == "{count:3, sum:1e-07, [-Inf,5]:1, (5,+Inf]:2}"
    assert number_texts(np.array([1e21, 123456.0, -0.0])) == ["1e+21", "123456", "-0"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("count:x", "'x' is not a number"),
        ("counts:1", "no field 'counts'"),
        ("buckets:3", "expected a list"),
        ("counter_reset_hint:maybe", "expected one of unknown, reset"),
        ("count:1 !", "is not a field"),
    ],
)
def test_a_histogram_that_is_none_is_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_histogram(text)
