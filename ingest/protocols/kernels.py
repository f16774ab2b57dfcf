"""Numba kernels that turn remote write messages into columns, without the interpreter's lock."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit, uint64

from ingest.series.kernels import begins_with, find
from ingest.wire.kernels import (
    BAD_REFERENCE,
    BAD_WIRE_TYPE,
    OK,
    SPLIT_LABELS,
    TOO_MANY_BYTES,
    field,
    varint,
    whole_varint,
    word_at,
)
from storage.model import Int64Array, UInt64Array

Bytes = npt.NDArray[np.uint8]

# Fields of a TimeSeries that are counted; both versions keep labels in 1 and samples in 2.
COUNTED = 5


@njit(nogil=True, cache=True, inline="always")
def _usual_sample(buf: Bytes, at: int, end: int) -> tuple[bool, np.uint64, np.int64]:
    """(whether it is so, value's bits, timestamp) of a Sample that is a value and a time of up to 8 bytes."""
    size = end - at - 10
    is_usual = False
    word, number = uint64(0), uint64(0)
    if 1 <= size <= 8 and at + 18 <= len(buf) and buf[uint64(at)] == 9 and buf[uint64(at + 9)] == 16:
        word = word_at(buf, at + 1)
        number, is_usual = whole_varint(buf, at + 10, size)
    return is_usual, word, np.int64(number)


@njit(nogil=True, cache=True)
def read_sample(
    buf: Bytes, at: int, end: int, timestamps: Int64Array, bits: UInt64Array, row: int
) -> tuple[int, int]:
    """Read a Sample message: double value = 1, int64 timestamp = 2; other fields are skipped."""
    is_usual, word, time_ms = _usual_sample(buf, at, end)
    if is_usual:
        timestamps[row], bits[row] = time_ms, word
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
    k0: np.uint64,
    k1: np.uint64,
    entries: UInt64Array,
    arena: Bytes,
    spans: Int64Array,
    follows: Int64Array,
    label_start: Int64Array,
    label_end: Int64Array,
    numbers: Int64Array,
    counts: Int64Array,
    series_index: Int64Array,
    timestamps: Int64Array,
    bits: UInt64Array,
) -> tuple[int, int]:
    """Fill the columns of a remote-write 1.0 request.

    A sender repeats its series in the same order: the label bytes of the series that followed last time are
    compared first, and only where they differ are labels taken apart and looked up (see `Familiar`).
    numbers, int64 (series,), takes the series' numbers, -1 where unknown.

    counts, int64 (5,), zero at first, takes how many TimeSeries there are, other fields of the request, and
    samples, exemplars and histograms of those TimeSeries that there is room for. Samples beyond their columns
    are only counted, so that the caller can ask again with room. Returns (status, offset).
    """
    at = 0
    expected = np.int64(-1)
    while at < len(buf):
        tag, start, stop = field(buf, at, len(buf))
        if start < 0:
            return -start, stop
        if tag == uint64(10):
            i = counts[0]
            if i < len(label_start):
                size = begins_with(buf, start, stop, arena, spans, expected)
                label_start[i], label_end[i] = start, start + size
                row, inner = counts[2], start + size
                is_usual, word, time_ms = _usual_sample(buf, inner + 2, stop)
                if (
                    size > 0
                    and is_usual
                    and row < len(timestamps)
                    and buf[uint64(inner)] == 18
                    and buf[uint64(inner + 1)] == stop - inner - 2
                ):
                    series_index[row], timestamps[row], bits[row] = i, time_ms, word
                    counts[2] = row + 1
                else:
                    status, where = _fill_series(
                        buf, start, stop, i, label_start, label_end, counts, series_index, timestamps, bits
                    )
                    if status != OK:
                        return status, where
                if size == 0 or label_end[i] != start + size:
                    expected = find(buf, label_start[i], label_end[i], k0, k1, entries, arena, spans)
                numbers[i] = expected
                expected = follows[uint64(expected)] if expected >= 0 else np.int64(-1)
            counts[0] = i + 1
        elif tag >> uint64(3) == uint64(1):
            return BAD_WIRE_TYPE, at
        else:
            counts[1] += 1
        at = stop
    return OK, 0


@njit(nogil=True, cache=True)
def _fill_series(
    buf: Bytes,
    at: int,
    stop: int,
    i: int,
    label_start: Int64Array,
    label_end: Int64Array,
    counts: Int64Array,
    series_index: Int64Array,
    timestamps: Int64Array,
    bits: UInt64Array,
) -> tuple[int, int]:
    """Read TimeSeries i, buf[at:stop], whose labels up to label_end[i] are recognised already."""
    has_labels = label_end[i] > at
    at = label_end[i]
    while at < stop:
        tag, start, end = field(buf, at, stop)
        if start < 0:
            return -start, end
        if tag == uint64(18):
            row = counts[2]
            if row < len(timestamps):
                status, where = read_sample(buf, start, end, timestamps, bits, row)
                if status != OK:
                    return status, where
                series_index[row] = i
            counts[2] = row + 1
        elif tag == uint64(10):
            if has_labels and label_end[i] != at:
                return SPLIT_LABELS, at
            label_start[i] = label_start[i] if has_labels else at
            has_labels = True
            label_end[i] = end
        elif tag >> uint64(3) < uint64(COUNTED):
            if tag & uint64(7) != uint64(2):
                return BAD_WIRE_TYPE, at
            counts[np.int64(tag >> uint64(3))] += 1
        at = end
    return OK, at


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
