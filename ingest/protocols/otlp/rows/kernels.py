"""Numba kernels that turn data points into samples: one a gauge or sum, several a histogram or summary.

A histogram with n bounds has a sum (where it says one), a count, n cumulated buckets and the one of +Inf; a
summary a sum, a count and its quantiles.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit, uint64

from ingest.protocols.otlp.messages.kernels import (
    AMOUNTS,
    COUNT,
    DOUBLE,
    EDGES,
    EXPONENTIAL,
    FLAGS,
    GAUGE,
    HISTOGRAM,
    INT,
    KIND,
    RESOURCE,
    START,
    SUM_OF,
    SUMMARY,
    TIME,
    WHOLE,
)
from ingest.wire.kernels import BAD_WIRE_TYPE, OK, field, word_at
from storage.model import BoolArray, Float64Array, Int64Array, UInt64Array

Bytes = npt.NDArray[np.uint8]
UInt16Array = npt.NDArray[np.uint16]

# Which of a metric's names a row has.
OWN, SUM_NAME, COUNT_NAME, BUCKET_NAME = range(4)

_STALE = uint64(0x7FF0000000000002)
_NS_PER_MS = uint64(1_000_000)
_LATEST = (1 << 63) - 1


@njit(nogil=True, cache=True)
def measure(
    metrics: Int64Array,
    metric_of: Int64Array,
    words: UInt64Array,
    present: UInt16Array,
    spans: Int64Array,
    now_ms: int,
    kinds: Int64Array,
    times_ms: Int64Array,
    starts_ms: Int64Array,
    is_stale: BoolArray,
    edge_offsets: Int64Array,
    amount_offsets: Int64Array,
    row_offsets: Int64Array,
) -> None:
    """Fill what follows from points as they were read; columns as of `otlp.points.Points`."""
    edge_offsets[0] = amount_offsets[0] = row_offsets[0] = 0
    for point in range(len(metric_of)):
        kind = metrics[metric_of[point], KIND]
        edges = amounts = 0
        rows = 1
        if kind == HISTOGRAM:
            edges, amounts = spans[point, EDGES], spans[point, AMOUNTS]
            rows = 2 + min(edges, amounts) + (present[point] >> SUM_OF & 1)
        elif kind == SUMMARY:
            edges = amounts = spans[point, EDGES]
            rows = 2 + edges
        kinds[point] = kind
        time = words[point, TIME]
        times_ms[point] = np.int64(time // _NS_PER_MS) if time != uint64(0) else now_ms
        starts_ms[point] = np.int64(words[point, START] // _NS_PER_MS)
        is_stale[point] = words[point, FLAGS] & uint64(1) != uint64(0)
        edge_offsets[point + 1] = edge_offsets[point] + edges
        amount_offsets[point + 1] = amount_offsets[point] + amounts
        row_offsets[point + 1] = row_offsets[point] + rows


@njit(nogil=True, cache=True)
def find_extents(
    metrics: Int64Array, metric_of: Int64Array, times_ms: Int64Array, earliest: Int64Array, latest: Int64Array
) -> None:
    """The earliest and the latest time of the points of each resource, int64 (resources,)."""
    earliest[:] = _LATEST
    latest[:] = -_LATEST
    for point in range(len(metric_of)):
        resource = metrics[metric_of[point], RESOURCE]
        earliest[resource] = min(earliest[resource], times_ms[point])
        latest[resource] = max(latest[resource], times_ms[point])


@njit(nogil=True, cache=True)
def fill_edges(
    buf: Bytes,
    kinds: Int64Array,
    spans: Int64Array,
    edge_offsets: Int64Array,
    edges: UInt64Array,
    amount_offsets: Int64Array,
    amounts: UInt64Array,
) -> tuple[int, int]:
    """Fill the bounds and counts of histograms, the quantiles and values of summaries: (status, offset).

    kinds: int64 (points,). Offsets, int64 (points + 1,), say where a point's begin, as `spans` counts them;
    edges and amounts take bits: of doubles, but for counts, which are whole.
    """
    for row in range(len(kinds)):
        kind, at, end = kinds[row], spans[row, WHOLE], spans[row, WHOLE + 1]
        edge, amount = edge_offsets[row], amount_offsets[row]
        if edge == edge_offsets[row + 1] and amount == amount_offsets[row + 1]:
            continue
        while at < end:
            tag, start, stop = field(buf, at, end)
            number = tag >> uint64(3)
            if kind == HISTOGRAM and number == uint64(6):
                for place in range(start, stop, 8):
                    amounts[amount] = word_at(buf, place)
                    amount += 1
            elif kind == HISTOGRAM and number == uint64(7):
                for place in range(start, stop, 8):
                    edges[edge] = word_at(buf, place)
                    edge += 1
            elif kind == SUMMARY and number == uint64(6):
                status, offset = _read_quantile(buf, start, stop, edges, edge, amounts, amount)
                if status != OK:
                    return status, offset
                edge += 1
                amount += 1
            at = stop
    return OK, 0


@njit(nogil=True, cache=True)
def _read_quantile(
    buf: Bytes, at: int, end: int, edges: UInt64Array, edge: int, amounts: UInt64Array, amount: int
) -> tuple[int, int]:
    """Message ValueAtQuantile: double quantile = 1, double value = 2."""
    edges[edge] = amounts[amount] = uint64(0)
    while at < end:
        tag, start, stop = field(buf, at, end)
        if start < 0:
            return -start, stop
        if tag == uint64(9):
            edges[edge] = word_at(buf, start)
        elif tag == uint64(17):
            amounts[amount] = word_at(buf, start)
        elif tag < uint64(24):
            return BAD_WIRE_TYPE, at
        at = stop
    return OK, 0


@njit(nogil=True, cache=True)
def find_repeated(
    edge_offsets: Int64Array, kinds: Int64Array, edges: UInt64Array, firsts: Int64Array
) -> None:
    """Note where an edge repeats that of the point before, at the same place. firsts: int64 (edges,).

    firsts[i] is the first edge of the run that edge i repeats, i itself where it repeats none.
    """
    before, size, kind = 0, 0, -1
    for row in range(len(kinds)):
        start, end = edge_offsets[row], edge_offsets[row + 1]
        if end == start:
            continue
        for i in range(end - start):
            is_same = kind == kinds[row] and i < size and edges[start + i] == edges[before + i]
            firsts[start + i] = firsts[before + i] if is_same else start + i
        before, size, kind = start, end - start, kinds[row]


@njit(nogil=True, cache=True)
def fill_rows(
    kinds: Int64Array,
    row_offsets: Int64Array,
    words: UInt64Array,
    present: UInt16Array,
    edge_offsets: Int64Array,
    edge_texts: Int64Array,
    infinity_text: int,
    amount_offsets: Int64Array,
    amounts: UInt64Array,
    bits: UInt64Array,
    names: npt.NDArray[np.int8],
    texts: Int64Array,
) -> None:
    """Fill the rows of points: values' bits, which of its metric's names, and which `le` or `quantile`.

    Row offsets, int64 (points + 1,), say which rows are a point's. edge_texts: int64 (edges,), the number of
    an edge's text; texts takes it, int64 (rows,), -1 where a row has none.
    """
    floats = bits.view(np.float64)
    for point in range(len(kinds)):
        row, end, kind = row_offsets[point], row_offsets[point + 1], kinds[point]
        if row == end:
            continue
        texts[row:end] = -1
        names[row:end] = OWN
        if kind in (HISTOGRAM, SUMMARY):
            edge, amount = edge_offsets[point], amount_offsets[point]
            if kind == SUMMARY or present[point] >> SUM_OF & 1:
                names[row], bits[row] = SUM_NAME, words[point, SUM_OF]
                row += 1
            names[row], floats[row] = COUNT_NAME, np.float64(words[point, COUNT])
            row += 1
            if kind == SUMMARY:
                for i in range(end - row):
                    bits[row + i], texts[row + i] = amounts[amount + i], edge_texts[edge + i]
            else:
                total = uint64(0)
                for i in range(end - row - 1):
                    total += amounts[amount + i]
                    names[row + i], floats[row + i] = BUCKET_NAME, np.float64(total)
                    texts[row + i] = edge_texts[edge + i]
                names[end - 1], texts[end - 1] = BUCKET_NAME, infinity_text
                floats[end - 1] = np.float64(words[point, COUNT])
        elif kind != EXPONENTIAL:
            if present[point] >> DOUBLE & 1:
                bits[row] = words[point, DOUBLE]
            else:
                floats[row] = np.float64(np.int64(words[point, INT]))
        if words[point, FLAGS] & uint64(1):
            bits[row_offsets[point] : end] = _STALE


@njit(nogil=True, cache=True)
def place_exemplars(
    points: Int64Array,
    values: Float64Array,
    kinds: Int64Array,
    row_offsets: Int64Array,
    edge_offsets: Int64Array,
    edges: UInt64Array,
    names: npt.NDArray[np.int8],
    rows: Int64Array,
    keep: BoolArray,
) -> None:
    """Give exemplars of points their rows: of a histogram's the bucket with the least bound that holds them.

    An exemplar of a gauge or a summary is not kept, nor one whose value is in no bucket.
    """
    bounds = edges.view(np.float64)
    for i in range(len(points)):
        point = points[i]
        row, end, kind = row_offsets[point], row_offsets[point + 1], kinds[point]
        rows[i], keep[i] = row, row < end and kind not in (SUMMARY, GAUGE)
        if kind == HISTOGRAM and row < end:
            best = np.inf
            rows[i] = end - 1
            keep[i] = not np.isnan(values[i])
            first = row
            while names[first] != BUCKET_NAME:
                first += 1
            for k in range(end - 1 - first):
                bound = bounds[edge_offsets[point] + k]
                if values[i] <= bound < best:
                    best, rows[i] = bound, first + k
