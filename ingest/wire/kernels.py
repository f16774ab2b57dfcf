"""Numba kernels that read the protobuf wire format (protobuf.dev/programming-guides/encoding).

Every read is bounds-checked by hand: kernels return a status and the offset where they stopped, never read
past the buffer, and run without the interpreter's lock. Offsets are cast to unsigned where they index, which
spares numba's test for negative indices and lets the compiler join eight loads to one.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit, uint64

from storage.model import Int64Array

Bytes = npt.NDArray[np.uint8]

OK = 0
BAD_VARINT = 1
TOO_LONG = 2
BAD_WIRE_TYPE = 3
SPLIT_LABELS = 4
BAD_REFERENCE = 5
BAD_FIELD = 6
TOO_MANY_BYTES = 7


@njit(nogil=True, cache=True)
def varint(buf: Bytes, at: int, end: int) -> tuple[np.uint64, int]:
    """Read a varint in [at, end); the new offset is -1 where it does not end or is beyond 64 bits."""
    number = uint64(0)
    shift = uint64(0)
    for place in range(10):
        if at >= end:
            return number, -1
        byte = buf[uint64(at)]
        at += 1
        if place == 9 and byte > 1:
            return number, -1
        number |= uint64(byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
        shift += uint64(7)
    return number, -1


@njit(nogil=True, cache=True)
def field(buf: Bytes, at: int, end: int) -> tuple[np.uint64, int, int]:
    """Read one field at `at` < `end`: (tag, start, stop) of its content, for a varint the bytes of it.

    Where it is broken `start` is the status, negated, and `stop` the offset of what is wrong.
    """
    if end - at >= 2:
        tag = buf[uint64(at)]
        size = buf[uint64(at) + uint64(1)]
        # By far the most fields: a tag of one byte, a length of one or two.
        if 8 <= tag < 0x80 and tag & 7 == 2:
            if size < 0x80:
                if size <= end - at - 2:
                    return uint64(tag), at + 2, at + 2 + size
            elif end - at >= 3 and buf[uint64(at) + uint64(2)] < 0x80:
                long = int(size & 0x7F) | int(buf[uint64(at) + uint64(2)]) << 7
                if long <= end - at - 3:
                    return uint64(tag), at + 3, at + 3 + long
    other: tuple[np.uint64, int, int] = _any_field(buf, at, end)
    return other


@njit(nogil=True, cache=True)
def _any_field(buf: Bytes, at: int, end: int) -> tuple[np.uint64, int, int]:
    tag, after = varint(buf, at, end)
    if after < 0:
        return tag, -BAD_VARINT, at
    if tag < uint64(8):
        return tag, -BAD_FIELD, at
    wire = tag & uint64(7)
    if wire == uint64(2):
        length, start = varint(buf, after, end)
        if start < 0:
            return tag, -BAD_VARINT, after
        if length > uint64(end - start):
            return tag, -TOO_LONG, after
        return tag, start, start + np.int64(length)
    if wire == uint64(0):
        _, stop = varint(buf, after, end)
        return (tag, after, stop) if stop >= 0 else (tag, -BAD_VARINT, after)
    size = 8 if wire == uint64(1) else 4 if wire == uint64(5) else -1
    if size < 0:
        return tag, -BAD_WIRE_TYPE, at
    return (tag, after, after + size) if size <= end - after else (tag, -TOO_LONG, after)


@njit(nogil=True, cache=True)
def word_at(buf: Bytes, at: int) -> np.uint64:
    """Eight little-endian bytes at `at`, which the caller knows to be there."""
    word = uint64(0)
    base = uint64(at)
    for i in range(8):
        word |= uint64(buf[base + uint64(i)]) << uint64(8 * i)
    return np.uint64(word)


@njit(nogil=True, cache=True)
def whole_varint(buf: Bytes, at: int, size: int) -> tuple[np.uint64, bool]:
    """The varint that fills size bytes, 1 to 8, of a buffer that has eight at `at`; false where none does."""
    word = word_at(buf, at)
    if size < 8:
        word &= (uint64(1) << uint64(8 * size)) - uint64(1)
    endings = (uint64(1) << uint64(8 * size - 1)) - uint64(1)
    if word & uint64(0x8080808080808080) != uint64(0x8080808080808080) & endings:
        return word, False
    # Groups of 7 bits close up to 14, 28 and 56.
    word = word & uint64(0x007F007F007F007F) | (word & uint64(0x7F007F007F007F00)) >> uint64(1)
    word = word & uint64(0x00003FFF00003FFF) | (word & uint64(0x3FFF00003FFF0000)) >> uint64(2)
    word = word & uint64(0x000000000FFFFFFF) | (word & uint64(0x0FFFFFFF00000000)) >> uint64(4)
    return word, True


@njit(nogil=True, cache=True)
def locate(buf: Bytes, number: int, starts: Int64Array, ends: Int64Array) -> tuple[int, int, int]:
    """Find the length-delimited fields numbered `number` of the message that `buf` is.

    Fills starts and ends, int64, as far as they reach. Returns (status, offset, how many there are).
    """
    found = at = 0
    while at < len(buf):
        tag, start, stop = field(buf, at, len(buf))
        if start < 0:
            return -start, stop, found
        if tag >> uint64(3) == uint64(number):
            if tag & uint64(7) != uint64(2):
                return BAD_WIRE_TYPE, at, found
            if found < len(starts):
                starts[found] = start
                ends[found] = stop
            found += 1
        at = stop
    return OK, at, found
