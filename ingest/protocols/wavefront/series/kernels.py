"""Numba kernels that write the label bytes of a line's series, and learn its aliases."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit, uint64

from ingest.aliases.kernels import find_or_add
from ingest.protocols.wavefront.kernels import (
    LINE,
    LINE_END,
    METRIC_END,
    TAGS,
    delta_size,
    is_blank,
    word_end,
)
from ingest.series.kernels import find
from ingest.text.kernels import put_label
from storage.model import Int64Array, UInt64Array

Bytes = npt.NDArray[np.uint8]

_LONGEST_NAME = 1_023
_LONGEST_KEY = 253
_LONGEST_TAG = 255
_MOST_TAGS = 100
_LABEL_BYTES = 18
"""What a label has beside its name and value, at most: three tags, three lengths of five bytes."""
_LONGEST_ALIAS = 8_192
"""Longer ones are named anew each time, as comparing with them in vain would cost too much."""
_QUOTE = 0x22
_EQUALS = 0x3D
_TILDE = 0x7E


@njit(nogil=True, cache=True)
def measure(buf: Bytes, rows: Int64Array, places: Int64Array, max_bytes: int) -> tuple[int, int]:
    """(bytes of labels at most, bytes of aliases at most) of the rows; stops counting beyond max_bytes."""
    size = texts = 0
    for row in rows:
        start, end, tags = places[row, LINE], places[row, LINE_END], places[row, TAGS]
        labels = 2
        for at in range(tags, end):
            labels += buf[uint64(at)] == _EQUALS
        size += places[row, METRIC_END] - start + end - tags + 16 + labels * _LABEL_BYTES
        texts += places[row, METRIC_END] - start + end - tags
        if size > max_bytes:
            break
    return size, texts


@njit(nogil=True, cache=True)
def _is_name(buf: Bytes, start: int, end: int) -> bool:
    """Whether the bytes are a metric's or a key's: , - . / 0-9 A-Z a-z _, and ~ in front."""
    if start < end and buf[uint64(start)] == _TILDE:
        start += 1
    for at in range(start, end):
        byte = buf[uint64(at)]
        if not (0x2C <= byte <= 0x39 or 0x41 <= byte <= 0x5A or 0x61 <= byte <= 0x7A or byte == 0x5F):
            return False
    return end > start


@njit(nogil=True, cache=True)
def _is_word(buf: Bytes, start: int, end: int, word: Bytes) -> bool:
    if end - start != len(word):
        return False
    is_same = True
    for i in range(len(word)):
        is_same = is_same and buf[uint64(start + i)] == word[i]
    return is_same


@njit(nogil=True, cache=True)
def _compare(one: Bytes, start: int, end: int, other: Bytes, other_start: int, other_end: int) -> int:
    """Below, at or above 0, as one[start:end] sorts before, equals or sorts behind the other."""
    for i in range(min(end - start, other_end - other_start)):
        difference = np.int64(one[uint64(start + i)]) - np.int64(other[uint64(other_start + i)])
        if difference:
            return int(difference)
    return (end - start) - (other_end - other_start)


@njit(nogil=True, cache=True)
def _place(buf: Bytes, labels: Int64Array, k: int) -> bool:
    """Move row k of labels to where its name belongs; false where the name stands there already."""
    while k:
        order = _compare(buf, labels[k, 0], labels[k, 1], buf, labels[k - 1, 0], labels[k - 1, 1])
        if order >= 0:
            return bool(order > 0)
        for c in range(4):
            labels[k, c], labels[k - 1, c] = labels[k - 1, c], labels[k, c]
        k -= 1
    return True


@njit(nogil=True, cache=True)
def _is_plain_value(buf: Bytes, start: int, end: int) -> bool:
    if start == end:
        return False
    is_plain = True
    for at in range(start, end):
        is_plain = is_plain and 0x20 <= buf[uint64(at)] < 0x7F
    return is_plain


@njit(nogil=True, cache=True)
def _split(buf: Bytes, at: int, end: int, words: tuple[Bytes, ...], labels: Int64Array) -> int:
    """Where names and values lie, into labels, sorted by name; how many, -1 where the tags are not plain.

    words: `__name__` and names that are not plain, and at last `source`, which has to stand there once.
    """
    found = sources = 0
    while at < end:
        stop = word_end(buf, at, end)
        if stop < 0 or stop >= end or buf[uint64(stop)] != _EQUALS or found > _MOST_TAGS:
            return -1
        value = stop + 1
        value_end = word_end(buf, value, end)
        if value_end < 0 or (value_end < end and not is_blank(buf[uint64(value_end)])):
            return -1
        quoted, is_text = buf[uint64(at)] == _QUOTE, buf[uint64(value)] == _QUOTE
        labels[found, 0], labels[found, 1] = at + quoted, stop - quoted
        labels[found, 2], labels[found, 3] = value + is_text, value_end - is_text
        a, b, c, d = labels[found]
        if not _is_name(buf, a, b) or not _is_plain_value(buf, c, d):
            return -1
        for i in range(len(words) - 1):
            if _is_word(buf, a, b, words[i]):
                return -1
        if _is_word(buf, a, b, words[len(words) - 1]):
            sources += 1
            if d - c > _LONGEST_NAME:
                return -1
        elif b - a > _LONGEST_KEY or b - a + d - c + 1 > _LONGEST_TAG:
            return -1
        if not _place(buf, labels, found):
            return -1
        found += 1
        at = value_end
        while at < end and is_blank(buf[uint64(at)]):
            at += 1
    return found if sources == 1 else -1


@njit(nogil=True, cache=True)
def name(
    buf: Bytes,
    rows: Int64Array,
    places: Int64Array,
    words: tuple[Bytes, ...],
    out: Bytes,
    label_start: Int64Array,
    label_end: Int64Array,
    is_plain: npt.NDArray[np.bool_],
) -> int:
    """Write the label bytes of the rows that are plain, sorted by name, into out; how many bytes.

    rows: int64; is_plain: bool (rows,). label_start and label_end take where they lie.
    """
    labels = np.empty((_MOST_TAGS + 2, 4), np.int64)
    own = words[0]
    size = 0
    for i in range(len(rows)):
        row = rows[i]
        start, end = places[row, LINE], places[row, METRIC_END]
        if buf[uint64(start)] == _QUOTE:
            start, end = start + 1, end - 1
        start += delta_size(buf, start, end)
        found = _split(buf, places[row, TAGS], places[row, LINE_END], words, labels)
        is_plain[i] = found > 0 and end - start <= _LONGEST_NAME and _is_name(buf, start, end)
        if not is_plain[i]:
            continue
        label_start[row] = size
        k = 0
        while k < found and _compare(buf, labels[k, 0], labels[k, 1], own, 0, len(own)) < 0:
            size = put_label(out, size, buf, labels[k, 0], labels[k, 1], buf, labels[k, 2], labels[k, 3])
            k += 1
        size = put_label(out, size, own, 0, len(own), buf, start, end)
        while k < found:
            size = put_label(out, size, buf, labels[k, 0], labels[k, 1], buf, labels[k, 2], labels[k, 3])
            k += 1
        label_end[row] = size
    return size


@njit(nogil=True, cache=True)
def remember(
    buf: Bytes,
    rows: Int64Array,
    places: Int64Array,
    body: Bytes,
    label_start: Int64Array,
    label_end: Int64Array,
    k0: np.uint64,
    k1: np.uint64,
    series_entries: UInt64Array,
    series_arena: Bytes,
    series_spans: Int64Array,
    entries: UInt64Array,
    arena: Bytes,
    spans: Int64Array,
    parents: Int64Array,
    series: Int64Array,
    used: Int64Array,
    numbers: Int64Array,
) -> None:
    """Look up the numbers of rows, -1 where the series is new, and learn what their text stands for.

    series_entries to series_spans: see `Familiar`; entries to used: see `Known`, with room.
    """
    for row in rows:
        start, end = label_start[row], label_end[row]
        numbers[row] = find(body, start, end, k0, k1, series_entries, series_arena, series_spans)
        line, stop, tags, last = (
            places[row, LINE],
            places[row, METRIC_END],
            places[row, TAGS],
            places[row, LINE_END],
        )
        if stop - line + last - tags <= _LONGEST_ALIAS:
            root = find_or_add(buf, line, stop, -1, k0, k1, entries, arena, spans, parents, used)
            item = find_or_add(buf, tags, last, root, k0, k1, entries, arena, spans, parents, used)
            series[item] = numbers[row]
