"""Numba kernels over counters with start timestamps, without the interpreter's lock.

Arrays are those of `query.rollup.kernels`. `starts`, int64 per sample in ms, is since when a sample counts, 0
where that is not known (Prometheus 3.14, promql/functions.go, with start timestamps).
"""

from __future__ import annotations

from numba import njit

from query.rollup.kernels import Int32Array
from storage.model import BoolArray, Float64Array, Int64Array


@njit(nogil=True, cache=True)
def began_anew(timestamps: Int64Array, starts: Int64Array, at: int) -> bool:
    """Whether the counter of sample `at` began after the sample before it, as its start says.

    A start at that very sample is one of a delta only if that sample has a start of its own.
    """
    start, before = starts[at], timestamps[at - 1]
    if start == 0 or start >= timestamps[at]:
        return False
    return bool(start > before or (start == before and 0 < starts[at - 1] < before))


@njit(nogil=True, cache=True)
def mark(
    offsets: Int64Array,
    timestamps: Int64Array,
    starts: Int64Array,
    began: BoolArray,
    overlaps: BoolArray,
) -> None:
    """Mark the samples that began anew, and those whose start lies before a sample of another start."""
    for s in range(len(offsets) - 1):
        for i in range(offsets[s], offsets[s + 1]):
            began[i], overlaps[i] = False, False
            if i == offsets[s]:
                continue
            began[i] = began_anew(timestamps, starts, i)
            overlaps[i] = starts[i] != 0 and starts[i] < timestamps[i - 1] and starts[i] != starts[i - 1]


@njit(nogil=True, cache=True)
def extrapolated(
    first: int,
    last: int,
    low: Int32Array,
    high: Int32Array,
    timestamps: Int64Array,
    values: Float64Array,
    starts: Int64Array,
    began: BoolArray,
    ends_ms: Int64Array,
    window_ms: int,
    is_rate: bool,
    out: Float64Array,
    present: BoolArray,
) -> None:
    """rate and increase; where the first sample began within the window, it counts from 0 at its start."""
    for s in range(first, last):
        for t in range(low.shape[1]):
            lo, hi = low[s, t], high[s, t] - 1
            present[s, t] = False
            out[s, t] = 0.0
            if hi < lo:
                continue
            opens = ends_ms[t] - window_ms < starts[lo] < timestamps[lo]
            if hi == lo and not opens:
                continue
            present[s, t] = True
            result = values[hi] if opens else values[hi] - values[lo]
            for i in range(lo + 1, hi + 1):
                if began[i] or values[i] < values[i - 1]:
                    result += values[i - 1]
            average = (timestamps[hi] - timestamps[lo]) / 1000.0 / max(hi - lo, 1)
            begin = starts[lo] if opens else timestamps[lo]
            sampled = (timestamps[hi] - begin) / 1000.0
            threshold = average * 1.1
            to_start = 0.0 if opens else (timestamps[lo] - (ends_ms[t] - window_ms)) / 1000.0
            to_end = (ends_ms[t] - timestamps[hi]) / 1000.0
            if not opens:
                if to_start >= threshold:
                    to_start = average / 2
                if result > 0 and values[lo] >= 0:
                    to_start = min(to_start, sampled * (values[lo] / result))
            if to_end >= threshold:
                to_end = average / 2
            factor = (sampled + to_start + to_end) / sampled
            if is_rate:
                factor /= window_ms / 1000.0
            out[s, t] = result * factor


@njit(nogil=True, cache=True)
def instant_rate(
    first: int,
    last: int,
    low: Int32Array,
    high: Int32Array,
    timestamps: Int64Array,
    values: Float64Array,
    began: BoolArray,
    out: Float64Array,
    present: BoolArray,
) -> None:
    """irate: a counter that began anew counts from 0."""
    for s in range(first, last):
        for t in range(low.shape[1]):
            hi = high[s, t] - 1
            present[s, t] = hi > low[s, t]
            out[s, t] = 0.0
            if not present[s, t]:
                continue
            change = values[hi] - values[hi - 1]
            if began[hi] or values[hi] < values[hi - 1]:
                change = values[hi]
            out[s, t] = change / ((timestamps[hi] - timestamps[hi - 1]) / 1000.0)


@njit(nogil=True, cache=True)
def resets(
    first: int,
    last: int,
    low: Int32Array,
    high: Int32Array,
    values: Float64Array,
    began: BoolArray,
    out: Float64Array,
    present: BoolArray,
) -> None:
    """How often a sample is below the one before, or began anew."""
    for s in range(first, last):
        for t in range(low.shape[1]):
            present[s, t] = high[s, t] > low[s, t]
            found = 0
            for i in range(low[s, t] + 1, high[s, t]):
                found += began[i] or values[i] < values[i - 1]
            out[s, t] = found


@njit(nogil=True, cache=True)
def latest_start(
    first: int,
    last: int,
    low: Int32Array,
    high: Int32Array,
    starts: Int64Array,
    stale: BoolArray,
    out: Float64Array,
    present: BoolArray,
) -> None:
    """The start of the newest sample of the window in seconds, 0 where it is not known."""
    for s in range(first, last):
        for t in range(low.shape[1]):
            at = high[s, t] - 1
            present[s, t] = at >= low[s, t] and not stale[at]
            out[s, t] = starts[at] / 1000.0 if present[s, t] else 0.0
