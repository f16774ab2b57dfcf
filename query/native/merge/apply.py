"""Weighted sums and scalings of native histograms, many at once."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from query.native.kernels import pooled
from query.native.merge import kernels
from storage.errors import ExecutionError
from storage.histograms import HINT_GAUGE, Buckets, Histograms, UInt8Array, concat
from storage.model import BoolArray, Float64Array, Int64Array


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What to add up: output o is the sum of rows[offsets[o]:offsets[o+1]], at least one, times weights.

    offsets: int64 (outputs + 1,); rows: int64, of a pool; weights: float64.
    """

    offsets: Int64Array
    rows: Int64Array
    weights: Float64Array

    @staticmethod
    def of(outputs: int, of_output: Int64Array, rows: npt.NDArray[np.integer], weights: Float64Array) -> Plan:
        """From one entry an addend, `of_output` saying where it goes; the order within an output is kept."""
        order = np.argsort(of_output, kind="stable")
        sizes = np.bincount(of_output, minlength=outputs)
        return Plan(_offsets(sizes), rows[order].astype(np.int64), weights[order])


@dataclass(frozen=True, slots=True, eq=False)
class Merged:
    """Sums, and what was met on the way. flags: uint8 (outputs,)."""

    histograms: Histograms
    flags: UInt8Array

    @property
    def is_mixed(self) -> BoolArray:
        """Where exponential and custom buckets met: there is no sum."""
        return self._has(kernels.MIXED)

    @property
    def has_added_bounds(self) -> BoolArray:
        """Where an addend had other custom bounds, and only the common ones are left."""
        return self._has(kernels.ADDED_BOUNDS)

    @property
    def has_subtracted_bounds(self) -> BoolArray:
        """The same for what was subtracted."""
        return self._has(kernels.SUBTRACTED_BOUNDS)

    @property
    def has_collision(self) -> BoolArray:
        """Where a counter that was reset met one that was not."""
        return self._has(kernels.COLLISION)

    def _has(self, flag: int) -> BoolArray:
        found: BoolArray = (self.flags & flag) != 0
        return found


def merge(pool: Histograms, plan: Plan) -> Merged:
    """Add histograms up. Raises `ExecutionError` where the buckets of a sum lie too far apart to hold."""
    n, columns = len(plan.offsets) - 1, pooled(pool)
    schemas, thresholds, flags = np.empty(n, np.int8), np.empty(n), np.empty(n, np.uint8)
    lows, widths, rooms = np.empty((n, 2), np.int64), np.empty((n, 2), np.int64), np.empty((n, 3), np.int64)
    kernels.layouts(columns, plan.offsets, plan.rows, schemas, thresholds, flags, lows, widths, rooms)
    if (flags & kernels.WIDE).any():
        raise ExecutionError("native histograms have buckets too far apart to be added")
    begins = np.zeros((n + 1, 3), np.int64)
    np.cumsum(rooms, axis=0, out=begins[1:])
    scalars, hints, used = np.empty((n, 3)), np.empty(n, np.uint8), np.empty((n, 3), np.int64)
    sides = [(np.empty(room, np.int32), np.empty(room)) for room in begins[-1, :2].tolist()]
    bounds = np.empty(begins[-1, 2])
    kernels.merge(
        columns,
        plan.offsets,
        plan.rows,
        plan.weights,
        schemas,
        thresholds,
        flags,
        lows,
        widths,
        begins,
        scalars,
        hints,
        *sides[0],
        *sides[1],
        bounds,
        used,
    )
    positive, negative = (_squeezed(begins[:, side], used[:, side], *sides[side]) for side in (0, 1))
    bound_offsets, at = _kept(begins[:, 2], used[:, 2])
    zeros, counts, sums = (np.ascontiguousarray(scalars[:, i]) for i in range(3))
    found = Histograms(
        schemas, thresholds, zeros, counts, sums, hints, positive, negative, bound_offsets, bounds[at]
    )
    return Merged(found, flags)


def average(pool: Histograms, plan: Plan) -> Merged:
    """The mean of each output's rows, whose weights must be 1."""
    sizes = np.diff(plan.offsets).astype(np.float64)
    summed = merge(pool, plan)
    means = replace(summed, histograms=divided(summed.histograms, sizes))
    overflown = _is_infinite(summed.histograms)
    if not overflown.any():
        return means
    shared = merge(pool, replace(plan, weights=plan.weights / np.repeat(sizes, np.diff(plan.offsets))))
    rows = np.arange(len(sizes)) + np.where(overflown, len(sizes), 0)
    return replace(means, histograms=concat([means.histograms, shared.histograms]).take(rows))


def scaled(pool: Histograms, factors: Float64Array) -> Histograms:
    """Histogram i times factors[i]. A negative factor makes a gauge."""
    return _scaled(pool, factors, np.multiply)


def divided(pool: Histograms, divisors: Float64Array) -> Histograms:
    """Histogram i by divisors[i]. By 0, no buckets are left. A negative divisor makes a gauge."""
    found = _scaled(pool, divisors, np.divide)
    nothing = divisors == 0
    if not nothing.any():
        return found
    return replace(
        found,
        positive=_without(found.positive, nothing),
        negative=_without(found.negative, nothing),
    )


def gauges(pool: Histograms) -> Histograms:
    """The same histograms, marked as gauges."""
    return replace(pool, hints=np.full(len(pool), HINT_GAUGE, np.uint8))


def _scaled(pool: Histograms, by: Float64Array, operation: np.ufunc) -> Histograms:
    with np.errstate(all="ignore"):
        return replace(
            pool,
            zero_counts=operation(pool.zero_counts, by),
            counts=operation(pool.counts, by),
            sums=operation(pool.sums, by),
            hints=np.where(by < 0, HINT_GAUGE, pool.hints).astype(np.uint8),
            positive=_scaled_buckets(pool.positive, by, operation),
            negative=_scaled_buckets(pool.negative, by, operation),
        )


def _scaled_buckets(buckets: Buckets, by: Float64Array, operation: np.ufunc) -> Buckets:
    return replace(buckets, counts=operation(buckets.counts, np.repeat(by, np.diff(buckets.offsets))))


def _without(buckets: Buckets, gone: BoolArray) -> Buckets:
    sizes = np.diff(buckets.offsets)
    kept = ~np.repeat(gone, sizes)
    return Buckets(_offsets(np.where(gone, 0, sizes)), buckets.indexes[kept], buckets.counts[kept])


def _is_infinite(pool: Histograms) -> BoolArray:
    found: BoolArray = np.isinf(pool.counts) | np.isinf(pool.sums) | np.isinf(pool.zero_counts)
    for side in (pool.positive, pool.negative):
        owners = np.repeat(np.arange(len(pool)), np.diff(side.offsets))
        found[owners[np.isinf(side.counts)]] = True
    return found


def _squeezed(begins: Int64Array, used: Int64Array, indexes: np.ndarray, counts: Float64Array) -> Buckets:
    offsets, at = _kept(begins, used)
    return Buckets(offsets, indexes[at], counts[at])


def _kept(begins: Int64Array, used: Int64Array) -> tuple[Int64Array, Int64Array]:
    """(offsets, places) of the parts of rooms that are used."""
    offsets = _offsets(used)
    at = np.arange(offsets[-1]) + np.repeat(begins[:-1] - offsets[:-1], used)
    return offsets, at


def _offsets(sizes: Int64Array) -> Int64Array:
    offsets = np.zeros(len(sizes) + 1, np.int64)
    np.cumsum(sizes, out=offsets[1:])
    return offsets
