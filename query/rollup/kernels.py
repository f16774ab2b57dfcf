"""Numba kernels over windows of samples, without the interpreter's lock.

All of them work on series [first, last) of flat columns: series s owns samples offsets[s] to offsets[s+1].
`low` and `high`, int32 (series, steps), are the window of a step as sample indices, high exclusive; they are
computed once and shared by all functions. `out`, float64, and `present`, bool, are (series, steps).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

from storage.model import BoolArray, Float64Array, Int64Array

Int32Array = npt.NDArray[np.int32]
_STALE = np.uint64(0x7FF0000000000002)


@njit(nogil=True, cache=True)
def windows(
    first: int,
    last: int,
    offsets: Int64Array,
    timestamps: Int64Array,
    ends_ms: Int64Array,
    window_ms: int,
    low: Int32Array,
    high: Int32Array,
) -> None:
    """Find the samples in (end - window, end] of every step; `ends_ms`, int64 (steps,), is ascending."""
    for s in range(first, last):
        lo = offsets[s]
        hi = lo
        stop = offsets[s + 1]
        for t in range(len(ends_ms)):
            end = ends_ms[t]
            begin = end - window_ms
            while hi < stop and timestamps[hi] <= end:
                hi += 1
            while lo < hi and timestamps[lo] <= begin:
                lo += 1
            low[s, t] = lo
            high[s, t] = hi


@njit(nogil=True, cache=True)
def latest(
    first: int,
    last: int,
    low: Int32Array,
    high: Int32Array,
    values: Float64Array,
    out: Float64Array,
    present: BoolArray,
) -> None:
    """The newest sample of the window, absent where that is the staleness marker."""
    bits = values.view(np.uint64)
    for s in range(first, last):
        for t in range(low.shape[1]):
            at = high[s, t] - 1
            if at >= low[s, t] and bits[at] != _STALE:
                present[s, t] = True
                out[s, t] = values[at]
            else:
                present[s, t] = False
                out[s, t] = 0.0


@njit(nogil=True, cache=True)
def latest_time(
    first: int,
    last: int,
    low: Int32Array,
    high: Int32Array,
    timestamps: Int64Array,
    values: Float64Array,
    out: Float64Array,
    present: BoolArray,
) -> None:
    """The time in seconds of the newest sample of the window."""
    bits = values.view(np.uint64)
    for s in range(first, last):
        for t in range(low.shape[1]):
            at = high[s, t] - 1
            present[s, t] = at >= low[s, t] and bits[at] != _STALE
            out[s, t] = timestamps[at] / 1000.0 if present[s, t] else 0.0


@njit(nogil=True, cache=True)
def extrapolated(
    first: int,
    last: int,
    low: Int32Array,
    high: Int32Array,
    timestamps: Int64Array,
    values: Float64Array,
    resets: Int32Array,
    ends_ms: Int64Array,
    window_ms: int,
    is_counter: bool,
    is_rate: bool,
    out: Float64Array,
    present: BoolArray,
) -> None:
    """rate, increase and delta (Prometheus 3, promql/functions.go, extrapolatedRate).

    resets: int32, per sample, how many counter resets happened up to it; windows without one take no loop.
    """
    for s in range(first, last):
        for t in range(low.shape[1]):
            lo = low[s, t]
            hi = high[s, t] - 1
            present[s, t] = hi > lo
            out[s, t] = 0.0
            if hi <= lo:
                continue
            result = values[hi] - values[lo]
            if is_counter and resets[hi] != resets[lo]:
                for i in range(lo + 1, hi + 1):
                    if values[i] < values[i - 1]:
                        result += values[i - 1]
            sampled = (timestamps[hi] - timestamps[lo]) / 1000.0
            average = sampled / (hi - lo)
            threshold = average * 1.1
            to_start = (timestamps[lo] - (ends_ms[t] - window_ms)) / 1000.0
            to_end = (ends_ms[t] - timestamps[hi]) / 1000.0
            if to_start >= threshold:
                to_start = average / 2
            if is_counter and result > 0 and values[lo] >= 0:
                to_zero = sampled * (values[lo] / result)
                if to_zero < to_start:
                    to_start = to_zero
            if to_end >= threshold:
                to_end = average / 2
            factor = (sampled + to_start + to_end) / sampled
            if is_rate:
                factor /= window_ms / 1000.0
            out[s, t] = result * factor


@njit(nogil=True, cache=True)
def count_resets(
    first: int, last: int, offsets: Int64Array, values: Float64Array, resets: Int32Array
) -> None:
    """Fill `resets` for `extrapolated`."""
    for s in range(first, last):
        seen = 0
        for i in range(offsets[s], offsets[s + 1]):
            if i > offsets[s] and values[i] < values[i - 1]:
                seen += 1
            resets[i] = seen


@njit(nogil=True, cache=True)
def instant_change(
    first: int,
    last: int,
    low: Int32Array,
    high: Int32Array,
    timestamps: Int64Array,
    values: Float64Array,
    is_rate: bool,
    out: Float64Array,
    present: BoolArray,
) -> None:
    """irate (`is_rate`) and idelta: from the last two samples of the window."""
    for s in range(first, last):
        for t in range(low.shape[1]):
            hi = high[s, t] - 1
            present[s, t] = hi > low[s, t]
            out[s, t] = 0.0
            if not present[s, t]:
                continue
            change = values[hi] - values[hi - 1]
            if is_rate and values[hi] < values[hi - 1]:
                change = values[hi]
            elapsed_s = (timestamps[hi] - timestamps[hi - 1]) / 1000.0
            if is_rate:
                change /= elapsed_s
            out[s, t] = change


@njit(nogil=True, cache=True)
def changes(
    first: int,
    last: int,
    low: Int32Array,
    high: Int32Array,
    values: Float64Array,
    only_resets: bool,
    out: Float64Array,
    present: BoolArray,
) -> None:
    """changes and resets: how often a sample differs from, or is below, the one before."""
    for s in range(first, last):
        for t in range(low.shape[1]):
            present[s, t] = high[s, t] > low[s, t]
            found = 0
            for i in range(low[s, t] + 1, high[s, t]):
                if only_resets:
                    found += values[i] < values[i - 1]
                else:
                    same = values[i] == values[i - 1] or (np.isnan(values[i]) and np.isnan(values[i - 1]))
                    found += not same
            out[s, t] = found


@njit(nogil=True, cache=True)
def picks(
    first: int,
    last: int,
    low: Int32Array,
    high: Int32Array,
    timestamps: Int64Array,
    values: Float64Array,
    what: int,
    out: Float64Array,
    present: BoolArray,
) -> None:
    """One sample's value or time, or their number.

    what: 0 count, 1 one if any, 2 first value, 3 last value, 4 time of first, 5 of last, 6 of the highest,
    7 of the lowest (the last of equals), in seconds.
    """
    for s in range(first, last):
        for t in range(low.shape[1]):
            lo, hi = low[s, t], high[s, t]
            present[s, t] = hi > lo
            if hi <= lo:
                out[s, t] = 0.0
            elif what == 0:
                out[s, t] = hi - lo
            elif what == 1:
                out[s, t] = 1.0
            elif what == 2:
                out[s, t] = values[lo]
            elif what == 3:
                out[s, t] = values[hi - 1]
            elif what == 4:
                out[s, t] = timestamps[lo] / 1000.0
            elif what == 5:
                out[s, t] = timestamps[hi - 1] / 1000.0
            else:
                sign = 1.0 if what == 6 else -1.0
                best = lo
                for i in range(lo + 1, hi):
                    if values[i] * sign >= values[best] * sign or np.isnan(values[best]):
                        best = i
                out[s, t] = timestamps[best] / 1000.0
