"""Numba kernels that read Wavefront's points into columns, without the interpreter's lock.

They take plain lines only: `metric value [timestamp] key=value …`, words bare or in double quotes without an
escape. `ingest.protocols.wavefront.parse` takes all others, and gives the same for these.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit, uint64

from ingest.aliases.kernels import find_alias
from ingest.series.kernels import begins_with, matches
from ingest.text.kernels import OK, parse_float, parse_int
from storage.model import Int64Array, UInt64Array

Bytes = npt.NDArray[np.uint8]

# What `read_points` counts.
ROWS = 0
ODD = 1
UNKNOWN = 2
LINES = 3
COUNTS = 4

# Where a row's series is named: its line, and the number of it; the end of the metric as written; the tags.
LINE = 0
LINE_END = 1
NUMBER = 2
METRIC_END = 3
TAGS = 4
PLACES = 5

_NEWLINE = 0x0A
_SPACE = 0x20
_TAB = 0x09
_QUOTE = 0x22
_EQUALS = 0x3D
_BACKSLASH = 0x5C
_SECONDS = 1_000_000_000_000
_MILLISECONDS = 10_000_000_000_000
_MICROSECONDS = 10_000_000_000_000_000


@njit(nogil=True, cache=True)
def is_blank(byte: int) -> bool:
    """Whether a byte parts words."""
    return byte in (_SPACE, _TAB)


@njit(nogil=True, cache=True)
def word_end(buf: Bytes, at: int, end: int) -> int:
    """Where the word that begins at `at` ends, quotes included; -1 where it is not plain."""
    if at >= end:
        return -1
    if buf[uint64(at)] == _QUOTE:
        at += 1
        while at < end and buf[uint64(at)] != _QUOTE:
            if buf[uint64(at)] == _BACKSLASH:
                return -1
            at += 1
        return at + 1 if at < end else -1
    first = buf[uint64(at)]
    if first in (0x23, 0x27):  # a mark, a single quote
        return -1
    start = at
    while at < end and buf[uint64(at)] not in (_SPACE, _TAB, _EQUALS):
        at += 1
    return at if at > start else -1


@njit(nogil=True, cache=True)
def _skip(buf: Bytes, at: int, end: int) -> int:
    while at < end and is_blank(buf[uint64(at)]):
        at += 1
    return at


@njit(nogil=True, cache=True)
def _time(buf: Bytes, at: int, end: int) -> tuple[int, np.int64]:
    """(status, ms since the epoch) of digits, whose unit their size tells."""
    status, number = parse_int(buf, at, end)
    if status == OK:
        if number < _SECONDS:
            return OK, np.int64(number * 1_000)
        if number < _MILLISECONDS:
            return OK, np.int64(number)
        return OK, np.int64(number // 1_000 if number < _MICROSECONDS else number // 1_000_000)
    return status, np.int64(0)


@njit(nogil=True, cache=True)
def delta_size(buf: Bytes, at: int, end: int) -> int:
    """Bytes of a delta counter's prefix at `at`: ∆ or Δ in UTF-8; 0 where there is none."""
    if at + 1 < end and buf[uint64(at)] == 0xCE and buf[uint64(at + 1)] == 0x94:
        return 2
    if (
        at + 2 < end
        and buf[uint64(at)] == 0xE2
        and buf[uint64(at + 1)] == 0x88
        and buf[uint64(at + 2)] == 0x86
    ):
        return 3
    return 0


@njit(nogil=True, cache=True)
def _numbers(
    buf: Bytes, at: int, end: int, now_ms: int, bits: UInt64Array, times: Int64Array, row: int
) -> int:
    """Read the value and the timestamp, if any; where the tags begin, -1 where it is not plain."""
    at = _skip(buf, at, end)
    stop = word_end(buf, at, end)
    if stop < 0 or (stop < end and not is_blank(buf[uint64(stop)])):
        return -1
    status, word = parse_float(buf, at, stop)
    if status != OK:
        return -1
    bits[row], times[row] = word, now_ms
    at = _skip(buf, stop, end)
    if at < end and 0x30 <= buf[uint64(at)] <= 0x39:
        stop = word_end(buf, at, end)
        if stop < end and not is_blank(buf[uint64(stop)]):
            return -1
        status, moment = _time(buf, at, stop)
        if status != OK:
            return -1
        times[row] = moment
        at = _skip(buf, stop, end)
    return at if at < end else -1


@njit(nogil=True, cache=True)
def _line(buf: Bytes, at: int) -> tuple[int, int, int]:
    """(start, end, start of the next one) of the line that begins at `at`, without blanks around it."""
    end = at
    while end < len(buf) and buf[uint64(end)] != _NEWLINE:
        end += 1
    following = end + 1
    while at < end and buf[uint64(at)] <= _SPACE:
        at += 1
    while end > at and buf[uint64(end - 1)] <= _SPACE:
        end -= 1
    return at, end, following


@njit(nogil=True, cache=True)
def _metric(
    buf: Bytes,
    at: int,
    end: int,
    expected: int,
    k0: np.uint64,
    k1: np.uint64,
    entries: UInt64Array,
    arena: Bytes,
    spans: Int64Array,
    parents: Int64Array,
) -> tuple[int, int]:
    """(alias or -1, where it ends) of the metric as written, the end -1 where it is not plain.

    The one above the tags that are expected is compared first.
    """
    above = parents[uint64(expected)] if expected >= 0 else np.int64(-1)
    if above >= 0:
        stop = at + int(begins_with(buf, at, end, arena, spans, above))
        if at < stop < end and is_blank(buf[uint64(stop)]):
            return int(above), stop
    if buf[uint64(at)] in (0x21, 0x40, 0x5B, 0x7B):  # !, @, [ and {
        return -1, -1
    stop = word_end(buf, at, end)
    if stop < 0 or stop >= end or not is_blank(buf[uint64(stop)]):
        return -1, -1
    return int(find_alias(buf, at, stop, -1, k0, k1, entries, arena, spans, parents)), stop


@njit(nogil=True, cache=True)
def _note(places: Int64Array, row: int, line: int, end: int, number: int, metric_end: int, tags: int) -> None:
    places[row, LINE], places[row, LINE_END], places[row, NUMBER] = line, end, number
    places[row, METRIC_END], places[row, TAGS] = metric_end, tags


@njit(nogil=True, cache=True)
def read_points(
    buf: Bytes,
    now_ms: int,
    k0: np.uint64,
    k1: np.uint64,
    entries: UInt64Array,
    arena: Bytes,
    spans: Int64Array,
    parents: Int64Array,
    series: Int64Array,
    follows: Int64Array,
    numbers: Int64Array,
    times: Int64Array,
    bits: UInt64Array,
    is_delta: npt.NDArray[np.bool_],
    places: Int64Array,
    odd: Int64Array,
    counts: Int64Array,
) -> bool:
    """Fill a row for every plain point; false where there is no room for all lines.

    entries to follows: see `ingest.aliases.table.Known`. numbers, times, bits, is_delta: (rows,); numbers
    takes the series' number, -1 where it is unknown. places, int64 (rows, 5), says where a row's names lie.
    odd, int64 (rows, 3), takes where the lines lie that are not plain, and their numbers. counts: int64 (4,),
    zero at first.

    A series is known by two aliases: the metric as written, and below it all that stands behind the numbers.
    The tags that came next last time are compared first, and the metric above them.
    """
    following = row = strange = 0
    last = -1
    while following < len(buf):
        at, end, following = _line(buf, following)
        counts[LINES] += 1
        if at == end:
            continue
        if row + strange >= len(numbers):
            return False
        expected = int(follows[uint64(last)]) if last >= 0 else -1
        root, stop = _metric(buf, at, end, expected, k0, k1, entries, arena, spans, parents)
        tags = _numbers(buf, stop, end, now_ms, bits, times, row) if stop > 0 else -1
        if tags < 0:
            odd[strange, 0], odd[strange, 1], odd[strange, 2] = at, end, counts[LINES]
            strange += 1
            continue
        item = -1
        is_expected = expected >= 0 and parents[uint64(expected)] == root
        if is_expected and matches(buf, tags, end, arena, spans, expected):
            item = expected
        elif root >= 0:
            item = int(find_alias(buf, tags, end, root, k0, k1, entries, arena, spans, parents))
            if last >= 0 and item >= 0:
                follows[uint64(last)] = item
        last = item if item >= 0 else last
        numbers[row] = series[uint64(item)] if item >= 0 else np.int64(-1)
        counts[UNKNOWN] += numbers[row] < 0
        is_delta[row] = delta_size(buf, at + (buf[uint64(at)] == _QUOTE), end) > 0
        _note(places, row, at, end, counts[LINES], stop, tags)
        row += 1
    counts[ROWS], counts[ODD] = row, strange
    return True
