"""Numba kernels that make native histograms of exponential ones.

A bucket of OTLP's at index i holds (base^i, base^(i+1)], where a native one at index i holds up to base^i, so
that indexes move by one; scales above 8 are made 8 by merging neighbours (Prometheus,
storage/remote/otlptranslator).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit, uint64

from ingest.protocols.otlp.messages.kernels import SCALE
from ingest.wire.kernels import field, varint
from storage.model import Float64Array, Int32Array, Int64Array, UInt64Array

Bytes = npt.NDArray[np.uint8]

SOUND, BAD_SCALE, BAD_TOTAL, BAD_INDEX = range(4)

_COARSEST, _FINEST = -4, 8
_INT32 = 1 << 31


@njit(nogil=True, cache=True)
def zigzag(word: np.uint64) -> np.int64:
    """The signed number that a varint of type sint32 or sint64 stands for."""
    return np.int64(word >> uint64(1)) ^ -np.int64(word & uint64(1))


@njit(nogil=True, cache=True)
def fill_buckets(
    buf: Bytes,
    starts: Int64Array,
    ends: Int64Array,
    words: UInt64Array,
    scales: Int64Array,
    offsets: Int64Array,
    indexes: Int32Array,
    counts: Float64Array,
    totals: UInt64Array,
    outcomes: npt.NDArray[np.int8],
) -> None:
    """Fill the buckets of one sign of histograms, as `storage.histograms.Buckets` has them.

    starts, ends: int64 (n,), the messages `Buckets` of them, as `read_messages` has read their words. scales:
    int64 (n,). indexes and counts have room for every bucket sent. totals, uint64 (n,), grows by what is
    counted; outcomes, int8 (n,), takes what is wrong with a histogram, which then has no buckets.
    """
    offsets[0] = out = 0
    for i in range(len(starts)):
        first = out
        if scales[i] < _COARSEST:
            outcomes[i] = BAD_SCALE
        elif starts[i] < ends[i]:
            shift = max(scales[i] - _FINEST, 0)
            out, total = _fill(buf, starts[i], ends[i], zigzag(words[i, SCALE]), shift, indexes, counts, out)
            totals[i] += total
            if out < 0:
                outcomes[i], out = BAD_INDEX, first
        offsets[i + 1] = out


@njit(nogil=True, cache=True)
def _fill(
    buf: Bytes, at: int, end: int, index: int, shift: int, indexes: Int32Array, counts: Float64Array, out: int
) -> tuple[int, np.uint64]:
    first, total = out, uint64(0)
    shift = min(shift, 62)
    while at < end:
        tag, start, stop = field(buf, at, end)
        if tag >> uint64(3) == uint64(2):
            while start < stop:
                count, start = varint(buf, start, stop)
                place = (index >> shift) + 1
                if count != uint64(0):
                    if not -_INT32 <= place < _INT32:
                        return -1, total
                    if out > first and indexes[out - 1] == place:
                        counts[out - 1] += np.float64(count)
                    else:
                        indexes[out], counts[out] = np.int32(place), np.float64(count)
                        out += 1
                    total += count
                index += 1
        at = stop
    return out, total
