"""The geometry of native histograms: bounds of buckets, other resolutions, wider zero buckets.

Source: Prometheus, model/histogram (generic.go, float_histogram.go).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numba
import numpy as np

from query.native.bounds import BOUNDS
from storage.histograms import CUSTOM_SCHEMA, Histograms, Int8Array, UInt8Array
from storage.model import Float64Array, Int32Array, Int64Array

_LARGEST = np.finfo(np.float64).max
_CUSTOM = CUSTOM_SCHEMA


class Pool(NamedTuple):
    """Histograms as the arrays that kernels take; what each holds is told at `storage.histograms`."""

    schemas: Int8Array
    zero_thresholds: Float64Array
    zero_counts: Float64Array
    counts: Float64Array
    sums: Float64Array
    hints: UInt8Array
    positive_offsets: Int64Array
    positive_indexes: Int32Array
    positive_counts: Float64Array
    negative_offsets: Int64Array
    negative_indexes: Int32Array
    negative_counts: Float64Array
    bound_offsets: Int64Array
    bounds: Float64Array


def pooled(histograms: Histograms) -> Pool:
    """The arrays of histograms, shared."""
    return Pool(
        histograms.schemas,
        histograms.zero_thresholds,
        histograms.zero_counts,
        histograms.counts,
        histograms.sums,
        histograms.hints,
        histograms.positive.offsets,
        histograms.positive.indexes,
        histograms.positive.counts,
        histograms.negative.offsets,
        histograms.negative.indexes,
        histograms.negative.counts,
        histograms.bound_offsets,
        histograms.bounds,
    )


@numba.njit(cache=True, nogil=True)
def upper_bound(index: int, schema: int) -> float:
    """The upper bound, as a magnitude, of bucket `index` of an exponential schema."""
    if schema < 0:
        exponent = index << -schema
        return _LARGEST if exponent == 1024 else math.ldexp(1.0, exponent)
    part = index & ((1 << schema) - 1)
    exponent = index >> schema
    if part == 0 and exponent == 1024:
        return _LARGEST
    return math.ldexp(BOUNDS[part << (8 - schema)], exponent)


@numba.njit(cache=True, nogil=True)
def reduced(index: int, levels: int) -> int:
    """The bucket that holds bucket `index` in a schema that is `levels` lower."""
    return ((index - 1) >> levels) + 1


@numba.njit(cache=True, nogil=True)
def is_custom(pool: Pool, row: int) -> bool:
    """Whether the histogram has custom bounds."""
    return bool(pool.schemas[row] == _CUSTOM)


@numba.njit(cache=True, nogil=True)
def _covered(
    begin: int,
    end: int,
    indexes: Int32Array,
    counts: Float64Array,
    schema: int,
    threshold: float,
) -> tuple[float, float]:
    """(what of one side lies within the threshold, the threshold that splits no populated bucket)."""
    found = 0.0
    for k in range(begin, end):
        if upper_bound(indexes[k] - 1, schema) >= threshold:
            break
        found += counts[k]
        upper = upper_bound(indexes[k], schema)
        if upper > threshold:
            return found, upper if counts[k] != 0 else threshold
    return found, threshold


@numba.njit(cache=True, nogil=True)
def zero_count_within(pool: Pool, row: int, threshold: float) -> tuple[float, float]:
    """The zero count for a zero bucket at least as wide as `threshold`, and how wide it became."""
    if threshold == pool.zero_thresholds[row]:
        return pool.zero_counts[row], threshold
    schema = pool.schemas[row]
    while True:
        positive, wider = _covered(
            pool.positive_offsets[row],
            pool.positive_offsets[row + 1],
            pool.positive_indexes,
            pool.positive_counts,
            schema,
            threshold,
        )
        negative, widest = _covered(
            pool.negative_offsets[row],
            pool.negative_offsets[row + 1],
            pool.negative_indexes,
            pool.negative_counts,
            schema,
            wider,
        )
        if widest == wider:
            return pool.zero_counts[row] + positive + negative, widest
        threshold = widest


@numba.njit(cache=True, nogil=True)
def bucket_room(pool: Pool, row: int) -> int:
    """The most buckets that `spread` finds."""
    positive = pool.positive_offsets[row + 1] - pool.positive_offsets[row]
    return int(positive + pool.negative_offsets[row + 1] - pool.negative_offsets[row] + 1)


@numba.njit(cache=True, nogil=True)
def spread(pool: Pool, row: int, lowers: Float64Array, uppers: Float64Array, counts: Float64Array) -> int:
    """Write the populated buckets in ascending order, the zero bucket among them; returns how many.

    The zero bucket spans both sides of 0. Outer custom buckets reach to the infinities.
    """
    schema, n = pool.schemas[row], 0
    if schema == _CUSTOM:
        first, last = pool.bound_offsets[row], pool.bound_offsets[row + 1]
        for k in range(pool.positive_offsets[row], pool.positive_offsets[row + 1]):
            index = pool.positive_indexes[k]
            lowers[n] = pool.bounds[first + index - 1] if index > 0 else -np.inf
            uppers[n] = pool.bounds[first + index] if first + index < last else np.inf
            counts[n] = pool.positive_counts[k]
            n += 1 if counts[n] != 0 else 0
        return n
    for k in range(pool.negative_offsets[row + 1] - 1, pool.negative_offsets[row] - 1, -1):
        lowers[n] = -upper_bound(pool.negative_indexes[k], schema)
        uppers[n] = -upper_bound(pool.negative_indexes[k] - 1, schema)
        counts[n] = pool.negative_counts[k]
        n += 1 if counts[n] != 0 else 0
    if pool.zero_counts[row] > 0:
        lowers[n], uppers[n] = -pool.zero_thresholds[row], pool.zero_thresholds[row]
        counts[n] = pool.zero_counts[row]
        n += 1
    for k in range(pool.positive_offsets[row], pool.positive_offsets[row + 1]):
        lowers[n] = upper_bound(pool.positive_indexes[k] - 1, schema)
        uppers[n] = upper_bound(pool.positive_indexes[k], schema)
        counts[n] = pool.positive_counts[k]
        n += 1 if counts[n] != 0 else 0
    return n


@numba.njit(cache=True, nogil=True)
def spread_all(
    pool: Pool, rows: Int64Array, begins: Int64Array, buckets: Float64Array, used: Int64Array
) -> None:
    """`spread` histogram rows[i] from column begins[i] of buckets, float64 (3, …): lowers, uppers, counts."""
    for i in range(len(rows)):
        part = buckets[:, begins[i] : begins[i + 1]]
        used[i] = spread(pool, rows[i], part[0], part[1], part[2])
