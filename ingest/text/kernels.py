"""Numba kernels over bytes of text: numbers, exactly, and the label bytes that series are named by."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit, uint64

from ingest.text.powers import LARGEST, SMALLEST, powers_of_five

Bytes = npt.NDArray[np.uint8]

OK = 0
UNSURE = 1
"""It may be a number, which Python's `float` has to read."""
NOT_A_NUMBER = 2

_POWERS = powers_of_five()
_SMALLEST = SMALLEST
_LARGEST = LARGEST
_LOW = uint64(0xFFFFFFFF)
_ALL = uint64(0xFFFFFFFFFFFFFFFF)
_MOST_DIGITS = 19


@njit(nogil=True, cache=True)
def _product(a: np.uint64, b: np.uint64) -> tuple[np.uint64, np.uint64]:
    """High and low words of a product."""
    a_high, a_low, b_high, b_low = a >> uint64(32), a & _LOW, b >> uint64(32), b & _LOW
    low, middle, other = a_low * b_low, a_high * b_low, a_low * b_high
    carried = (low >> uint64(32)) + (middle & _LOW) + (other & _LOW)
    high = a_high * b_high + (middle >> uint64(32)) + (other >> uint64(32)) + (carried >> uint64(32))
    return uint64(high), uint64(carried << uint64(32) | low & _LOW)


@njit(nogil=True, cache=True)
def _leading_zeros(word: np.uint64) -> int:
    zeros = 0
    for step in (32, 16, 8, 4, 2, 1):
        if word >> uint64(64 - step) == uint64(0):
            zeros += step
            word <<= uint64(step)
    return zeros


@njit(nogil=True, cache=True)
def _bits(digits: np.uint64, exponent: int) -> tuple[int, np.uint64]:
    """The bits of the double nearest to digits * 10^exponent, digits > 0; `UNSURE` outside of normal doubles.

    Algorithm of M. Eisel and D. Lemire, see `powers.powers_of_five`, section 6.
    """
    if not _SMALLEST <= exponent <= _LARGEST:
        return UNSURE, uint64(0)
    zeros = _leading_zeros(digits)
    digits <<= uint64(zeros)
    row = exponent - _SMALLEST
    high, low = _product(digits, _POWERS[row, 0])
    if high & uint64(0x1FF) == uint64(0x1FF):
        more, _ = _product(digits, _POWERS[row, 1])
        low += more
        if low < more:
            high += uint64(1)
    if low == _ALL and not -27 <= exponent <= 55:
        return UNSURE, uint64(0)
    top = high >> uint64(63)
    shift = top + uint64(9)
    mantissa = high >> shift
    power = (((152170 + 65536) * exponent) >> 16) + 63 + int(top) - zeros + 1023
    if power <= 0:
        return UNSURE, uint64(0)
    # Half way between two doubles, exactly: to the even one.
    if (
        low <= uint64(1)
        and -4 <= exponent <= 23
        and mantissa & uint64(3) == uint64(1)
        and mantissa << shift == high
    ):
        mantissa &= ~uint64(1)
    mantissa = (mantissa + (mantissa & uint64(1))) >> uint64(1)
    if mantissa >= uint64(1) << uint64(53):
        mantissa = uint64(1) << uint64(52)
        power += 1
    if power >= 2047:
        return UNSURE, uint64(0)
    return OK, uint64(uint64(power) << uint64(52) | mantissa & ~(uint64(1) << uint64(52)))


@njit(nogil=True, cache=True)
def parse_float(buf: Bytes, start: int, end: int) -> tuple[int, np.uint64]:
    """Read buf[start:end] as a decimal number: (status, bits of the double).

    `OK` for [+-]digits[.digits][e[+-]digits] of at most 19 significant digits within the normal doubles: the
    bits are those that Python's `float` gives. `UNSURE` for anything else that may be a number (more digits,
    `nan`, `inf`, subnormal), `NOT_A_NUMBER` where no number begins so.
    """
    is_negative = start < end and buf[uint64(start)] == 0x2D
    if start < end and (is_negative or buf[uint64(start)] == 0x2B):
        start += 1
    at, digits, significant, fraction = _digits(buf, start, end)
    if at < 0:
        first = buf[uint64(start)] | 0x20 if start < end else 0
        return (UNSURE if first in {0x69, 0x6E} else NOT_A_NUMBER), uint64(0)
    exponent = 0
    if at < end:
        if buf[uint64(at)] | 0x20 != 0x65:
            return NOT_A_NUMBER, uint64(0)
        status, exponent = _small_integer(buf, at + 1, end)
        if status != OK:
            return status, uint64(0)
    if significant > _MOST_DIGITS:
        return UNSURE, uint64(0)
    sign = uint64(1) << uint64(63) if is_negative else uint64(0)
    if digits == uint64(0):
        return OK, sign
    status, bits = _bits(digits, exponent - fraction)
    return status, uint64(bits | sign)


@njit(nogil=True, cache=True)
def _digits(buf: Bytes, at: int, end: int) -> tuple[int, np.uint64, int, int]:
    """Read digits and a point: (offset, whole number, digits that count, digits of the fraction).

    The offset is -1 where there is no digit.
    """
    digits = uint64(0)
    seen = significant = fraction = 0
    has_point = False
    while at < end:
        byte = buf[uint64(at)]
        if 0x30 <= byte <= 0x39:
            digits = digits * uint64(10) + uint64(byte - 0x30)
            seen += 1
            if significant or byte != 0x30:
                significant += 1
            fraction += has_point
        elif byte == 0x2E and not has_point:
            has_point = True
        else:
            break
        at += 1
    return (at if seen else -1), digits, significant, fraction


@njit(nogil=True, cache=True)
def _small_integer(buf: Bytes, at: int, end: int) -> tuple[int, int]:
    is_negative = at < end and buf[uint64(at)] == 0x2D
    if at < end and (is_negative or buf[uint64(at)] == 0x2B):
        at += 1
    if at >= end:
        return NOT_A_NUMBER, 0
    number = 0
    for i in range(at, end):
        byte = buf[uint64(i)]
        if not 0x30 <= byte <= 0x39:
            return NOT_A_NUMBER, 0
        number = min(number * 10 + int(byte - 0x30), 100_000)
    return OK, -number if is_negative else number


@njit(nogil=True, cache=True)
def parse_int(buf: Bytes, start: int, end: int) -> tuple[int, np.int64]:
    """Read buf[start:end] as [+-]digits: (`OK` or `NOT_A_NUMBER`, int64). What does not fit is no number."""
    at = start
    is_negative = at < end and buf[uint64(at)] == 0x2D
    if at < end and (is_negative or buf[uint64(at)] == 0x2B):
        at += 1
    while at < end - 1 and buf[uint64(at)] == 0x30:
        at += 1
    if not 1 <= end - at <= 19:
        return NOT_A_NUMBER, np.int64(0)
    number = uint64(0)
    for i in range(at, end):
        byte = buf[uint64(i)]
        if not 0x30 <= byte <= 0x39:
            return NOT_A_NUMBER, np.int64(0)
        number = number * uint64(10) + uint64(byte - 0x30)
    if number > (uint64(1) << uint64(63)) - uint64(1):
        return NOT_A_NUMBER, np.int64(0)
    return OK, -np.int64(number) if is_negative else np.int64(number)


@njit(nogil=True, cache=True)
def varint_bytes(number: int) -> int:
    """How many bytes a varint of a number >= 0 has."""
    size = 1
    while number > 0x7F:
        number >>= 7
        size += 1
    return size


@njit(nogil=True, cache=True)
def put_varint(out: Bytes, at: int, number: int) -> int:
    """Write a varint of a number >= 0; returns the offset behind it."""
    while number > 0x7F:
        out[uint64(at)] = number & 0x7F | 0x80
        number >>= 7
        at += 1
    out[uint64(at)] = number
    return at + 1


@njit(nogil=True, cache=True)
def label_bytes(name: int, value: int) -> int:
    """How many bytes `put_label` writes for a name and a value of so many bytes."""
    pair = 2 + varint_bytes(name) + name + varint_bytes(value) + value
    size: int = 1 + varint_bytes(pair) + pair
    return size


@njit(nogil=True, cache=True)
def put_label(
    out: Bytes,
    at: int,
    names: Bytes,
    name: int,
    name_end: int,
    values: Bytes,
    value: int,
    value_end: int,
) -> int:
    """Write one label as `ingest.decoded` describes it; returns the offset behind it.

    The name is names[name:name_end], the value values[value:value_end]; out has room for `label_bytes`.
    """
    pair = 2 + varint_bytes(name_end - name) + name_end - name
    pair += varint_bytes(value_end - value) + value_end - value
    out[uint64(at)] = 0x0A
    at = put_varint(out, at + 1, pair)
    out[uint64(at)] = 0x0A
    at = _put(out, put_varint(out, at + 1, name_end - name), names, name, name_end)
    out[uint64(at)] = 0x12
    behind: int = _put(out, put_varint(out, at + 1, value_end - value), values, value, value_end)
    return behind


@njit(nogil=True, cache=True)
def _put(out: Bytes, at: int, buf: Bytes, start: int, end: int) -> int:
    for i in range(end - start):
        out[uint64(at + i)] = buf[uint64(start + i)]
    behind: int = at + end - start
    return behind
