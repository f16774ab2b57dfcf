"""The functions that read numbers off native histograms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np

from query.block import Block
from query.native.kernels import pooled
from query.native.measures import kernels
from query.native.remarks import NAN_EXCLUDED, NAN_RESULT, NAN_SKEWED, Remarks
from storage.histograms import Histograms
from storage.model import Float64Array, Int64Array

Measure = Callable[[Histograms, Int64Array], Float64Array]


def measured(name: str, block: Block) -> Block:
    """`histogram_count` and its like, of every histogram of a block; floats are left out.

    The labels are the block's own.
    """
    return _each(block, _MEASURES[name])


def quantile(phi: Float64Array, block: Block, remarks: Remarks) -> Block:
    """The quantile of every histogram; phi: float64 (steps,)."""
    steps = np.nonzero(block.is_histogram)[1]
    found, notes = np.empty(len(steps)), np.zeros(len(steps), np.int32)

    def measure(pool: Histograms, rows: Int64Array) -> Float64Array:
        kernels.quantiles(pooled(pool), rows, phi[steps], found, notes)
        return found

    answer, series = _each(block, measure), np.nonzero(block.is_histogram)[0]
    remarks.info(NAN_RESULT, block.labels, series[notes == kernels.NAN_RESULT])
    remarks.info(NAN_SKEWED, block.labels, series[notes == kernels.NAN_SKEWED])
    return answer


def fraction(lower: Float64Array, upper: Float64Array, block: Block, remarks: Remarks) -> Block:
    """The share of every histogram between two values, both float64 (steps,)."""
    series, steps = np.nonzero(block.is_histogram)
    found, has_nan = np.empty(len(steps)), np.zeros(len(steps), np.bool_)

    def measure(pool: Histograms, rows: Int64Array) -> Float64Array:
        kernels.fractions(pooled(pool), rows, lower[steps], upper[steps], found, has_nan)
        return found

    answer = _each(block, measure)
    remarks.info(NAN_EXCLUDED, block.labels, series[has_nan])
    return answer


def _each(block: Block, measure: Measure) -> Block:
    where = block.is_histogram
    values = np.zeros(where.shape)
    if block.cells is not None and where.any():
        values[where] = measure(block.cells.pool, block.cells.at[where].astype(np.int64))
    return replace(block, values=values, present=where, cells=None)


def _mean(pool: Histograms, rows: Int64Array) -> Float64Array:
    with np.errstate(all="ignore"):
        return pool.sums[rows] / pool.counts[rows]


def _variance(pool: Histograms, rows: Int64Array) -> Float64Array:
    out = np.empty(len(rows))
    kernels.variances(pooled(pool), rows, out)
    return out


def _deviation(pool: Histograms, rows: Int64Array) -> Float64Array:
    with np.errstate(invalid="ignore"):
        return np.sqrt(_variance(pool, rows))


_MEASURES: Final[dict[str, Measure]] = {
    "histogram_count": lambda pool, rows: pool.counts[rows],
    "histogram_sum": lambda pool, rows: pool.sums[rows],
    "histogram_avg": _mean,
    "histogram_stdvar": _variance,
    "histogram_stddev": _deviation,
}
