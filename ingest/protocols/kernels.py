"""Numba kernels that turn protobuf into columns.

Every read is bounds-checked by hand: kernels return a status and the offset where they stopped, never read
past the buffer, and run without the interpreter's lock.
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


@njit(nogil=True, cache=True)
def varint(buf: Bytes, at: int, end: int) -> tuple[np.uint64, int]:
    """Read a varint in [at, end); the new offset is -1 where it does not end within ten bytes."""
    number = uint64(0)
    shift = uint64(0)
    for _ in range(10):
        if at >= end:
            return number, -1
        byte = buf[at]
        at += 1
        number |= uint64(byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
        shift += uint64(7)
    return number, -1


@njit(nogil=True, cache=True)
def extent(buf: Bytes, at: int, end: int, wire: int) -> tuple[int, int, int]:
    """(status, start, end) of a field's content that begins at `at`; for a varint the bytes of it."""
    if wire == 0:
        _, after = varint(buf, at, end)
        return (OK, at, after) if after >= 0 else (BAD_VARINT, at, at)
    if wire == 2:
        length, start = varint(buf, at, end)
        if start < 0:
            return BAD_VARINT, at, at
        if length > uint64(end - start):
            return TOO_LONG, at, at
        return OK, start, start + int(length)
    size = 8 if wire == 1 else 4 if wire == 5 else -1
    if size < 0:
        return BAD_WIRE_TYPE, at, at
    return (OK, at, at + size) if at + size <= end else (TOO_LONG, at, at)


@njit(nogil=True, cache=True)
def double_at(buf: Bytes, at: int) -> np.uint64:
    """Eight little-endian bytes as the bits of a double."""
    bits = uint64(0)
    for i in range(8):
        bits |= uint64(buf[at + i]) << uint64(8 * i)
    return np.uint64(bits)


@njit(nogil=True, cache=True)
def count_fields(buf: Bytes, at: int, end: int, wanted: int) -> tuple[int, int, int]:
    """(status, offset, count) of the length-delimited fields numbered `wanted` in a message."""
    found = 0
    while at < end:
        tag, after = varint(buf, at, end)
        if after < 0:
            return BAD_VARINT, at, found
        status, _, stop = extent(buf, after, end, int(tag & uint64(7)))
        if status != OK:
            return status, after, found
        if tag >> uint64(3) == uint64(wanted) and tag & uint64(7) == uint64(2):
            found += 1
        at = stop
    return OK, at, found


@njit(nogil=True, cache=True)
def locate_fields(buf: Bytes, at: int, end: int, wanted: int, starts: Int64Array, ends: Int64Array) -> None:
    """Fill the extents of the fields that `count_fields` counted; the message is known to be sound."""
    found = 0
    while at < end:
        tag, after = varint(buf, at, end)
        _, start, stop = extent(buf, after, end, int(tag & uint64(7)))
        if tag >> uint64(3) == uint64(wanted) and tag & uint64(7) == uint64(2):
            starts[found] = start
            ends[found] = stop
            found += 1
        at = stop


@njit(nogil=True, cache=True)
def count_series(buf: Bytes, starts: Int64Array, ends: Int64Array, counts: Int64Array) -> tuple[int, int]:
    """Check the fields of every TimeSeries and add up, in counts (5,), those numbered 1 to 4.

    Both versions keep labels in 1 and samples in 2. Version 2 may send label references unpacked, as
    varints. Returns (status, offset).
    """
    for i in range(len(starts)):
        at = starts[i]
        while at < ends[i]:
            tag, after = varint(buf, at, ends[i])
            if after < 0:
                return BAD_VARINT, at
            wire = int(tag & uint64(7))
            number = int(tag >> uint64(3))
            status, _, stop = extent(buf, after, ends[i], wire)
            if status != OK:
                return status, after
            if 1 <= number <= 4:
                if wire != 2 and not (number == 1 and wire == 0):
                    return BAD_WIRE_TYPE, at
                counts[number] += 1
            at = stop
    return OK, 0


@njit(nogil=True, cache=True)
def read_sample(
    buf: Bytes, at: int, end: int, timestamps: Int64Array, bits: UInt64Array, row: int
) -> tuple[int, int]:
    """Read a Sample message: double value = 1, int64 timestamp = 2; other fields are skipped."""
    timestamps[row] = 0
    bits[row] = uint64(0)
    while at < end:
        tag, after = varint(buf, at, end)
        if after < 0:
            return BAD_VARINT, at
        status, start, stop = extent(buf, after, end, int(tag & uint64(7)))
        if status != OK:
            return status, after
        if tag == uint64(9):
            bits[row] = double_at(buf, start)
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
    series_index: Int64Array,
    timestamps: Int64Array,
    bits: UInt64Array,
) -> tuple[int, int]:
    """Fill the columns of a remote-write 1.0 request whose fields `count_series` found sound."""
    row = 0
    for i in range(len(starts)):
        at = starts[i]
        label_start[i] = label_end[i] = at
        labelled = False
        while at < ends[i]:
            tag, after = varint(buf, at, ends[i])
            _, start, stop = extent(buf, after, ends[i], int(tag & uint64(7)))
            if tag == uint64(8):
                return BAD_WIRE_TYPE, at
            if tag == uint64(10):
                if not labelled:
                    label_start[i] = at
                elif label_end[i] != at:
                    return SPLIT_LABELS, at
                labelled = True
                label_end[i] = stop
            elif tag == uint64(18):
                status, where = read_sample(buf, start, stop, timestamps, bits, row)
                if status != OK:
                    return status, where
                series_index[row] = i
                row += 1
            at = stop
    return OK, 0


@njit(nogil=True, cache=True)
def measure_v2(
    buf: Bytes,
    starts: Int64Array,
    ends: Int64Array,
    symbol_start: Int64Array,
    symbol_end: Int64Array,
) -> tuple[int, int, int]:
    """(status, offset, size) of the label bytes that a 2.0 request's references stand for."""
    size = 0
    for i in range(len(starts)):
        at = starts[i]
        references = 0
        while at < ends[i]:
            tag, after = varint(buf, at, ends[i])
            _, start, stop = extent(buf, after, ends[i], int(tag & uint64(7)))
            if tag == uint64(10) or tag == uint64(8):
                while start < stop:
                    reference, start = varint(buf, start, stop)
                    if start < 0:
                        return BAD_VARINT, at, 0
                    if reference >= uint64(len(symbol_start)):
                        return BAD_REFERENCE, at, 0
                    # A tag and a length of at most five bytes for each string, the same for the pair.
                    size += symbol_end[int(reference)] - symbol_start[int(reference)] + 12
                    references += 1
            at = stop
        if references % 2:
            return BAD_REFERENCE, starts[i], 0
    return OK, 0, size


@njit(nogil=True, cache=True)
def _put_varint(out: Bytes, at: int, number: int) -> int:
    while number > 0x7F:
        out[at] = np.uint8(number & 0x7F | 0x80)
        number >>= 7
        at += 1
    out[at] = np.uint8(number)
    return at + 1


@njit(nogil=True, cache=True)
def _varint_size(number: int) -> int:
    size = 1
    while number > 0x7F:
        number >>= 7
        size += 1
    return size


@njit(nogil=True, cache=True)
def _put_label(buf: Bytes, out: Bytes, at: int, name: int, name_end: int, value: int, value_end: int) -> int:
    names, values = name_end - name, value_end - value
    out[at] = np.uint8(10)
    at = _put_varint(out, at + 1, 2 + _varint_size(names) + names + _varint_size(values) + values)
    out[at] = np.uint8(10)
    at = _put_varint(out, at + 1, names)
    out[at : at + names] = buf[name:name_end]
    at += names
    out[at] = np.uint8(18)
    at = _put_varint(out, at + 1, values)
    out[at : at + values] = buf[value:value_end]
    return at + values


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
        name = -1
        while at < ends[i]:
            tag, after = varint(buf, at, ends[i])
            _, start, stop = extent(buf, after, ends[i], int(tag & uint64(7)))
            if tag == uint64(10) or tag == uint64(8):
                while start < stop:
                    reference, start = varint(buf, start, stop)
                    if name < 0:
                        name = int(reference)
                        continue
                    value = int(reference)
                    written = _put_label(
                        buf,
                        out,
                        written,
                        symbol_start[name],
                        symbol_end[name],
                        symbol_start[value],
                        symbol_end[value],
                    )
                    name = -1
            elif tag == uint64(18):
                status, where = read_sample(buf, start, stop, timestamps, bits, row)
                if status != OK:
                    return status, where, 0
                series_index[row] = i
                row += 1
            at = stop
        label_end[i] = written
    return OK, 0, written
