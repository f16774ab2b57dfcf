"""Numba kernels over windows wider than their range, without the interpreter's lock.

Arrays are those of `query.rollup.kernels`. `low` and `high` span the lookback before the range, and for a
smoothed range the lookback after it too; `starts` and `ends`, int64 (steps,), are the range itself in ms.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from query.rollup.kernels import Int32Array
from storage.model import BoolArray, Float64Array, Int64Array


@njit(nogil=True, cache=True)
def change(
    first: int,
    last: int,
    low: Int32Array,
    high: Int32Array,
    timestamps: Int64Array,
    values: Float64Array,
    starts: Int64Array,
    ends: Int64Array,
    is_smoothed: bool,
    is_counter: bool,
    is_rate: bool,
    out: Float64Array,
    present: BoolArray,
) -> None:
    """rate, increase and delta between the two edges (Prometheus 3, promql/functions.go, extendedRate)."""
    for s in range(first, last):
        for t in range(low.shape[1]):
            present[s, t] = False
            out[s, t] = 0.0
            lo, hi = _edges(low[s, t], high[s, t], timestamps, starts[t], ends[t], is_smoothed)
            if hi < lo or timestamps[hi] <= starts[t] or timestamps[lo] > ends[t]:
                continue
            left, right = values[lo], values[hi]
            if is_smoothed and timestamps[lo] < starts[t] and lo < hi:
                left = _between(timestamps, values, lo, starts[t], is_counter)
            if is_smoothed and timestamps[hi] > ends[t] and hi > low[s, t]:
                right = _between(timestamps, values, hi - 1, ends[t], is_counter)
            result = right - left
            if is_counter:
                before = left
                for i in range(lo, hi + 1):
                    if starts[t] < timestamps[i] < ends[t]:
                        if values[i] < before:
                            result += before
                        before = values[i]
                if right < before:
                    result += before
            present[s, t] = True
            out[s, t] = result / ((ends[t] - starts[t]) / 1000.0) if is_rate else result


@njit(nogil=True, cache=True)
def changes(
    first: int,
    last: int,
    low: Int32Array,
    high: Int32Array,
    timestamps: Int64Array,
    values: Float64Array,
    starts: Int64Array,
    ends: Int64Array,
    only_resets: bool,
    out: Float64Array,
    present: BoolArray,
) -> None:
    """changes and resets of an anchored range: the sample at or before its start counts as its first."""
    for s in range(first, last):
        for t in range(low.shape[1]):
            lo, hi = _edges(low[s, t], high[s, t], timestamps, starts[t], ends[t], False)
            present[s, t] = hi >= lo and timestamps[hi] > starts[t]
            found = 0
            for i in range(lo + 1, hi + 1):
                if only_resets:
                    found += values[i] < values[i - 1]
                else:
                    same = values[i] == values[i - 1] or (np.isnan(values[i]) and np.isnan(values[i - 1]))
                    found += not same
            out[s, t] = found


@njit(nogil=True, cache=True)
def at_step(
    first: int,
    last: int,
    low: Int32Array,
    high: Int32Array,
    timestamps: Int64Array,
    values: Float64Array,
    moments: Int64Array,
    out: Float64Array,
    present: BoolArray,
) -> None:
    """A smoothed instant selector: on the line between the samples around a moment, int64 (steps,), in ms.

    Where no later sample is in the window the earlier one holds; without an earlier one there is no value.
    """
    for s in range(first, last):
        for t in range(low.shape[1]):
            at = low[s, t]
            while at < high[s, t] and timestamps[at] <= moments[t]:
                at += 1
            present[s, t] = at > low[s, t]
            out[s, t] = 0.0
            if not present[s, t]:
                continue
            out[s, t] = values[at - 1]
            if at < high[s, t] and timestamps[at - 1] < moments[t]:
                out[s, t] = _between(timestamps, values, at - 1, moments[t], False)


@njit(nogil=True, cache=True)
def edges(
    low: Int32Array,
    high: Int32Array,
    timestamps: Int64Array,
    starts: Int64Array,
    ends: Int64Array,
    is_smoothed: bool,
    lo: Int64Array,
    hi: Int64Array,
    present: BoolArray,
) -> None:
    """The first and last sample that count for each window, and whether there are any in its range."""
    for s in range(low.shape[0]):
        for t in range(low.shape[1]):
            lo[s, t], hi[s, t] = _edges(low[s, t], high[s, t], timestamps, starts[t], ends[t], is_smoothed)
            present[s, t] = hi[s, t] >= lo[s, t]
            if present[s, t]:
                is_after = timestamps[hi[s, t]] > starts[t]
                present[s, t] = is_after and timestamps[lo[s, t]] <= ends[t]


@njit(nogil=True, cache=True)
def _edges(
    low: int, high: int, timestamps: Int64Array, start: int, end: int, is_smoothed: bool
) -> tuple[int, int]:
    """The sample at or before the start, else the first; and the last, at or after the end if smoothed."""
    lo, hi = low, high - 1
    while lo + 1 <= hi and timestamps[lo + 1] <= start:
        lo += 1
    if is_smoothed:
        while hi - 1 >= low and timestamps[hi - 1] >= end:
            hi -= 1
    return lo, hi


@njit(nogil=True, cache=True)
def _between(timestamps: Int64Array, values: Float64Array, at: int, moment: int, is_counter: bool) -> float:
    """The value at a moment on the line from sample `at` to the next; a counter that was reset began at 0."""
    before, after = values[at], values[at + 1]
    if is_counter and after < before:
        before = 0.0
    share = (moment - timestamps[at]) / (timestamps[at + 1] - timestamps[at])
    return float(before + (after - before) * share)
