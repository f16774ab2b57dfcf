"""Numba kernels that read fields of the TimeSeries messages of remote write."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit, uint64

from ingest.wire.kernels import BAD_WIRE_TYPE, OK, SPLIT_LABELS, field, varint, word_at
from storage.model import Int64Array, UInt64Array

Bytes = npt.NDArray[np.uint8]


@njit(nogil=True, cache=True)
def locate_within(
    buf: Bytes,
    starts: Int64Array,
    ends: Int64Array,
    number: int,
    series: Int64Array,
    field_starts: Int64Array,
    field_ends: Int64Array,
) -> tuple[int, int, int]:
    """Find the fields numbered `number` of messages: (status, offset, how many).

    series, int64, takes the message that each is of; the columns have room for all.
    """
    found = 0
    for i in range(len(starts)):
        at = starts[i]
        while at < ends[i]:
            tag, start, stop = field(buf, at, ends[i])
            if start < 0:
                return -start, stop, found
            if tag == uint64(number << 3 | 2):
                series[found], field_starts[found], field_ends[found] = i, start, stop
                found += 1
            at = stop
    return OK, 0, found


@njit(nogil=True, cache=True)
def fill_starts(
    buf: Bytes, starts: Int64Array, ends: Int64Array, created: Int64Array, of_samples: Int64Array
) -> tuple[int, int]:
    """Start timestamps of a sound 2.0 request: (status, offset).

    created, int64 (series,), takes field 6 of a TimeSeries; of_samples, int64 (samples,), field 3 of a
    Sample, and where that is missing the series' own. 0 stands for none.
    """
    row = 0
    for i in range(len(starts)):
        at, first = starts[i], row
        created[i] = 0
        while at < ends[i]:
            tag, start, stop = field(buf, at, ends[i])
            if start < 0:
                return -start, stop
            if tag == uint64(48):
                created[i] = np.int64(varint(buf, start, stop)[0])
            elif tag == uint64(18):
                status, where, of_samples[row] = _start_of(buf, start, stop)
                if status != OK:
                    return status, where
                row += 1
            at = stop
        for sample in range(first, row):
            if of_samples[sample] == 0:
                of_samples[sample] = created[i]
    return OK, 0


@njit(nogil=True, cache=True)
def _start_of(buf: Bytes, at: int, end: int) -> tuple[int, int, int]:
    found = np.int64(0)
    while at < end:
        tag, start, stop = field(buf, at, end)
        if start < 0:
            return -start, stop, 0
        if tag == uint64(24):
            found = np.int64(varint(buf, start, stop)[0])
        at = stop
    return OK, 0, int(found)


@njit(nogil=True, cache=True)
def read_exemplars(
    buf: Bytes, starts: Int64Array, ends: Int64Array, words: UInt64Array, labels: Int64Array
) -> tuple[int, int]:
    """Read Exemplar messages: labels or their references = 1, double value = 2, int64 timestamp = 3.

    words, uint64 (2, exemplars), takes the bits of values and times; labels, int64 (2, exemplars), where the
    fields numbered 1 begin and end, which lie together. Returns (status, offset).
    """
    for i in range(len(starts)):
        at = labels[0, i] = labels[1, i] = starts[i]
        words[0, i] = words[1, i] = uint64(0)
        while at < ends[i]:
            tag, start, stop = field(buf, at, ends[i])
            if start < 0:
                return -start, stop
            if tag == uint64(10) or tag == uint64(8):
                if labels[1, i] > labels[0, i] and labels[1, i] != at:
                    return SPLIT_LABELS, at
                if labels[1, i] == labels[0, i]:
                    labels[0, i] = at
                labels[1, i] = stop
            elif tag == uint64(17):
                words[0, i] = word_at(buf, start)
            elif tag == uint64(24):
                words[1, i], _ = varint(buf, start, stop)
            elif tag >> uint64(3) <= uint64(3):
                return BAD_WIRE_TYPE, at
            at = stop
    return OK, 0
