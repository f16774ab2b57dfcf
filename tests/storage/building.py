"""Small makers of samples and series for the tests of storage."""

from collections.abc import Sequence

import numpy as np

from storage.model import (
    DAY_MS,
    SampleBatch,
    SeriesRow,
    TimeRange,
    canonical,
)

ALWAYS = TimeRange(-10_000 * DAY_MS, 40_000 * DAY_MS)


def series_row(day: int = 0, **labels: str) -> SeriesRow:
    """A series named by `name` with the other labels, seen on `day`."""
    found = canonical({("__name__" if name == "name" else name): value for name, value in labels.items()})
    return SeriesRow.of(found, day)


def batch(rows: Sequence[tuple[int, int, float]], metric: int = 1) -> SampleBatch:
    """Samples given as (series_id, timestamp_ms, value)."""
    return of_bits([(series, at, float_bits(value)) for series, at, value in rows], metric)


def of_bits(rows: Sequence[tuple[int, int, int]], metric: int = 1) -> SampleBatch:
    """Samples given as (series_id, timestamp_ms, bits of the value)."""
    return SampleBatch(
        np.full(len(rows), metric, np.uint64),
        np.array([row[0] for row in rows], np.uint64),
        np.array([row[1] for row in rows], np.int64),
        np.array([row[2] for row in rows], np.uint64).view(np.float64),
    )


def as_rows(found: SampleBatch) -> list[tuple[int, int, int]]:
    """The inverse of `of_bits`."""
    bits = found.values.view(np.uint64)
    return list(zip(found.series_ids.tolist(), found.timestamps_ms.tolist(), bits.tolist(), strict=True))


def float_bits(value: float) -> int:
    """The bits of a float64."""
    return int(np.array([value]).view(np.uint64)[0])
