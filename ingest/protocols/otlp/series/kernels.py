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

from ingest.protocols.otlp.messages.kernels import ATTRIBUTE_COUNT, ATTRIBUTE_FIELDS, ATTRIBUTES
from ingest.wire.kernels import field, varint
from storage.model import BoolArray, Int64Array

Bytes = npt.NDArray[np.uint8]

MOST_ATTRIBUTES = 64
GROWTH = 24
"""How many bytes longer than its message an attribute may be as a label."""

_NAME = np.frombuffer(b"__name__", np.uint8)
# What stands for an ASCII character in a label's name.
_SAFE = np.array([c if chr(c).isalnum() or c == 0x5F else 0x5F for c in range(128)], np.uint8)


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
    entries: Int64Array,
    out: Bytes,
    starts: Int64Array,
    ends: Int64Array,
    is_plain: BoolArray,
) -> int:
    """Write the label bytes of all rows of `points`; returns how many bytes of out are written.

    work: uint8, up to arena_end label bytes: set i, sorted by name, in set_offsets[i] to set_offsets[i + 1],
    the names of metrics and the texts of rows (`le`, `quantile`) where name_spans, int64 (metrics, 8), and
    text_spans, int64 (texts, 2), say; and behind it room for one point's labels, written twice. sets: int64
    (points of the request,). is_whole: the sets hold the attributes too. entries: int64 (labels of a point,
    4), scratch: the spans of a label's name and of all of it. Fills starts and ends, int64 (rows,), and
    is_plain, of `points`: rows of those that are not have no bytes yet.
    """
    at, known, base = 0, -1, 0
    for i in range(len(points)):
        point = points[i]
        row, end = row_offsets[point], row_offsets[point + 1]
        if sets[point] != known:
            known = sets[point]
            base = _read_set(work, set_offsets[known], set_offsets[known + 1], entries)
        labels, stop = base, arena_end
        is_plain[i] = is_whole or spans[point, ATTRIBUTE_COUNT] == 0
        if not is_plain[i]:
            labels, stop = _add_attributes(
                buf, spans[point], ATTRIBUTE_FIELDS[kinds[point]], escapes, work, arena_end, entries, base
            )
            is_plain[i] = labels >= 0
            if labels != base:
                known = -1
        if not is_plain[i] or row == end:
            continue
        size, name_at, text_at = _merge(work, entries, labels, texts[end - 1], text_spans, stop)
        if name_at < 0:
            is_plain[i] = False
            continue
        for k in range(row, end):
            starts[k] = at
            name = 2 * names[k]
            at = _put(work, stop, stop + name_at, out, at)
            at = _put(
                work, name_spans[metric_of[point], name], name_spans[metric_of[point], name + 1], out, at
            )
            if texts[k] >= 0:
                at = _put(work, stop + name_at, stop + text_at, out, at)
                at = _put(work, text_spans[texts[k], 0], text_spans[texts[k], 1], out, at)
                at = _put(work, stop + text_at, stop + size, out, at)
            else:
                at = _put(work, stop + name_at, stop + size, out, at)
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
def _add_attributes(
    buf: Bytes,
    spans: Int64Array,
    number: int,
    escapes: bool,
    work: Bytes,
    free: int,
    entries: Int64Array,
    labels: int,
) -> tuple[int, int]:
    """Write a point's attributes as labels from `free` on and sort them into entries.

    Returns (entries, end of what is written), (-1, 0) where an attribute is not plain.
    """
    at, end = spans[ATTRIBUTES], spans[ATTRIBUTES + 1]
    if spans[ATTRIBUTE_COUNT] > MOST_ATTRIBUTES:
        return -1, 0
    while at < end:
        tag, start, stop = field(buf, at, end)
        if tag >> uint64(3) == uint64(number):
            name, name_end, written = _write_attribute(buf, start, stop, escapes, work, free)
            if written < 0:
                return -1, 0
            place = labels
            while place > 0:
                order = _compare(work, entries[place - 1, 0], entries[place - 1, 1], name, name_end)
                if order == 0:
                    return -1, 0
                if order < 0:
                    break
                for column in range(4):
                    entries[place, column] = entries[place - 1, column]
                place -= 1
            entries[place, 0], entries[place, 1] = name, name_end
            entries[place, 2], entries[place, 3] = free, written
            labels += 1
            free = written
        at = stop
    return labels, free


@njit(nogil=True, cache=True)
def _write_attribute(
    buf: Bytes, at: int, end: int, escapes: bool, work: Bytes, out: int
) -> tuple[int, int, int]:
    """Write a KeyValue (string key = 1, AnyValue value = 2) as a label: (name, its end, end of the label).

    The end of the label is -1 where the attribute is not plain.
    """
    key, key_end, value, value_end = _locate(buf, at, end)
    if key == key_end or value == value_end:
        return 0, 0, -1
    tag, start, stop = field(buf, value, value_end)
    if start < 0 or stop != value_end:
        return 0, 0, -1
    size, number = -1, 0
    if tag == uint64(10):
        size = stop - start
    elif tag in (uint64(16), uint64(24)):
        number = int(np.int64(varint(buf, start, stop)[0]))
        size = 4 + (number == 0) if tag == uint64(16) else _digits(number)
    if size <= 0:
        return 0, 0, -1
    name_size = key_end - key
    inner = 2 + name_size + _varint_size(name_size) + size + _varint_size(size)
    work[uint64(out)] = 0x0A
    out = _put_varint(inner, work, out + 1)
    work[uint64(out)] = 0x0A
    name = _put_varint(name_size, work, out + 1)
    if not _put_name(buf, key, key_end, escapes, work, name):
        return 0, 0, -1
    out = name + name_size
    work[uint64(out)] = 0x12
    out = _put_varint(size, work, out + 1)
    if tag == uint64(10):
        _put(buf, start, stop, work, out)
    elif tag == uint64(16):
        _put_bool(number != 0, work, out)
    else:
        _put_number(number, size, work, out)
    return name, name + name_size, out + size


@njit(nogil=True, cache=True)
def _locate(buf: Bytes, at: int, end: int) -> tuple[int, int, int, int]:
    """The spans of a KeyValue's key and value; an empty key where the message has more, or is broken."""
    key = key_end = value = value_end = 0
    while at < end:
        tag, start, stop = field(buf, at, end)
        if start < 0 or tag not in (uint64(10), uint64(18)):
            return 0, 0, 0, 0
        if tag == uint64(10):
            key, key_end = start, stop
        else:
            value, value_end = start, stop
        at = stop
    return key, key_end, value, value_end


@njit(nogil=True, cache=True)
def _put_name(buf: Bytes, key: int, key_end: int, escapes: bool, work: Bytes, out: int) -> bool:
    """Write a key as the name of a label; false where Python has to."""
    if not escapes:
        _put(buf, key, key_end, work, out)
        return True
    for i in range(key_end - key):
        byte = buf[uint64(key + i)]
        if byte >= 0x80:
            return False
        work[uint64(out + i)] = _SAFE[byte]
    first = work[uint64(out)]
    return bool(first != 0x5F and not 0x30 <= first <= 0x39)


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
        out = _put(work, entries[i, 2], entries[i, 3], work, out)
    size = out - first
    return size, name_at if name_at >= 0 else size, text_at if text_at >= 0 else size


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


@njit(nogil=True, cache=True)
def _put(buf: Bytes, start: int, end: int, out: Bytes, at: int) -> int:
    for i in range(end - start):
        out[uint64(at + i)] = buf[uint64(start + i)]
    return at + end - start


@njit(nogil=True, cache=True)
def _put_bool(value: bool, out: Bytes, at: int) -> None:
    word = np.uint64(0x65757274) if value else np.uint64(0x65736C6166)
    for i in range(4 if value else 5):
        out[uint64(at + i)] = np.uint8(word >> uint64(8 * i) & uint64(0xFF))


@njit(nogil=True, cache=True)
def _digits(number: int) -> int:
    """How many characters a whole number has in base ten."""
    rest = uint64(-number) if number < 0 else uint64(number)
    found = 1 + (number < 0)
    while rest >= uint64(10):
        rest //= uint64(10)
        found += 1
    return found


@njit(nogil=True, cache=True)
def _put_number(number: int, size: int, out: Bytes, at: int) -> None:
    rest = uint64(-number) if number < 0 else uint64(number)
    for i in range(size - 1, -1, -1):
        out[uint64(at + i)] = np.uint8(uint64(0x30) + rest % uint64(10))
        rest //= uint64(10)
    if number < 0:
        out[uint64(at)] = 0x2D


@njit(nogil=True, cache=True)
def _varint_size(number: int) -> int:
    size = 1
    while number > 0x7F:
        number >>= 7
        size += 1
    return size


@njit(nogil=True, cache=True)
def _put_varint(number: int, out: Bytes, at: int) -> int:
    while number > 0x7F:
        out[uint64(at)] = np.uint8(number & 0x7F | 0x80)
        number >>= 7
        at += 1
    out[uint64(at)] = np.uint8(number)
    return at + 1
