"""Numba kernels that write the label bytes of a line's series, and learn its aliases."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit, uint64

from ingest.aliases.kernels import find_or_add
from ingest.protocols.influx.kernels import FIRST_END, HEAD, HEAD_END, KEY, KEY_END
from ingest.series.kernels import find
from ingest.text.kernels import put_label
from storage.model import Int64Array, UInt64Array

Bytes = npt.NDArray[np.uint8]

_LABEL_BYTES = 18
"""What a label has beside its name and value, at most: three tags, three lengths of five bytes."""
_MOST_SORTED = 256
_LONGEST_ALIAS = 8_192
"""Longer ones are named anew each time, as comparing with them in vain would cost too much."""
_SPACE = 0x20
_COMMA = 0x2C
_EQUALS = 0x3D
_UNDERSCORE = 0x5F
_BACKSLASH = 0x5C


@njit(nogil=True, cache=True)
def measure(buf: Bytes, rows: Int64Array, places: Int64Array, max_bytes: int) -> tuple[int, int]:
    """(bytes of labels at most, bytes of aliases at most) of the rows; stops counting beyond max_bytes."""
    size = texts = 0
    for row in rows:
        head, head_end, first_end = places[row, HEAD], places[row, HEAD_END], places[row, FIRST_END]
        key = places[row, KEY_END] - places[row, KEY]
        labels = 2
        for at in range(head, head_end):
            labels += buf[uint64(at)] == _COMMA
        size += head_end - head + key + 16 + labels * _LABEL_BYTES
        texts += first_end - head + key + 2
        if size > max_bytes:
            break
    return size, texts


@njit(nogil=True, cache=True)
def _unescape(buf: Bytes, start: int, end: int, has_equals: bool, out: Bytes, at: int) -> int:
    """Copy buf[start:end] without the backslashes before ',', ' ' and, where names have it, '='."""
    i = start
    while i < end:
        byte = buf[uint64(i)]
        if byte == _BACKSLASH and i + 1 < end:
            after = buf[uint64(i + 1)]
            if after in (_COMMA, _SPACE) or (after == _EQUALS and has_equals):
                i += 1
                byte = after
        out[uint64(at)] = byte
        at += 1
        i += 1
    return at


@njit(nogil=True, cache=True)
def _until(buf: Bytes, at: int, end: int, stop: int) -> int:
    """Where the first unescaped byte `stop` lies in buf[at:end]; `end` where there is none."""
    start = at
    while at < end and (buf[uint64(at)] != stop or (at > start and buf[uint64(at - 1)] == _BACKSLASH)):
        at += 1
    return at


@njit(nogil=True, cache=True)
def _is_before(text: Bytes, start: int, end: int, other: int, other_end: int) -> bool:
    for i in range(min(end - start, other_end - other)):
        if text[uint64(start + i)] != text[uint64(other + i)]:
            return bool(text[uint64(start + i)] < text[uint64(other + i)])
    return end - start < other_end - other


@njit(nogil=True, cache=True)
def _sort(text: Bytes, labels: Int64Array, found: int) -> None:
    """By name, by insertion: tags mostly come sorted."""
    for i in range(1, found):
        k = i
        while k and _is_before(text, labels[k, 0], labels[k, 1], labels[k - 1, 0], labels[k - 1, 1]):
            for c in range(4):
                labels[k, c], labels[k - 1, c] = labels[k - 1, c], labels[k, c]
            k -= 1


@njit(nogil=True, cache=True)
def _is_value(buf: Bytes, start: int, end: int, value: Bytes) -> bool:
    if end - start != len(value):
        return False
    is_same = True
    for i in range(len(value)):
        is_same = is_same and buf[uint64(start + i)] == value[i]
    return is_same


@njit(nogil=True, cache=True)
def _split(buf: Bytes, place: Int64Array, names: tuple[Bytes, Bytes], text: Bytes, labels: Int64Array) -> int:
    """Write names and values plainly into text, and where they lie into labels; returns how many there are.

    The metric is the measurement, and the field where that is not called `value`. A tag without a value is
    none.
    """
    head, head_end, key, key_end = place[HEAD], place[HEAD_END], place[KEY], place[KEY_END]
    at = 0
    for byte in names[0]:
        text[uint64(at)] = byte
        at += 1
    labels[0, 0], labels[0, 1], labels[0, 2] = 0, at, at
    stop = _until(buf, head, head_end, _COMMA)
    at = _unescape(buf, head, stop, False, text, at)
    if not _is_value(buf, key, key_end, names[1]):
        text[uint64(at)] = _UNDERSCORE
        at = _unescape(buf, key, key_end, True, text, at + 1)
    labels[0, 3] = at
    found = 1
    while stop < head_end:
        name = stop + 1
        equals = _until(buf, name, head_end, _EQUALS)
        stop = _until(buf, equals + 1, head_end, _COMMA)
        if stop > equals + 1:
            labels[found, 0] = at
            labels[found, 1] = labels[found, 2] = at = _unescape(buf, name, equals, True, text, at)
            labels[found, 3] = at = _unescape(buf, equals + 1, stop, True, text, at)
            found += 1
    return found


@njit(nogil=True, cache=True)
def _write(
    buf: Bytes,
    place: Int64Array,
    names: tuple[Bytes, Bytes],
    text: Bytes,
    labels: Int64Array,
    out: Bytes,
    at: int,
) -> int:
    """Write the label bytes of a series, sorted by name; returns the offset behind them."""
    found = _split(buf, place, names, text, labels)
    if found <= _MOST_SORTED:
        _sort(text, labels, found)
    for i in range(found):
        at = put_label(out, at, text, labels[i, 0], labels[i, 1], text, labels[i, 2], labels[i, 3])
    return at


@njit(nogil=True, cache=True)
def learn(
    buf: Bytes,
    rows: Int64Array,
    places: Int64Array,
    names: tuple[Bytes, Bytes],
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
    out: Bytes,
    label_start: Int64Array,
    label_end: Int64Array,
    numbers: Int64Array,
) -> None:
    """Name the series of rows, int64, whose number is not known, and remember what their text stands for.

    names: `__name__` and `value`. series_entries to series_spans: see `Familiar`; entries to used: see
    `Known`, with room. out: uint8, takes label bytes, which label_start and label_end point into. A number
    stays -1 where the series is new.
    """
    size = 0
    longest = labels_most = 0
    for row in rows:
        head, head_end = places[row, HEAD], places[row, HEAD_END]
        commas = 0
        for at in range(head, head_end):
            commas += buf[uint64(at)] == _COMMA
        labels_most = max(labels_most, commas + 1)
        longest = max(longest, head_end - head + places[row, KEY_END] - places[row, KEY] + 16)
    text, labels = np.empty(longest, np.uint8), np.empty((labels_most, 4), np.int64)
    for row in rows:
        place = places[row]
        item = -1
        if place[FIRST_END] - place[HEAD] + place[KEY_END] - place[KEY] <= _LONGEST_ALIAS:
            item = find_or_add(
                buf, place[HEAD], place[FIRST_END], -1, k0, k1, entries, arena, spans, parents, used
            )
            if place[KEY_END] + 1 != place[FIRST_END]:
                key, end = place[KEY] - 1, place[KEY_END] + 1
                item = find_or_add(buf, key, end, item, k0, k1, entries, arena, spans, parents, used)
        if item >= 0 and series[item] >= 0:
            numbers[row] = series[item]
            continue
        label_start[row] = size
        size = label_end[row] = _write(buf, place, names, text, labels, out, size)
        numbers[row] = find(out, label_start[row], size, k0, k1, series_entries, series_arena, series_spans)
        if item >= 0:
            series[item] = numbers[row]
