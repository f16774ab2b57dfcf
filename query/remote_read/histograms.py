"""Native histograms as prompb.Histogram messages."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

import numpy as np

from query.block import Cells
from query.remote_read.messages import double, integer, message, varint, zigzag
from storage.histograms import Buckets, Histograms, concat, no_histograms
from storage.model import STALE_NAN_BITS, BoolArray, Float64Array, Int64Array, is_stale

_MOST: Final = 2.0**53


def apart(values: Float64Array, cells: Cells) -> tuple[BoolArray, Histograms]:
    """Which samples of one series are floats, and the histograms that the others are.

    Among histograms a stale marker is one too: a client expects one kind in a series.
    """
    is_float = cells.at < 0
    if is_float.all():
        return is_float, no_histograms()
    stale = is_float & is_stale(values)
    rows = np.where(stale, len(cells.pool), cells.at)
    is_float = is_float & ~stale
    return is_float, concat([cells.pool, _stale()]).take(rows[~is_float])


def _stale() -> Histograms:
    one = no_histograms()
    empty = Buckets(np.zeros(2, np.int64), one.positive.indexes, one.positive.counts)
    zero, marker = np.zeros(1), np.array([STALE_NAN_BITS], np.uint64).view(np.float64)
    none = np.zeros(1, np.int8), zero, zero, zero, marker, np.zeros(1, np.uint8)
    return Histograms(*none, empty, empty, np.zeros(2, np.int64), one.bounds)


def histogram_messages(pool: Histograms, timestamps_ms: Int64Array) -> Iterator[bytes]:
    """A message for each histogram; int64 (n,) times. Whole numbers go as such, as most senders give them."""
    for i, at_ms in enumerate(timestamps_ms.tolist()):
        whole = _is_whole(pool, i)
        count, zeros = float(pool.counts[i]), float(pool.zero_counts[i])
        bounds = pool.bounds[pool.bound_offsets[i] : pool.bound_offsets[i + 1]]
        yield b"".join(
            (
                _number(1, count, whole),
                double(3, float(pool.sums[i])),
                integer(4, zigzag(int(pool.schemas[i]))),
                double(5, float(pool.zero_thresholds[i])),
                _number(6, zeros, whole),
                _side(8, pool.negative, i, whole),
                _side(11, pool.positive, i, whole),
                integer(14, int(pool.hints[i])),
                integer(15, at_ms),
                _doubles(16, bounds.tolist()),
            )
        )


def _is_whole(pool: Histograms, row: int) -> bool:
    parts = [
        side.counts[side.offsets[row] : side.offsets[row + 1]] for side in (pool.positive, pool.negative)
    ]
    numbers = np.concatenate([*parts, pool.counts[row : row + 1], pool.zero_counts[row : row + 1]])
    return bool(((numbers == np.floor(numbers)) & (numbers >= 0) & (numbers < _MOST)).all())


def _number(field: int, value: float, whole: bool) -> bytes:
    """An integer as field `field`, or a float as the next one."""
    return varint(field << 3) + varint(int(value)) if whole else double(field + 1, value)


def _side(field: int, buckets: Buckets, row: int, whole: bool) -> bytes:
    """Spans as field `field`, then differences of counts, or the counts themselves as the field after."""
    mine = slice(buckets.offsets[row], buckets.offsets[row + 1])
    gaps = np.diff(buckets.indexes[mine], prepend=0).tolist()
    offsets = [gap - (place > 0) for place, gap in enumerate(gaps)]
    spans = b"".join(message(field, integer(1, zigzag(offset)) + integer(2, 1)) for offset in offsets)
    counts = buckets.counts[mine]
    if not whole:
        return spans + _doubles(field + 2, counts.tolist())
    deltas = np.diff(counts, prepend=0.0).tolist()
    packed = b"".join(varint(zigzag(int(delta))) for delta in deltas)
    return spans + (message(field + 1, packed) if packed else b"")


def _doubles(number: int, values: list[float]) -> bytes:
    if not values:
        return b""
    return varint(number << 3 | 2) + varint(8 * len(values)) + struct.pack(f"<{len(values)}d", *values)
