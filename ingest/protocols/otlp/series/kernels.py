"""Numba kernels that write the label bytes of data points, sorted by name (see `ingest.decoded`).

What a point's series have in common, the labels of its resource and scope, comes written from Python; its
attributes are written and sorted in here where they are plain. Attributes that are not (values other than
strings, whole numbers and booleans, keys that need more than `_` in the place of ASCII signs, names that
meet) are left to Python, whose sets of labels then replace both.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit, uint64

from ingest.protocols.otlp.attribute.kernels import put, write_attribute
from ingest.protocols.otlp.messages.kernels import ATTRIBUTE_COUNT, ATTRIBUTE_FIELDS, ATTRIBUTES
from ingest.wire.kernels import field
from storage.model import BoolArray, Int64Array

Bytes = npt.NDArray[np.uint8]

MOST_ATTRIBUTES = 64
GROWTH = 24
"""How many bytes longer than its message an attribute may be as a label."""

_NAME = np.frombuffer(b"__name__", np.uint8)


@njit(nogil=True, cache=True)
def write_labels(
    buf: Bytes,
    points: Int64Array,
    kinds: Int64Array,
    spans: Int64Array,
    is_whole: bool,
    escapes: bool,
    sets: Int64Array,
    set_offsets: Int64Array,
    metric_of: Int64Array,
    name_spans: Int64Array,
    row_offsets: Int64Array,
    names: npt.NDArray[np.int8],
    texts: Int64Array,
    text_spans: Int64Array,
    work: Bytes,
    arena_end: int,
    base_entries: Int64Array,
    entries: Int64Array,
    out: Bytes,
    starts: Int64Array,
    ends: Int64Array,
    is_plain: BoolArray,
) -> int:
    """Write the label bytes of all rows of `points`; returns how many bytes of out are written.

    work: uint8, up to arena_end label bytes: set i, sorted by name, in set_offsets[i] to set_offsets[i + 1],
    the names of metrics and the texts of rows (`le`, `quantile`) where name_spans, int64 (metrics, 8), and
    text_spans, int64 (texts, 2), say; and behind it room for three times one point's labels. sets: int64
    (points of the request,). is_whole: the sets hold the attributes too. base_entries, int64 (labels of a
    set, 4), and entries, int64 (labels of a point, 5), are scratch: the spans of a label's name and of all of
    it, and of which attribute it is. Fills starts and ends, int64 (rows,), and is_plain, of `points`: rows of
    those that are not have no bytes yet.
    """
    at, known, base, labels = 0, -1, 0, 0
    side, before, is_laid = 0, 0, False
    room = (len(work) - arena_end) // 3
    read = np.empty((2, MOST_ATTRIBUTES, 6), np.int64)
    places = np.empty(MOST_ATTRIBUTES, np.int64)
    for i in range(len(points)):
        point = points[i]
        row, end = row_offsets[point], row_offsets[point + 1]
        if sets[point] != known:
            known, is_laid = sets[point], False
            base = _read_set(work, set_offsets[known], set_offsets[known + 1], base_entries)
        count = 0 if is_whole else spans[point, ATTRIBUTE_COUNT]
        keeps_keys = False
        if count > 0:
            side = 1 - side
            number = ATTRIBUTE_FIELDS[kinds[point]]
            free = arena_end + side * room
            count, keeps_keys = _write_attributes(
                buf, spans[point], number, escapes, work, free, read[side], read[1 - side], before
            )
        if count < 0:
            before, is_laid, is_plain[i] = 0, False, False
            continue
        if is_laid and (keeps_keys or count == before == 0):
            for k in range(count):
                for column in range(4):
                    entries[places[k], column] = read[side, k, 2 + column]
        else:
            labels = _lay(work, base_entries, base, read[side], count, entries, places)
        before, is_laid, is_plain[i] = count, labels >= 0, labels >= 0
        if labels < 0 or row == end:
            continue
        stop = arena_end + 2 * room
        size, name_at, text_at = _merge(work, entries, labels, texts[end - 1], text_spans, stop)
        if name_at < 0:
            is_plain[i] = False
            continue
        at = _put_rows(
            work,
            stop,
            size,
            name_at,
            text_at,
            row,
            end,
            name_spans[metric_of[point]],
            names,
            texts,
            text_spans,
            out,
            at,
            starts,
            ends,
        )
    return at


@njit(nogil=True, cache=True)
def _put_rows(
    work: Bytes,
    merged: int,
    size: int,
    name_at: int,
    text_at: int,
    row: int,
    end: int,
    name_spans: Int64Array,
    names: npt.NDArray[np.int8],
    texts: Int64Array,
    text_spans: Int64Array,
    out: Bytes,
    at: int,
    starts: Int64Array,
    ends: Int64Array,
) -> int:
    """Write a point's labels once a row, with the row's name and text; returns the offset behind them."""
    for k in range(row, end):
        starts[k] = at
        name = 2 * names[k]
        at = put(work, merged, merged + name_at, out, at)
        at = put(work, name_spans[name], name_spans[name + 1], out, at)
        if texts[k] >= 0:
            at = put(work, merged + name_at, merged + text_at, out, at)
            at = put(work, text_spans[texts[k], 0], text_spans[texts[k], 1], out, at)
            at = put(work, merged + text_at, merged + size, out, at)
        else:
            at = put(work, merged + name_at, merged + size, out, at)
        ends[k] = at
    return at


@njit(nogil=True, cache=True)
def _read_set(work: Bytes, at: int, end: int, entries: Int64Array) -> int:
    """Take label bytes apart into entries; returns how many."""
    found = 0
    while at < end:
        _, start, stop = field(work, at, end)
        _, name, name_end = field(work, start, stop)
        entries[found, 0], entries[found, 1] = name, name_end
        entries[found, 2], entries[found, 3] = at, stop
        found += 1
        at = stop
    return found


@njit(nogil=True, cache=True)
def _write_attributes(
    buf: Bytes,
    spans: Int64Array,
    number: int,
    escapes: bool,
    work: Bytes,
    free: int,
    read: Int64Array,
    last: Int64Array,
    before: int,
) -> tuple[int, bool]:
    """Write a point's attributes as labels from `free` on, copying those that the point before had too.

    read takes of each where it lies in buf, and its name and all of it in work; last is that of the point
    before, which had `before`. Returns (attributes, whether their names are the same as before, in order),
    (-1, False) where one is not plain.
    """
    at, end = spans[ATTRIBUTES], spans[ATTRIBUTES + 1]
    if spans[ATTRIBUTE_COUNT] > MOST_ATTRIBUTES:
        return -1, False
    found, keeps_keys = 0, True
    while at < end:
        tag, start, stop = field(buf, at, end)
        if tag >> uint64(3) == uint64(number):
            read[found, 0], read[found, 1] = start, stop
            if found < before and _is_same(buf, start, stop, buf, last[found, 0], last[found, 1]):
                moved = free - last[found, 4]
                for column in range(2, 6):
                    read[found, column] = last[found, column] + moved
                put(work, last[found, 4], last[found, 5], work, free)
            else:
                name, name_end, written = write_attribute(buf, start, stop, escapes, work, free)
                if written < 0:
                    return -1, False
                read[found, 2], read[found, 3] = name, name_end
                read[found, 4], read[found, 5] = free, written
                keeps_keys = (
                    keeps_keys
                    and found < before
                    and _is_same(work, name, name_end, work, last[found, 2], last[found, 3])
                )
            free = read[found, 5]
            found += 1
        at = stop
    return found, keeps_keys and found == before


@njit(nogil=True, cache=True)
def _lay(
    work: Bytes,
    base_entries: Int64Array,
    base: int,
    read: Int64Array,
    count: int,
    entries: Int64Array,
    places: Int64Array,
) -> int:
    """Sort attributes in among the base labels; returns how many labels there are, -1 where two names meet.

    places takes where the entry of each attribute is.
    """
    for i in range(base):
        for column in range(4):
            entries[i, column] = base_entries[i, column]
        entries[i, 4] = -1
    labels = base
    for k in range(count):
        place = labels
        while place > 0:
            order = _compare(work, entries[place - 1, 0], entries[place - 1, 1], read[k, 2], read[k, 3])
            if order == 0:
                return -1
            if order < 0:
                break
            for column in range(5):
                entries[place, column] = entries[place - 1, column]
            place -= 1
        for column in range(4):
            entries[place, column] = read[k, 2 + column]
        entries[place, 4] = k
        labels += 1
    for i in range(labels):
        if entries[i, 4] >= 0:
            places[entries[i, 4]] = i
    return labels


@njit(nogil=True, cache=True)
def _merge(
    work: Bytes, entries: Int64Array, labels: int, text: int, text_spans: Int64Array, out: int
) -> tuple[int, int, int]:
    """Write the entries one after the other: (size, where `__name__` goes, where the row's own text goes).

    The places are -1 where a label of that name is there already. text: -1 where the rows have none.
    """
    first, name_at, text_at = out, -1, -1
    text_name = text_name_end = 0
    if text >= 0:
        _, start, stop = field(work, text_spans[text, 0], text_spans[text, 1])
        _, text_name, text_name_end = field(work, start, stop)
    else:
        text_at = 0
    for i in range(labels):
        if name_at < 0:
            order = _compare_name(work, entries[i, 0], entries[i, 1])
            if order == 0:
                return 0, -1, -1
            if order > 0:
                name_at = out - first
        if text_at < 0:
            order = _compare(work, entries[i, 0], entries[i, 1], text_name, text_name_end)
            if order == 0:
                return 0, -1, -1
            if order > 0:
                text_at = out - first
        out = put(work, entries[i, 2], entries[i, 3], work, out)
    size = out - first
    return size, name_at if name_at >= 0 else size, text_at if text_at >= 0 else size


@njit(nogil=True, cache=True)
def _is_same(one: Bytes, start: int, end: int, two: Bytes, other: int, other_end: int) -> bool:
    if end - start != other_end - other:
        return False
    # No way out of the loop, so that it compares many bytes at once.
    differences = np.uint8(0)
    for i in range(end - start):
        differences |= one[uint64(start + i)] ^ two[uint64(other + i)]
    return bool(differences == 0)


@njit(nogil=True, cache=True)
def _compare(work: Bytes, one: int, one_end: int, two: int, two_end: int) -> int:
    """Below 0, 0 or above 0 as the first text sorts before, with or behind the second."""
    for i in range(min(one_end - one, two_end - two)):
        difference = int(np.int64(work[uint64(one + i)]) - np.int64(work[uint64(two + i)]))
        if difference != 0:
            return difference
    return (one_end - one) - (two_end - two)


@njit(nogil=True, cache=True)
def _compare_name(work: Bytes, one: int, one_end: int) -> int:
    for i in range(min(one_end - one, len(_NAME))):
        difference = int(np.int64(work[uint64(one + i)]) - np.int64(_NAME[i]))
        if difference != 0:
            return difference
    return (one_end - one) - len(_NAME)
