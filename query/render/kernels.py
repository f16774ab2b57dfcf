"""Samples as JSON text, copied digit by digit from a JSON array of numbers into Prometheus's shape.

The digits come from orjson, which finds the shortest text of a float64. What is left is to write them in
the notation of Go's JSON: an exponent only below 1e-6 and from 1e21 on, no `.0`, and words for NaN and Inf.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from storage.model import Float64Array, Int64Array

UInt8Array = np.ndarray[tuple[int], np.dtype[np.uint8]]

BYTES_A_SAMPLE = 64
"""The most that one sample takes: a time of up to 25 bytes, a value of up to 31, and what stands around."""

_ZERO, _DOT, _MINUS, _PLUS, _COMMA = 48, 46, 45, 43, 44
_E, _N, _A, _I, _F, _LOWER_N = 101, 78, 97, 73, 102, 110
_OPEN, _CLOSE, _QUOTE = 91, 93, 34


@njit(nogil=True, cache=True)
def write_series(
    out: UInt8Array,
    numbers: UInt8Array,
    values: Float64Array,
    times_ms: Int64Array,
    counts: Int64Array,
    heads: UInt8Array,
    head_ends: Int64Array,
    tail: UInt8Array,
) -> int:
    """Write series after series, separated by commas; returns the bytes written.

    numbers: the JSON array of `values`, brackets included. values, times_ms: (samples,), series after
    series; counts: samples of each. heads: what stands before a series' samples, up to `head_ends`; tail:
    what stands after them. `out` must hold all heads and tails and BYTES_A_SAMPLE for each sample.
    """
    at, head, read, sample = 0, 0, 1, 0
    for series in range(len(counts)):
        if series:
            out[at] = _COMMA
            at += 1
        at = _copy(out, at, heads, head, head_ends[series])
        head = head_ends[series]
        for i in range(counts[series]):
            if i:
                out[at] = _COMMA
                at += 1
            out[at] = _OPEN
            at = _write_time(out, at + 1, times_ms[sample])
            out[at] = _COMMA
            out[at + 1] = _QUOTE
            end = read
            while numbers[end] != _COMMA and numbers[end] != _CLOSE:
                end += 1
            at = _write_value(out, at + 2, numbers, read, end, values[sample])
            out[at] = _QUOTE
            out[at + 1] = _CLOSE
            at += 2
            read = end + 1
            sample += 1
        at = _copy(out, at, tail, 0, len(tail))
    return at


@njit(nogil=True, cache=True)
def _copy(out: UInt8Array, at: int, source: UInt8Array, start: int, end: int) -> int:
    for i in range(start, end):
        out[at] = source[i]
        at += 1
    return at


@njit(nogil=True, cache=True)
def _write_time(out: UInt8Array, at: int, time_ms: int) -> int:
    if time_ms < 0:
        out[at] = _MINUS
        at += 1
        time_ms = -time_ms
    seconds, fraction = time_ms // 1000, time_ms % 1000
    width, power = 1, 10
    while seconds >= power:
        width += 1
        power *= 10
    for i in range(width - 1, -1, -1):
        out[at + i] = _ZERO + seconds % 10
        seconds //= 10
    at += width
    if fraction:
        out[at] = _DOT
        out[at + 1] = _ZERO + fraction // 100
        out[at + 2] = _ZERO + fraction // 10 % 10
        out[at + 3] = _ZERO + fraction % 10
        at += 4
    return at


@njit(nogil=True, cache=True)
def _write_value(out: UInt8Array, at: int, numbers: UInt8Array, start: int, end: int, value: float) -> int:
    if numbers[start] == _LOWER_N:
        special_end: int = _write_special(out, at, value)
        return special_end
    magnitude = abs(value)
    if (1e15 <= magnitude < 1e21) or (1e-6 <= magnitude < 1e-4):
        plain_end: int = _write_plain(out, at, numbers, start, end)
        return plain_end
    if end - start > 2 and numbers[end - 2] == _DOT and numbers[end - 1] == _ZERO:
        end -= 2
    copied_end: int = _copy(out, at, numbers, start, end)
    return copied_end


@njit(nogil=True, cache=True)
def _write_special(out: UInt8Array, at: int, value: float) -> int:
    if value != value:  # noqa: PLR0124 - NaN
        out[at], out[at + 1], out[at + 2] = _N, _A, _N
        return at + 3
    out[at] = _PLUS if value > 0 else _MINUS
    out[at + 1], out[at + 2], out[at + 3] = _I, _LOWER_N, _F
    return at + 4


@njit(nogil=True, cache=True)
def _write_plain(out: UInt8Array, at: int, numbers: UInt8Array, start: int, end: int) -> int:
    """Write a number that may have an exponent without one."""
    if numbers[start] == _MINUS:
        out[at] = _MINUS
        at += 1
        start += 1
    mantissa_end = start
    while mantissa_end < end and numbers[mantissa_end] != _E:
        mantissa_end += 1
    exponent = _exponent(numbers, mantissa_end, end)
    point = mantissa_end
    for i in range(start, mantissa_end):
        if numbers[i] == _DOT:
            point = i
    placed_end: int = _place(out, at, numbers, start, point, mantissa_end, point - start + exponent)
    return placed_end


@njit(nogil=True, cache=True)
def _exponent(numbers: UInt8Array, at: int, end: int) -> int:
    exponent, sign = 0, 1
    for i in range(at + 1, end):
        if numbers[i] == _MINUS:
            sign = -1
        elif numbers[i] != _PLUS:
            exponent = exponent * 10 + numbers[i] - _ZERO
    return sign * exponent


@njit(nogil=True, cache=True)
def _place(
    out: UInt8Array, at: int, numbers: UInt8Array, start: int, point: int, end: int, whole: int
) -> int:
    """Write the digits of [start, end), less the point at `point`, with `whole` digits before a new point."""
    if whole <= 0:
        out[at] = _ZERO
        out[at + 1] = _DOT
        at += 2
        for _ in range(-whole):
            out[at] = _ZERO
            at += 1
    while end > point and (numbers[end - 1] == _ZERO or numbers[end - 1] == _DOT):
        end -= 1
    written = 0
    for i in range(start, end):
        if i == point:
            continue
        if written == whole and whole > 0:
            out[at] = _DOT
            at += 1
        out[at] = numbers[i]
        at += 1
        written += 1
    for _ in range(whole - written):
        out[at] = _ZERO
        at += 1
    return at
