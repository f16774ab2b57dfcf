"""Numba kernels that turn protobuf into columns.

Every read is bounds-checked by hand: kernels return a status and the offset where they stopped, never read
past the buffer, and run without the interpreter's lock. Offsets are cast to unsigned where they index, which
spares numba's test for negative indices and lets the compiler join eight loads to one.

Wire format: protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit, uint64

from storage.model import Int64Array, UInt64Array

Bytes = npt.NDArray[np.uint8]

OK = 0
BAD_VARINT = 1
TOO_LONG = 2
BAD_WIRE_TYPE = 3
SPLIT_LABELS = 4
BAD_REFERENCE = 5
BAD_FIELD = 6
TOO_MANY_BYTES = 7

# Fields of a TimeSeries that are counted; both versions keep labels in 1 and samples in 2.
COUNTED = 5


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
        # By far the most fields: a tag and a length of a byte each.
        if 8 <= tag < 0x80 and tag & 7 == 2 and size < 0x80 and size <= end - at - 2:
            return uint64(tag), at + 2, at + 2 + size
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


@njit(nogil=True, cache=True)
def read_sample(
    buf: Bytes, at: int, end: int, timestamps: Int64Array, bits: UInt64Array, row: int
) -> tuple[int, int]:
    """Read a Sample message: double value = 1, int64 timestamp = 2; other fields are skipped."""
    if end - at >= 11 and buf[uint64(at)] == 9 and buf[uint64(at) + uint64(9)] == 16:
        number, after = varint(buf, at + 10, end)
        if after == end:
            bits[row] = word_at(buf, at + 1)
            timestamps[row] = np.int64(number)
            return OK, at
    timestamps[row] = 0
    bits[row] = uint64(0)
    while at < end:
        tag, start, stop = field(buf, at, end)
        if start < 0:
            return -start, stop
        if tag == uint64(9):
            bits[row] = word_at(buf, start)
        elif tag == uint64(16):
            number, _ = varint(buf, start, stop)
            timestamps[row] = np.int64(number)
        elif tag >> uint64(3) <= uint64(2):
            return BAD_WIRE_TYPE, at
        at = stop
    return OK, at


@njit(nogil=True, cache=True)
def fill_v1(
    buf: Bytes,
    starts: Int64Array,
    ends: Int64Array,
    label_start: Int64Array,
    label_end: Int64Array,
    counts: Int64Array,
    series_index: Int64Array,
    timestamps: Int64Array,
    bits: UInt64Array,
) -> tuple[int, int]:
    """Fill the columns of a remote-write 1.0 request, whose TimeSeries lie in [starts, ends).

    Samples beyond the length of the columns are only counted: counts, int64 (5,), zero at first, takes how
    many of the fields 1 to 4 there are, so that the caller can ask again with room. Returns (status, offset).
    """
    room = len(timestamps)
    row = 0
    for i in range(len(starts)):
        at = starts[i]
        label_start[i] = label_end[i] = at
        labels = 0
        while at < ends[i]:
            tag, start, stop = field(buf, at, ends[i])
            if start < 0:
                return -start, stop
            if tag == uint64(10):
                if labels == 0:
                    label_start[i] = at
                elif label_end[i] != at:
                    return SPLIT_LABELS, at
                labels += 1
                label_end[i] = stop
            elif tag == uint64(18):
                if row < room:
                    status, where = read_sample(buf, start, stop, timestamps, bits, row)
                    if status != OK:
                        return status, where
                    series_index[row] = i
                row += 1
            elif tag >> uint64(3) < uint64(COUNTED):
                if tag & uint64(7) != uint64(2):
                    return BAD_WIRE_TYPE, at
                counts[np.int64(tag >> uint64(3))] += 1
            at = stop
        counts[1] += labels
    counts[2] = row
    return OK, 0


@njit(nogil=True, cache=True)
def _measure_references(
    buf: Bytes, at: int, stop: int, symbol_start: Int64Array, symbol_end: Int64Array
) -> tuple[int, int]:
    """(references, bytes) of a run of label references; (-1, offset) where one is broken."""
    references = size = 0
    while at < stop:
        reference, after = varint(buf, at, stop)
        if after < 0 or reference >= uint64(len(symbol_start)):
            return -1, at
        # A tag and a length of at most five bytes for each string, the same for the pair.
        size += symbol_end[np.int64(reference)] - symbol_start[np.int64(reference)] + 12
        references += 1
        at = after
    return references, size


@njit(nogil=True, cache=True)
def _check_metadata(buf: Bytes, at: int, end: int, symbols: int) -> tuple[int, int]:
    """Check a 2.0 Metadata message: type = 1, help_ref = 3, unit_ref = 4, all varints."""
    while at < end:
        tag, start, stop = field(buf, at, end)
        if start < 0:
            return -start, stop
        number = tag >> uint64(3)
        if number == uint64(1) or number == uint64(3) or number == uint64(4):
            if tag & uint64(7) != uint64(0):
                return BAD_WIRE_TYPE, at
            value, _ = varint(buf, start, stop)
            if number != uint64(1) and value >= uint64(symbols):
                return BAD_REFERENCE, start
        at = stop
    return OK, at


@njit(nogil=True, cache=True)
def measure_v2(
    buf: Bytes,
    starts: Int64Array,
    ends: Int64Array,
    symbol_start: Int64Array,
    symbol_end: Int64Array,
    counts: Int64Array,
    max_bytes: int,
) -> tuple[int, int, int]:
    """(status, offset, size): at most how many label bytes a 2.0 request's references stand for.

    counts as of `fill_v1`; label references are checked and may come packed or one by one.
    """
    size = 0
    for i in range(len(starts)):
        at = starts[i]
        references = 0
        while at < ends[i]:
            tag, start, stop = field(buf, at, ends[i])
            if start < 0:
                return -start, stop, 0
            number = tag >> uint64(3)
            if tag == uint64(10) or tag == uint64(8):
                found, more = _measure_references(buf, start, stop, symbol_start, symbol_end)
                if found < 0:
                    return BAD_REFERENCE, more, 0
                references += found
                size += more
                if size > max_bytes:
                    return TOO_MANY_BYTES, at, 0
            elif number <= uint64(5) and tag & uint64(7) != uint64(2):
                return BAD_WIRE_TYPE, at, 0
            elif number < uint64(COUNTED):
                counts[np.int64(number)] += 1
            elif number == uint64(5):
                status, where = _check_metadata(buf, start, stop, len(symbol_start))
                if status != OK:
                    return status, where, 0
            at = stop
        if references % 2:
            return BAD_REFERENCE, starts[i], 0
        counts[1] += references // 2
    return OK, 0, size


@njit(nogil=True, cache=True)
def _put_varint(out: Bytes, at: int, number: int) -> int:
    while number > 0x7F:
        out[uint64(at)] = np.uint8(number & 0x7F | 0x80)
        number >>= 7
        at += 1
    out[uint64(at)] = np.uint8(number)
    return at + 1


@njit(nogil=True, cache=True)
def _varint_size(number: int) -> int:
    size = 1
    while number > 0x7F:
        number >>= 7
        size += 1
    return size


@njit(nogil=True, cache=True)
def _put_text(buf: Bytes, start: int, end: int, out: Bytes, at: int, tag: int) -> int:
    out[uint64(at)] = np.uint8(tag)
    at = _put_varint(out, at + 1, end - start)
    for i in range(end - start):
        out[uint64(at + i)] = buf[uint64(start + i)]
    return at + end - start


@njit(nogil=True, cache=True)
def _put_label(buf: Bytes, out: Bytes, at: int, name: int, name_end: int, value: int, value_end: int) -> int:
    names, values = name_end - name, value_end - value
    out[uint64(at)] = np.uint8(10)
    at = _put_varint(out, at + 1, 2 + _varint_size(names) + names + _varint_size(values) + values)
    at = _put_text(buf, name, name_end, out, at, 10)
    after: int = _put_text(buf, value, value_end, out, at, 18)
    return after


@njit(nogil=True, cache=True)
def fill_v2(
    buf: Bytes,
    starts: Int64Array,
    ends: Int64Array,
    symbol_start: Int64Array,
    symbol_end: Int64Array,
    out: Bytes,
    label_start: Int64Array,
    label_end: Int64Array,
    series_index: Int64Array,
    timestamps: Int64Array,
    bits: UInt64Array,
) -> tuple[int, int, int]:
    """Fill the columns of a 2.0 request that `measure_v2` found sound; labels go to `out` as 1.0 writes them.

    Returns (status, offset, bytes written).
    """
    row = 0
    written = 0
    for i in range(len(starts)):
        at = starts[i]
        label_start[i] = written
        name = np.int64(-1)
        while at < ends[i]:
            tag, start, stop = field(buf, at, ends[i])
            if tag == uint64(10) or tag == uint64(8):
                while start < stop:
                    reference, start = varint(buf, start, stop)
                    if name < 0:
                        name = np.int64(reference)
                        continue
                    value = np.int64(reference)
                    written = _put_label(
                        buf,
                        out,
                        written,
                        symbol_start[name],
                        symbol_end[name],
                        symbol_start[value],
                        symbol_end[value],
                    )
                    name = np.int64(-1)
            elif tag == uint64(18):
                status, where = read_sample(buf, start, stop, timestamps, bits, row)
                if status != OK:
                    return status, where, 0
                series_index[row] = i
                row += 1
            at = stop
        label_end[i] = written
    return OK, 0, written
