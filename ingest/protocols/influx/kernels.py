"""Numba kernels that read line protocol into columns, without the interpreter's lock.

Grammar: InfluxDB's "Line protocol reference". A character is escaped where a backslash stands before it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit, uint64

from ingest.aliases.kernels import find_alias
from ingest.protocols.influx.values.kernels import read_number, string_end
from ingest.series.kernels import begins_with
from ingest.text.kernels import NOT_A_NUMBER, OK, UNSURE, parse_int
from storage.model import Float64Array, Int64Array, UInt64Array

Bytes = npt.NDArray[np.uint8]

NO_MEASUREMENT = 1
BAD_TAG = 2
NO_FIELDS = 3
BAD_KEY = 4
BAD_VALUE = 5
OPEN_STRING = 6
BAD_TIME = 7

# What `read_lines` counts.
ROWS = 0
UNKNOWN = 1
STRINGS = 2
REFUSED = 3
CODE = 4
LINE = 5
LINE_START = 6
COUNTS = 7

# Where a row's series is named: its line's head, the end of the line's first key, its own key.
HEAD = 0
HEAD_END = 1
FIRST_END = 2
KEY = 3
KEY_END = 4
PLACES = 5

_NEWLINE = 0x0A
_SPACE = 0x20
_COMMENT = 0x23
_QUOTE = 0x22
_COMMA = 0x2C
_EQUALS = 0x3D
_BACKSLASH = 0x5C


@njit(nogil=True, cache=True)
def head_end(buf: Bytes, at: int) -> int:
    """Where the measurement and tags that begin at `at` end; negative, a reason, where they are wrong."""
    start = at
    name = -1
    has_equals = False
    while True:
        byte = buf[uint64(at)] if at < len(buf) else _NEWLINE
        if byte == _NEWLINE:
            return -NO_MEASUREMENT if at == start else -NO_FIELDS
        if at == start or buf[uint64(at - 1)] != _BACKSLASH:
            if byte in (_COMMA, _SPACE):
                if at == start:
                    return -NO_MEASUREMENT
                if name >= 0 and not has_equals:
                    return -BAD_TAG
                if byte == _SPACE:
                    return at
                name, has_equals = at + 1, False
            elif byte == _EQUALS and name >= 0 and not has_equals:
                if at == name:
                    return -BAD_TAG
                has_equals = True
        at += 1


@njit(nogil=True, cache=True)
def key_end(buf: Bytes, at: int) -> int:
    """Where the field's key that begins at `at` ends, before its '='; negative, a reason, if wrong."""
    start = at
    while at < len(buf):
        byte = buf[uint64(at)]
        if byte == _NEWLINE:
            break
        if at == start or buf[uint64(at - 1)] != _BACKSLASH:
            if byte == _EQUALS:
                return at if at > start else -BAD_KEY
            if byte in (_COMMA, _SPACE):
                break
        at += 1
    return -NO_FIELDS if at == start else -BAD_KEY


@njit(nogil=True, cache=True)
def _skip_blanks(buf: Bytes, at: int) -> int:
    while at < len(buf) and buf[uint64(at)] <= _SPACE and buf[uint64(at)] != _NEWLINE:
        at += 1
    return at


@njit(nogil=True, cache=True)
def _time(buf: Bytes, at: int, scale: int, now_ms: int) -> tuple[int, np.int64, int]:
    """(reason or 0, time in ms, where the line ends) of what stands behind the fields, see `read_lines`."""
    if at < len(buf) and buf[uint64(at)] > _SPACE:
        return BAD_VALUE, np.int64(0), at
    at = _skip_blanks(buf, at)
    end = at
    while end < len(buf) and buf[uint64(end)] > _SPACE:
        end += 1
    line_end = end
    while line_end < len(buf) and buf[uint64(line_end)] != _NEWLINE:
        if buf[uint64(line_end)] > _SPACE:
            return BAD_TIME, np.int64(0), line_end
        line_end += 1
    if end == at:
        return OK, np.int64(now_ms), line_end
    status, number = parse_int(buf, at, end)
    if status != OK:
        return BAD_TIME, np.int64(0), line_end
    if scale < 0:
        return OK, np.int64(number // -scale), line_end
    if abs(number) > (1 << 62) // scale:
        return BAD_TIME, np.int64(0), line_end
    return OK, np.int64(number * scale), line_end


@njit(nogil=True, cache=True)
def _next_line(buf: Bytes, at: int) -> int:
    while at < len(buf) and buf[uint64(at)] != _NEWLINE:
        at += 1
    return at + 1


@njit(nogil=True, cache=True)
def _key(buf: Bytes, start: int, at: int, head: int) -> int:
    """Where the key begins of the field at `at`, the line's start or the comma before a further field."""
    if at != start:
        return at + 1
    while head < len(buf) and buf[uint64(head)] == _SPACE:
        head += 1
    return head


@njit(nogil=True, cache=True)
def _find_item(
    buf: Bytes,
    start: int,
    at: int,
    root: int,
    k0: np.uint64,
    k1: np.uint64,
    entries: UInt64Array,
    arena: Bytes,
    spans: Int64Array,
    parents: Int64Array,
) -> tuple[int, int, int]:
    """(reason or 0, where the value begins, alias or -1) of a field whose text was not expected."""
    key = at
    if at == start:
        key = head_end(buf, start)
        if key < 0:
            return -key, at, -1
    end = key_end(buf, _key(buf, start, at, key))
    if end < 0:
        return -end, at, -1
    item = -1
    if at == start or root >= 0:
        item = find_alias(buf, at, end + 1, root, k0, k1, entries, arena, spans, parents)
    return 0, end + 1, item


@njit(nogil=True, cache=True)
def _note_place(
    buf: Bytes,
    start: int,
    at: int,
    first_end: int,
    value: int,
    numbers: Int64Array,
    places: Int64Array,
    row: int,
) -> None:
    # Fields of one line share its head, which is looked for once. Only rows without a number have a place.
    if row and at != start and numbers[row - 1] < 0 and places[row - 1, HEAD] == start:
        head = places[row - 1, HEAD_END]
    else:
        head = head_end(buf, start)
    places[row, HEAD], places[row, HEAD_END], places[row, FIRST_END] = start, head, first_end
    places[row, KEY], places[row, KEY_END] = _key(buf, start, at, head), value - 1


@njit(nogil=True, cache=True, inline="always")
def _value(
    buf: Bytes,
    at: int,
    words: tuple[Bytes, ...],
    bits: UInt64Array,
    values: Float64Array,
    is_unsure: npt.NDArray[np.bool_],
    row: int,
) -> tuple[int, int, bool]:
    """Read the value at `at` into its row: (reason or 0, where it ends, whether it is a string)."""
    code = 0
    is_string = at < len(buf) and buf[uint64(at)] == _QUOTE
    if is_string:
        end = string_end(buf, at + 1)
        if end < 0:
            code = OPEN_STRING
    else:
        status, end = read_number(buf, at, words, bits, values, row)
        is_unsure[row] = status == UNSURE
        if status == UNSURE:
            bits[row] = uint64(at)
        elif status == NOT_A_NUMBER:
            code = BAD_VALUE
    return code, end, is_string


@njit(nogil=True, cache=True, inline="always")
def _fields(
    buf: Bytes,
    start: int,
    words: tuple[Bytes, ...],
    k0: np.uint64,
    k1: np.uint64,
    entries: UInt64Array,
    arena: Bytes,
    spans: Int64Array,
    parents: Int64Array,
    series: Int64Array,
    follows: Int64Array,
    numbers: Int64Array,
    bits: UInt64Array,
    values: Float64Array,
    is_unsure: npt.NDArray[np.bool_],
    places: Int64Array,
    row: int,
    item: int,
) -> tuple[int, int, int, int, int, int]:
    """Read the fields of the line that begins at `start` into rows, while there is room for one more.

    item: the alias of the field before. Returns (reason or 0, where the fields end, rows in use, the last
    field's alias, rows whose series is unknown, strings). Inlined, as a call would pass all these columns.
    """
    at, first_end, root, code, unknown, strings = start, 0, -1, 0, 0, 0
    while row < len(numbers):
        expected = int(follows[uint64(item)]) if item >= 0 else -1
        size = 0
        if expected >= 0 and parents[uint64(expected)] == root and (at == start or root >= 0):
            size = int(begins_with(buf, at, len(buf), arena, spans, expected))
        value = at + size
        if size > 0:
            item = expected
        else:
            last = item
            code, value, item = _find_item(buf, start, at, root, k0, k1, entries, arena, spans, parents)
            if code != 0:
                break
            if last >= 0 and item >= 0:
                follows[uint64(last)] = item
        if at == start:
            root, first_end = item, value
        code, end, is_string = _value(buf, value, words, bits, values, is_unsure, row)
        if code != 0:
            break
        if is_string:
            strings += 1
        else:
            numbers[row] = series[uint64(item)] if item >= 0 else -1
            if numbers[row] < 0:
                _note_place(buf, start, at, first_end, value, numbers, places, row)
                unknown += 1
            row += 1
        at = end
        if at >= len(buf) or buf[uint64(at)] != _COMMA:
            break
    return code, at, row, item, unknown, strings


@njit(nogil=True, cache=True)
def read_lines(
    buf: Bytes,
    scale: int,
    now_ms: int,
    words: tuple[Bytes, ...],
    k0: np.uint64,
    k1: np.uint64,
    entries: UInt64Array,
    arena: Bytes,
    spans: Int64Array,
    parents: Int64Array,
    series: Int64Array,
    follows: Int64Array,
    numbers: Int64Array,
    timestamps: Int64Array,
    bits: UInt64Array,
    values: Float64Array,
    is_unsure: npt.NDArray[np.bool_],
    places: Int64Array,
    counts: Int64Array,
) -> bool:
    """Fill a row for every field that is a number or a boolean; false where there may be more than room for.

    scale: what a timestamp is multiplied by to be ms, or minus what it is divided by. words: `t`, `true`,
    `f`, `false`. entries to follows: see `ingest.aliases.table.Known`. numbers, timestamps, bits, is_unsure:
    (rows,); values are the floats of the same memory as bits. numbers takes the series' number, -1 where it
    is unknown, and then places, int64 (rows, 5), says where its names lie. Where is_unsure, bits is the
    offset of a number that Python has to read. counts: int64 (7,), zero at first.

    What came next last time is compared first, up to the key's '=': text that is the same means the same.
    """
    at = line = row = 0
    item = -1
    while at < len(buf):
        line += 1
        at = _skip_blanks(buf, at)
        if at >= len(buf) or buf[uint64(at)] == _NEWLINE or buf[uint64(at)] == _COMMENT:
            at = _next_line(buf, at)
            continue
        start, first_row = at, row
        code, at, row, item, unknown, strings = _fields(
            buf,
            start,
            words,
            k0,
            k1,
            entries,
            arena,
            spans,
            parents,
            series,
            follows,
            numbers,
            bits,
            values,
            is_unsure,
            places,
            row,
            item,
        )
        if row == len(numbers):
            return False
        time_ms = np.int64(0)
        if code == 0:
            code, time_ms, at = _time(buf, at, scale, now_ms)
        if code == 0:
            counts[UNKNOWN] += unknown
            counts[STRINGS] += strings
            for i in range(first_row, row):
                timestamps[i] = time_ms
        else:
            row, item = first_row, -1
            if counts[REFUSED] == 0:
                counts[CODE], counts[LINE], counts[LINE_START] = code, line, start
            counts[REFUSED] += 1
        at = _next_line(buf, at)
    counts[ROWS] = row
    return True
