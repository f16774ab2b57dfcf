"""Numba kernels that turn native histograms of remote write into columns.

Format: message Histogram of Prometheus's prompb/types.proto, the same in version 2.0. Buckets come as spans
of indexes and, beside them, a number a bucket: differences of whole numbers, or counts as doubles.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit, uint64

from ingest.wire.kernels import BAD_WIRE_TYPE, OK, TOO_LONG, field, varint, word_at
from storage.model import Float64Array, Int32Array, Int64Array, UInt64Array

Bytes = npt.NDArray[np.uint8]
Int8Array = npt.NDArray[np.int8]
UInt8Array = npt.NDArray[np.uint8]

# Columns of `sizes`: spans of positive and of negative buckets, differences of either, counts of either,
# custom bounds, and whether the histogram counts in doubles.
SIZES = 8
_SPANS, _DELTAS, _COUNTS, _BOUNDS, _IS_FLOAT = 0, 2, 4, 6, 7

SOUND = 0
BAD_SCHEMA = 1
BAD_SPANS = 2
BAD_NUMBERS = 3
NEGATIVE = 4
BAD_TOTAL = 5
BAD_CUSTOM = 6

# Of each field the wire types that it may have, a bit each; spans are messages, the rest of repeated fields
# comes packed or one by one.
_WIRES = np.array([255, 1, 2, 2, 1, 2, 1, 2, 4, 5, 6, 4, 5, 6, 1, 1, 6, 1], np.uint8)
# Of each field that is a scalar the row of `words`.
_ROWS = np.array([-1, 2, 2, 3, -1, 0, 1, 1, -1, -1, -1, -1, -1, -1, -1, 4, -1, 5], np.int64)
# Of each repeated field the column of `sizes`.
_COLUMNS = np.array([-1, -1, -1, -1, -1, -1, -1, -1, 1, 3, 5, 0, 2, 4, -1, -1, 6, -1], np.int64)

_CUSTOM = -53
_COARSEST, _FINEST, _FINEST_SENT = -4, 8, 52
_INT32 = 1 << 31


@njit(nogil=True, cache=True)
def measure(buf: Bytes, starts: Int64Array, ends: Int64Array, sizes: Int64Array) -> tuple[int, int]:
    """Count what each histogram holds: (status, offset). sizes: int64 (histograms, SIZES), zero at first."""
    for i in range(len(starts)):
        at = starts[i]
        while at < ends[i]:
            tag, start, stop = field(buf, at, ends[i])
            if start < 0:
                return -start, stop
            if tag < uint64(len(_WIRES) * 8):
                number, wire = np.int64(tag >> uint64(3)), np.int64(tag & uint64(7))
                if _WIRES[number] >> wire & 1 == 0:
                    return BAD_WIRE_TYPE, at
                if number == 1 or number == 2:  # noqa: PLR1714 - numba takes longer over a set
                    sizes[i, _IS_FLOAT] = number - 1
                if _COLUMNS[number] >= 0:
                    values = _values(buf, number, wire, start, stop)
                    if values < 0:
                        return TOO_LONG, at
                    sizes[i, _COLUMNS[number]] += values
            at = stop
    return OK, 0


@njit(nogil=True, cache=True)
def _values(buf: Bytes, number: int, wire: int, start: int, stop: int) -> int:
    """How many values a repeated field holds; -1 where they do not fill it."""
    values = 1
    if wire == 2 and _WIRES[number] & 1:
        values = 0
        for at in range(start, stop):
            values += buf[uint64(at)] < 0x80
        if stop > start and buf[uint64(stop - 1)] >= 0x80:
            values = -1
    elif wire == 2 and _WIRES[number] & 2:
        values = (stop - start) // 8 if (stop - start) % 8 == 0 else -1
    return values


@njit(nogil=True, cache=True)
def fill(
    buf: Bytes,
    starts: Int64Array,
    ends: Int64Array,
    sizes: Int64Array,
    words: UInt64Array,
    floats: Float64Array,
    schemas: Int8Array,
    hints: UInt8Array,
    outcomes: Int8Array,
    offsets: Int64Array,
    indexes: Int32Array,
    counts: Float64Array,
    negative_offsets: Int64Array,
    negative_indexes: Int32Array,
    negative_counts: Float64Array,
    bound_offsets: Int64Array,
    bounds: Float64Array,
    spans: Int64Array,
    numbers: Float64Array,
) -> tuple[int, int]:
    """Fill the columns of histograms that `measure` has sized: (status, offset).

    words, uint64 (6, histograms), takes the bits of zero threshold, zero count, count and sum, and time and
    start in ms; floats is the same memory. outcomes, int8, says `SOUND` or why a histogram is not; it then
    has no buckets. Empty buckets are left out; what is finer than schema 8 is made that. spans,
    int64 (rows, 2), and numbers, float64, are scratch as large as the largest histogram needs.
    """
    offsets[0] = negative_offsets[0] = bound_offsets[0] = 0
    for i in range(len(starts)):
        at, end, size = starts[i], ends[i], sizes[i]
        schema, hint = _fill_scalars(buf, at, end, words, floats, i)
        limit = size[_BOUNDS] if schema == _CUSTOM else -1
        status, where, outcome, stop, buckets = _fill_buckets(
            buf, at, end, size, 0, schema, limit, offsets[i], indexes, counts, spans, numbers
        )
        if status != OK:
            return status, where
        status, where, other, negative_stop, negatives = _fill_buckets(
            buf,
            at,
            end,
            size,
            1,
            schema,
            limit,
            negative_offsets[i],
            negative_indexes,
            negative_counts,
            spans,
            numbers,
        )
        if status != OK:
            return status, where
        bounds_stop = _fill_bounds(buf, at, end, bound_offsets[i], bounds)
        own_bounds = bounds[bound_offsets[i] : bounds_stop]
        outcome = max(outcome, other)
        if outcome == SOUND:
            has_negatives = negative_stop > negative_offsets[i]
            outcome = _judge(floats[:, i], size, schema, buckets + negatives, has_negatives, own_bounds)
        is_sound = outcome == SOUND
        offsets[i + 1] = stop if is_sound else offsets[i]
        negative_offsets[i + 1] = negative_stop if is_sound else negative_offsets[i]
        bound_offsets[i + 1] = bounds_stop if is_sound else bound_offsets[i]
        schemas[i] = np.int8(min(schema, _FINEST)) if is_sound else np.int8(0)
        hints[i] = np.uint8(hint if hint <= 3 else 0)
        outcomes[i] = outcome
    return OK, 0


@njit(nogil=True, cache=True)
def _fill_scalars(
    buf: Bytes, at: int, end: int, words: UInt64Array, floats: Float64Array, i: int
) -> tuple[int, int]:
    """Fill column i of `words`, of which `floats` is another view; returns (schema, reset hint)."""
    schema = hint = np.int64(0)
    words[:, i] = uint64(0)
    while at < end:
        tag, start, stop = field(buf, at, end)
        number = np.int64(min(tag >> uint64(3), uint64(len(_ROWS))))
        if number == 4:
            schema = _zigzag(varint(buf, start, stop)[0])
        elif number == 14:
            hint = np.int64(varint(buf, start, stop)[0] & uint64(0xFF))
        elif number < len(_ROWS) and _ROWS[number] >= 0:
            if _WIRES[number] == 2:
                words[_ROWS[number], i] = word_at(buf, start)
            elif number <= 6:  # counts of whole numbers; times stay what they are
                floats[_ROWS[number], i] = np.float64(varint(buf, start, stop)[0])
            else:
                words[_ROWS[number], i] = varint(buf, start, stop)[0]
        at = stop
    return int(schema), int(hint)


@njit(nogil=True, cache=True, inline="always")
def _zigzag(word: np.uint64) -> np.int64:
    return np.int64(word >> uint64(1)) ^ -np.int64(word & uint64(1))


@njit(nogil=True, cache=True)
def _fill_buckets(
    buf: Bytes,
    at: int,
    end: int,
    sizes: Int64Array,
    sign: int,
    schema: int,
    limit: int,
    out: int,
    indexes: Int32Array,
    counts: Float64Array,
    spans: Int64Array,
    numbers: Float64Array,
) -> tuple[int, int, int, int, float]:
    """(status, offset, outcome, end of what was written from `out` on, sum of the counts).

    sign: 0 for positive buckets, 1 for negative ones. limit: how many custom bounds there are, else -1.
    """
    is_float = sizes[_IS_FLOAT] == 1
    spans_number = 11 - 3 * sign
    wanted = spans_number + (2 if is_float else 1)
    rows = n = 0
    running = np.int64(0)
    number_words = numbers.view(np.uint64)
    while at < end:
        tag, start, stop = field(buf, at, end)
        number = np.int64(tag >> uint64(3))
        if number == spans_number:
            status, where = _read_span(buf, start, stop, spans[rows])
            if status != OK:
                return status, where, SOUND, out, 0.0
            rows += 1
        elif number == wanted and is_float:
            for place in range(start, stop, 8):
                number_words[n] = word_at(buf, place)
                n += 1
        elif number == wanted:
            while start < stop:
                word, after = varint(buf, start, stop)
                if after < 0:
                    return TOO_LONG, start, SOUND, out, 0.0
                running += _zigzag(word)
                numbers[n] = np.float64(running)
                n += 1
                start = after
        at = stop
    shift = min(max(schema, _FINEST), _FINEST_SENT) - _FINEST
    outcome, written, total = _spread(spans[:rows], numbers[:n], shift, limit, out, indexes, counts)
    return OK, 0, outcome, written, total


@njit(nogil=True, cache=True)
def _read_span(buf: Bytes, at: int, end: int, span: Int64Array) -> tuple[int, int]:
    """Message BucketSpan: sint32 offset = 1, uint32 length = 2."""
    span[:] = 0
    while at < end:
        tag, start, stop = field(buf, at, end)
        if start < 0:
            return -start, stop
        if tag == uint64(8):
            span[0] = _zigzag(varint(buf, start, stop)[0])
        elif tag == uint64(16):
            span[1] = np.int64(varint(buf, start, stop)[0] & uint64(0xFFFFFFFF))
        elif tag >> uint64(3) <= uint64(2):
            return BAD_WIRE_TYPE, at
        at = stop
    return OK, at


@njit(nogil=True, cache=True)
def _spread(
    spans: Int64Array,
    numbers: Float64Array,
    shift: int,
    limit: int,
    out: int,
    indexes: Int32Array,
    counts: Float64Array,
) -> tuple[int, int, float]:
    """Give every number its index: (outcome, end of what was written, sum)."""
    first, n, index, total = out, 0, np.int64(0), 0.0
    for row in range(len(spans)):
        gap, length = spans[row, 0], spans[row, 1]
        if (row > 0 and gap < 0) or abs(gap) >= _INT32:
            return BAD_SPANS, first, 0.0
        index += gap
        if length > len(numbers) - n:
            return BAD_NUMBERS, first, 0.0
        for _ in range(length):
            count = numbers[n]
            if count < 0:
                return NEGATIVE, first, 0.0
            if index >= _INT32 or index < -_INT32:
                return BAD_SPANS, first, 0.0
            if limit >= 0 and (index < 0 or index > limit):
                return BAD_CUSTOM, first, 0.0
            place = ((index - 1) >> shift) + 1
            if count != 0 and out > first and indexes[out - 1] == place:
                counts[out - 1] += count
            elif count != 0:
                indexes[out], counts[out] = place, count
                out += 1
            total += count
            index += 1
            n += 1
    return (SOUND, out, total) if n == len(numbers) else (BAD_NUMBERS, first, 0.0)


@njit(nogil=True, cache=True)
def _fill_bounds(buf: Bytes, at: int, end: int, out: int, bounds: Float64Array) -> int:
    words = bounds.view(np.uint64)
    while at < end:
        tag, start, stop = field(buf, at, end)
        if tag >> uint64(3) == uint64(16):
            for place in range(start, stop, 8):
                words[out] = word_at(buf, place)
                out += 1
        at = stop
    return out


@njit(nogil=True, cache=True)
def _judge(
    scalars: Float64Array,
    sizes: Int64Array,
    schema: int,
    buckets: float,
    has_negatives: bool,
    bounds: Float64Array,
) -> int:
    """What is wrong with a histogram as a whole, after Validate of Prometheus's model/histogram."""
    zero_count, count, total = scalars[1], scalars[2], scalars[3]
    if schema != _CUSTOM and not _COARSEST <= schema <= _FINEST_SENT:
        return BAD_SCHEMA
    if zero_count < 0 or count < 0:
        return NEGATIVE
    # Sums of doubles are not exact, so that only whole numbers are held to their total. What was NaN when it
    # was observed is counted and is in no bucket.
    observed = buckets + zero_count
    if sizes[_IS_FLOAT] == 0 and (count < observed or (count != observed and not np.isnan(total))):
        return BAD_TOTAL
    if schema != _CUSTOM:
        return SOUND if len(bounds) == 0 else BAD_CUSTOM
    is_custom = not has_negatives and scalars[0] == 0 and zero_count == 0
    for i in range(len(bounds)):
        if np.isnan(bounds[i]) or bounds[i] == np.inf or (i > 0 and bounds[i] <= bounds[i - 1]):
            is_custom = False
    return SOUND if is_custom else BAD_CUSTOM
