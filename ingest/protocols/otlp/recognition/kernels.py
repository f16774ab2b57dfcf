"""Numba kernels that recognise data points by their bytes, so that labels are not written for known series.

What tells a point's series apart are its source and metric, a number each, its attributes as they were sent,
and the bounds or quantiles. All of it is hashed under a key of this process's own, which nobody can make
collide (see `ingest.series.kernels.siphash`).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit, uint64

from ingest.protocols.otlp.messages.kernels import ATTRIBUTES
from ingest.series.kernels import claim, probe, siphash
from storage.model import BoolArray, Int64Array, UInt64Array

Bytes = npt.NDArray[np.uint8]

_ODD = uint64(0x9E3779B97F4A7C15)


@njit(nogil=True, cache=True)
def recognise(
    buf: Bytes,
    identities: Int64Array,
    metric_of: Int64Array,
    spans: Int64Array,
    edges: Bytes,
    edge_offsets: Int64Array,
    row_offsets: Int64Array,
    names: npt.NDArray[np.int8],
    k0: np.uint64,
    k1: np.uint64,
    entries: UInt64Array,
    firsts: Int64Array,
    series: Int64Array,
    hashes: UInt64Array,
    numbers: Int64Array,
    is_known: BoolArray,
) -> None:
    """Give the rows of known points the numbers of their series.

    identities: int64 (metrics,), of a metric and its source, -1 where points are not to be recognised. edges:
    the bytes of the points' edges. entries: uint64 (capacity, 3), see `ingest.series.kernels.probe`; firsts:
    int64, where a known point's numbers begin in series, int64. Fills hashes, uint64 (points, 2), numbers,
    int64 (rows,), and is_known, bool (points,).
    """
    for point in range(len(metric_of)):
        row, end = row_offsets[point], row_offsets[point + 1]
        identity = identities[metric_of[point]]
        if identity < 0 or row == end:
            continue
        # Points of one metric with and without a sum have their rows at other places.
        shape = uint64(end - row) << uint64(8) | uint64(names[row])
        one, two = siphash(
            buf,
            spans[point, ATTRIBUTES],
            spans[point, ATTRIBUTES + 1],
            k0 ^ uint64(identity) * _ODD,
            k1 ^ shape * _ODD,
        )
        if edge_offsets[point] < edge_offsets[point + 1]:
            one, two = siphash(edges, 8 * edge_offsets[point], 8 * edge_offsets[point + 1], one, two)
        hashes[point, 0], hashes[point, 1] = one, two | uint64(1)
        number = probe(entries, one, two | uint64(1))
        # Another thread may have stored the hash, and what belongs to it in longer arrays than these.
        if 0 <= number < len(firsts) and 0 <= firsts[number] <= len(series) - (end - row):
            is_known[point] = True
            for i in range(end - row):
                numbers[row + i] = series[firsts[number] + i]
                is_known[point] &= numbers[row + i] >= 0


@njit(nogil=True, cache=True)
def remember(
    points: Int64Array,
    identities: Int64Array,
    metric_of: Int64Array,
    row_offsets: Int64Array,
    numbers: Int64Array,
    hashes: UInt64Array,
    entries: UInt64Array,
    firsts: Int64Array,
    series: Int64Array,
    used: Int64Array,
) -> None:
    """Remember those of `points` whose series are all known by now.

    used: int64 (2,), how many points and numbers there are. The hash is stored last, for readers without a
    lock.
    """
    for point in points:
        row, end = row_offsets[point], row_offsets[point + 1]
        if identities[metric_of[point]] < 0 or row == end or numbers[row:end].min() < 0:
            continue
        if probe(entries, hashes[point, 0], hashes[point, 1]) >= 0:
            continue
        number = used[0]
        firsts[number] = used[1]
        for i in range(end - row):
            series[used[1] + i] = numbers[row + i]
        used[0], used[1] = number + 1, used[1] + end - row
        claim(entries, hashes[point, 0], hashes[point, 1], number)
