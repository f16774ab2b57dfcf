"""Numba kernels that read the value of a field."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit, uint64

from ingest.text.kernels import NOT_A_NUMBER, OK, UNSURE, parse_float, parse_int
from storage.model import Float64Array, UInt64Array

Bytes = npt.NDArray[np.uint8]

_SPACE = 0x20
_QUOTE = 0x22
_COMMA = 0x2C
_BACKSLASH = 0x5C
_ONE = uint64(0x3FF0000000000000)


@njit(nogil=True, cache=True)
def string_end(buf: Bytes, at: int) -> int:
    """Behind the closing quote of the string whose first character is at `at`; -1 where none closes it."""
    while at < len(buf):
        byte = buf[uint64(at)]
        if byte == _QUOTE:
            return at + 1
        at += 2 if byte == _BACKSLASH else 1
    return -1


@njit(nogil=True, cache=True)
def _is_word(buf: Bytes, start: int, end: int, small: Bytes) -> bool:
    """Whether buf[start:end] is a word, given in small letters, as written small, large, or Large."""
    if end - start != len(small):
        return False
    is_large = buf[uint64(start)] == small[0] - 0x20
    if not is_large and buf[uint64(start)] != small[0]:
        return False
    shift = 0x20 if is_large and end - start > 1 and buf[uint64(start + 1)] == small[1] - 0x20 else 0
    is_same = True
    for i in range(1, end - start):
        is_same = is_same and buf[uint64(start + i)] == small[i] - shift
    return is_same


@njit(nogil=True, cache=True)
def _word(buf: Bytes, start: int, end: int, words: tuple[Bytes, ...]) -> tuple[int, np.uint64]:
    """(status, bits) of a boolean: 1 or 0."""
    for i in range(len(words)):
        if _is_word(buf, start, end, words[i]):
            return OK, _ONE if i < 2 else uint64(0)
    return NOT_A_NUMBER, uint64(0)


@njit(nogil=True, cache=True)
def _whole(buf: Bytes, start: int, end: int, values: Float64Array, row: int) -> int:
    """Read an integer in front of its `i` or `u` into values[row]."""
    is_negative = start < end and buf[uint64(start)] == 0x2D
    if is_negative and buf[uint64(end)] == 0x75:
        return NOT_A_NUMBER
    status, number = parse_int(buf, start, end)
    if status == OK:
        values[row] = np.float64(number)
        return OK
    # The least of 64 bits with a sign, and what only fits without one.
    start += is_negative
    if not 19 <= end - start <= 20:
        return NOT_A_NUMBER
    for i in range(start, end):
        if not 0x30 <= buf[uint64(i)] <= 0x39:
            return NOT_A_NUMBER
    return UNSURE


@njit(nogil=True, cache=True)
def read_number(
    buf: Bytes, start: int, words: tuple[Bytes, ...], bits: UInt64Array, values: Float64Array, row: int
) -> tuple[int, int]:
    """Read the value that begins at `start` into bits[row]: (status, where it ends)."""
    end = start
    while end < len(buf):
        byte = buf[uint64(end)]
        if byte == _COMMA or byte <= _SPACE:
            break
        end += 1
    if end == start:
        return NOT_A_NUMBER, end
    last = buf[uint64(end - 1)]
    if last == 0x69 or last == 0x75:  # noqa: PLR1714 - numba makes a loop of a tuple
        return _whole(buf, start, end - 1, values, row), end
    status, word = parse_float(buf, start, end)
    if status == NOT_A_NUMBER:
        status, word = _word(buf, start, end, words)
    elif status == UNSURE:
        # NaN and infinities are not of this format; what begins as a number and is unsure is one.
        first = start + (buf[uint64(start)] in (0x2B, 0x2D))
        status = UNSURE if buf[uint64(first)] <= 0x39 else NOT_A_NUMBER
    bits[row] = word
    return status, end
