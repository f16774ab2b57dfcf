"""Makers of native histograms for tests, and a way to compare them bit by bit."""

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st

from storage.histograms import CUSTOM_SCHEMA, Buckets, HistogramBatch, Histograms
from storage.model import STALE_NAN_BITS
from tests.storage.building import float_bits

Row = tuple[
    int,
    float,
    float,
    float,
    int,
    int,
    tuple[tuple[int, float], ...],
    tuple[tuple[int, float], ...],
    tuple[float, ...],
]
"""schema, zero threshold, zero count, count, bits of the sum, hint, positive and negative buckets, bounds."""


def histogram(
    count: float = 0.0,
    total: float = 0.0,
    positive: Sequence[tuple[int, float]] = (),
    negative: Sequence[tuple[int, float]] = (),
    bounds: Sequence[float] = (),
    schema: int = 0,
    zero: tuple[float, float] = (0.0, 0.0),
    hint: int = 0,
) -> Row:
    """One histogram; buckets are (index, count), zero is (threshold, count)."""
    scheme = CUSTOM_SCHEMA if bounds else schema
    return (
        scheme,
        zero[0],
        zero[1],
        count,
        float_bits(total),
        hint,
        tuple(positive),
        tuple(negative),
        tuple(bounds),
    )


def stale_histogram() -> Row:
    """A stale marker."""
    return (0, 0.0, 0.0, 0.0, STALE_NAN_BITS, 0, (), (), ())


def of_rows(rows: Sequence[Row]) -> Histograms:
    """Rows as columns."""
    return Histograms(
        np.array([row[0] for row in rows], np.int8),
        np.array([row[1] for row in rows], np.float64),
        np.array([row[2] for row in rows], np.float64),
        np.array([row[3] for row in rows], np.float64),
        np.array([row[4] for row in rows], np.uint64).view(np.float64),
        np.array([row[5] for row in rows], np.uint8),
        _buckets([row[6] for row in rows]),
        _buckets([row[7] for row in rows]),
        _offsets([len(row[8]) for row in rows]),
        np.array([bound for row in rows for bound in row[8]], np.float64),
    )


def to_rows(found: Histograms) -> list[Row]:
    """The inverse of `of_rows`; fails where a column has another type."""
    assert [column.dtype for column in (found.schemas, found.hints)] == [np.int8, np.uint8]
    assert [c.dtype for c in (found.positive.indexes, found.negative.indexes)] == [np.int32] * 2
    assert found.positive.counts.dtype == found.bounds.dtype == found.sums.dtype == np.float64
    bounds = found.bound_offsets.tolist()
    columns = (found.schemas, found.zero_thresholds, found.zero_counts, found.counts)
    sums = np.ascontiguousarray(found.sums).view(np.uint64)
    return [
        (
            *(column[i].item() for column in columns),
            int(sums[i]),
            int(found.hints[i]),
            _pairs(found.positive, i),
            _pairs(found.negative, i),
            tuple(found.bounds[bounds[i] : bounds[i + 1]].tolist()),
        )
        for i in range(len(found))
    ]


def batch_of(rows: Sequence[tuple[int, int, Row]], metric: int = 1) -> HistogramBatch:
    """Samples given as (series_id, timestamp_ms, histogram)."""
    return HistogramBatch(
        np.full(len(rows), metric, np.uint64),
        np.array([row[0] for row in rows], np.uint64),
        np.array([row[1] for row in rows], np.int64),
        of_rows([row[2] for row in rows]),
    )


def rows_of(batch: HistogramBatch) -> list[tuple[int, int, Row]]:
    """The inverse of `batch_of`."""
    rows = to_rows(batch.histograms)
    return list(zip(batch.series_ids.tolist(), batch.timestamps_ms.tolist(), rows, strict=True))


def any_buckets() -> st.SearchStrategy[tuple[tuple[int, float], ...]]:
    """Buckets of ascending indexes with counts of at least one."""
    pairs = st.dictionaries(st.integers(-2_000, 2_000), st.integers(1, 1 << 40), max_size=6)
    return pairs.map(lambda found: tuple((index, float(found[index])) for index in sorted(found)))


def any_histogram() -> st.SearchStrategy[Row]:
    """Sound exponential histograms, of no special numbers."""
    return st.builds(
        histogram,
        count=st.floats(0, 1e15),
        total=st.floats(allow_nan=False),
        positive=any_buckets(),
        negative=any_buckets(),
        schema=st.integers(-4, 8),
        zero=st.tuples(st.floats(0, 1), st.integers(0, 1 << 40).map(float)),
        hint=st.integers(0, 3),
    )


def _buckets(rows: Sequence[Sequence[tuple[int, float]]]) -> Buckets:
    return Buckets(
        _offsets([len(row) for row in rows]),
        np.array([index for row in rows for index, _ in row], np.int32),
        np.array([count for row in rows for _, count in row], np.float64),
    )


def _pairs(found: Buckets, i: int) -> tuple[tuple[int, float], ...]:
    part = slice(int(found.offsets[i]), int(found.offsets[i + 1]))
    return tuple(zip(found.indexes[part].tolist(), found.counts[part].tolist(), strict=True))


def _offsets(sizes: Sequence[int]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.cumsum([0, *sizes], dtype=np.int64)
