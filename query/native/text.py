"""Native histograms as bounds and counts, and as the text that labels and logs show."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from query.annotations import format_float
from query.native.kernels import pooled, spread_all
from storage.histograms import CUSTOM_SCHEMA, Histograms
from storage.model import BoolArray, Float64Array, Int64Array


@dataclass(frozen=True, slots=True, eq=False)
class Bounded:
    """The populated buckets of some histograms, ascending; histogram i owns [offsets[i], offsets[i+1]).

    lowers, uppers, counts: float64. lower_inclusive, upper_inclusive: bool, whether a bound itself belongs.
    """

    offsets: Int64Array
    lowers: Float64Array
    uppers: Float64Array
    counts: Float64Array
    lower_inclusive: BoolArray
    upper_inclusive: BoolArray


def bounded(pool: Histograms, rows: Int64Array) -> Bounded:
    """The buckets of the histograms at `rows`."""
    rooms = np.diff(pool.positive.offsets)[rows] + np.diff(pool.negative.offsets)[rows] + 1
    begins = np.concatenate([np.zeros(1, np.int64), np.cumsum(rooms)])
    buckets, used = np.empty((3, begins[-1])), np.empty(len(rows), np.int64)
    spread_all(pooled(pool), rows, begins, buckets, used)
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(used)])
    at = np.arange(offsets[-1]) + np.repeat(begins[:-1] - offsets[:-1], used)
    lowers, uppers, counts = buckets[:, at]
    custom = np.repeat(pool.schemas[rows] == CUSTOM_SCHEMA, used)
    return Bounded(
        offsets,
        lowers,
        uppers,
        counts,
        np.where(custom, np.isneginf(lowers), lowers < 0),
        custom | (uppers > 0),
    )


def texts(pool: Histograms, rows: Int64Array) -> list[str]:
    """`{count:4, sum:5, (0.5,1]:1, …}` for each row, as Prometheus writes them (FloatHistogram.String)."""
    buckets = bounded(pool, rows)
    parts = [
        f"{'[' if low else '('}{format_float(lower)},{format_float(upper)}{']' if high else ')'}:"
        f"{format_float(count)}"
        for lower, upper, count, low, high in zip(
            buckets.lowers.tolist(),
            buckets.uppers.tolist(),
            buckets.counts.tolist(),
            buckets.lower_inclusive.tolist(),
            buckets.upper_inclusive.tolist(),
            strict=True,
        )
    ]
    heads = [
        f"count:{format_float(count)}, sum:{format_float(total)}"
        for count, total in zip(pool.counts[rows].tolist(), pool.sums[rows].tolist(), strict=True)
    ]
    bounds = buckets.offsets.tolist()
    return [
        "{" + ", ".join([head, *parts[begin:end]]) + "}"
        for head, begin, end in zip(heads, bounds[:-1], bounds[1:], strict=True)
    ]
