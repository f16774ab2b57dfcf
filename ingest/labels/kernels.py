"""Numba kernels over the label bytes of series: take apart, check, give ids, write as JSON.

Label bytes are field 1 of a `prometheus.TimeSeries`, repeated: messages of a name (1) and a value (2). Sets
that are plain (printable ASCII, sorted by name, nothing to escape in JSON, within the limits) are dealt with
here; what is not plain is left to Python, which also knows how to say what is wrong with it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit, uint64

from ingest.series.kernels import claim, matches, probe, siphash
from ingest.wire.kernels import BAD_WIRE_TYPE, OK, field, word_at
from storage.model import Int64Array, UInt64Array

Bytes = npt.NDArray[np.uint8]

KNOWN = 0
LEARNED = 1
NOT_PLAIN = 2
FULL = 3

_PRIME_1 = uint64(0x9E3779B185EBCA87)
_PRIME_2 = uint64(0xC2B2AE3D27D4EB4F)
_PRIME_3 = uint64(0x165667B19E3779F9)
_PRIME_4 = uint64(0x85EBCA77C2B2AE63)
_PRIME_5 = uint64(0x27D4EB2F165667C5)
_SET_BITS = uint64(40)
_NEVER = np.int32(-(1 << 30))


@njit(nogil=True, cache=True)
def label_spans(buf: Bytes, at: int, end: int, spans: Int64Array) -> tuple[int, int, int]:
    """Where the names and values lie in a series' label bytes, buf[at:end].

    Fills spans, int64 (labels, 4): start and end of the name (field 1), start and end of the value (field 2);
    the last of each counts, other fields are skipped. Returns (status, offset, labels).
    """
    found = 0
    while at < end:
        tag, start, stop = field(buf, at, end)
        if start < 0:
            return -start, stop, found
        if tag != uint64(10) or found == len(spans):
            return BAD_WIRE_TYPE, at, found
        at = stop
        spans[found] = 0
        inner = start
        while inner < stop:
            part, begin, close = field(buf, inner, stop)
            if begin < 0:
                return -begin, close, found
            number = np.int64(part >> uint64(3))
            if 1 <= number <= 2:
                if part & uint64(7) != uint64(2):
                    return BAD_WIRE_TYPE, inner, found
                spans[found, 2 * number - 2] = begin
                spans[found, 2 * number - 1] = close
            inner = close
        found += 1
    return OK, at, found


@njit(nogil=True, cache=True)
def _rotated(word: np.uint64, bits: int) -> np.uint64:
    return np.uint64(word << uint64(bits) | word >> uint64(64 - bits))


@njit(nogil=True, cache=True)
def _round(lane: np.uint64, word: np.uint64) -> np.uint64:
    return np.uint64(_rotated(lane + word * _PRIME_2, 31) * _PRIME_1)


@njit(nogil=True, cache=True)
def xxh64(buf: Bytes, start: int, end: int) -> np.uint64:
    """XXH64 of buf[start:end] with the seed 0 (github.com/Cyan4973/xxHash, doc/xxhash_spec.md)."""
    at = start
    if end - start >= 32:
        a, b, c, d = _PRIME_1 + _PRIME_2, _PRIME_2, uint64(0), uint64(0) - _PRIME_1
        while end - at >= 32:
            a = _round(a, word_at(buf, at))
            b = _round(b, word_at(buf, at + 8))
            c = _round(c, word_at(buf, at + 16))
            d = _round(d, word_at(buf, at + 24))
            at += 32
        total = _rotated(a, 1) + _rotated(b, 7) + _rotated(c, 12) + _rotated(d, 18)
        for lane in (a, b, c, d):
            total = (total ^ _round(uint64(0), lane)) * _PRIME_1 + _PRIME_4
    else:
        total = _PRIME_5
    total += uint64(end - start)
    while end - at >= 8:
        total = _rotated(total ^ _round(uint64(0), word_at(buf, at)), 27) * _PRIME_1 + _PRIME_4
        at += 8
    if end - at >= 4:
        word = uint64(0)
        for i in range(4):
            word |= uint64(buf[uint64(at + i)]) << uint64(8 * i)
        total = _rotated(total ^ word * _PRIME_1, 23) * _PRIME_2 + _PRIME_3
        at += 4
    while at < end:
        total = _rotated(total ^ uint64(buf[uint64(at)]) * _PRIME_5, 11) * _PRIME_1
        at += 1
    total = (total ^ total >> uint64(33)) * _PRIME_2
    total = (total ^ total >> uint64(29)) * _PRIME_3
    return np.uint64(total ^ total >> uint64(32))


@njit(nogil=True, cache=True)
def _is_text(buf: Bytes, start: int, end: int) -> bool:
    """Whether bytes are printable ASCII that JSON does not escape."""
    for at in range(start, end):
        byte = buf[uint64(at)]
        if not 0x20 <= byte <= 0x7E or byte in (0x22, 0x5C):
            return False
    return True


@njit(nogil=True, cache=True)
def _is_after(buf: Bytes, start: int, end: int, before: int, before_end: int) -> bool:
    """Whether buf[start:end] sorts strictly behind buf[before:before_end]."""
    size = min(end - start, before_end - before)
    for i in range(size):
        if buf[uint64(start + i)] != buf[uint64(before + i)]:
            return bool(buf[uint64(start + i)] > buf[uint64(before + i)])
    return end - start > before_end - before


@njit(nogil=True, cache=True)
def is_plain(buf: Bytes, spans: Int64Array, labels: int, max_name_bytes: int, max_value_bytes: int) -> bool:
    """Whether the labels at spans, int64 (labels, 4), can be dealt with here."""
    for i in range(labels):
        name, name_end, value, value_end = spans[i, 0], spans[i, 1], spans[i, 2], spans[i, 3]
        if not 0 < name_end - name <= max_name_bytes or not 0 < value_end - value <= max_value_bytes:
            return False
        if not _is_text(buf, name, name_end) or not _is_text(buf, value, value_end):
            return False
        if i and not _is_after(buf, name, name_end, spans[i - 1, 0], spans[i - 1, 1]):
            return False
    return True


@njit(nogil=True, cache=True)
def _find(buf: Bytes, spans: Int64Array, labels: int, name: Bytes) -> int:
    """Which label has a name; -1 where none has."""
    for i in range(labels):
        if spans[i, 1] - spans[i, 0] == len(name):
            same = True
            for k in range(len(name)):
                same = same and buf[uint64(spans[i, 0] + k)] == name[k]
            if same:
                return i
    return -1


@njit(nogil=True, cache=True)
def _put(buf: Bytes, start: int, end: int, out: Bytes, at: int) -> int:
    for i in range(end - start):
        out[uint64(at + i)] = buf[uint64(start + i)]
    return at + end - start


@njit(nogil=True, cache=True)
def _put_separator(out: Bytes, at: int) -> int:
    # U+00FF in UTF-8.
    out[uint64(at)] = 0xC3
    out[uint64(at + 1)] = 0xBF
    return at + 2


@njit(nogil=True, cache=True)
def identify(
    buf: Bytes, spans: Int64Array, labels: int, names: tuple[Bytes, ...], scratch: Bytes
) -> tuple[bool, np.uint64, np.uint64]:
    """(has a metric name, metric_id, series_id), as `storage.model` defines them, of plain labels.

    names: `__name__`, `job`, `instance`, `source`. scratch: uint8, as long as the label bytes at least.
    """
    metric = _find(buf, spans, labels, names[0])
    if metric < 0:
        return False, uint64(0), uint64(0)
    size = 0
    for i in range(labels):
        if i:
            size = _put_separator(scratch, size)
        size = _put_separator(scratch, _put(buf, spans[i, 0], spans[i, 1], scratch, size))
        size = _put(buf, spans[i, 2], spans[i, 3], scratch, size)
    whole = xxh64(scratch, 0, size)
    job = _find(buf, spans, labels, names[1])
    instance = _find(buf, spans, labels, names[2])
    source = _find(buf, spans, labels, names[3])
    size = 0
    if job >= 0 or instance >= 0:
        if job >= 0:
            size = _put(buf, spans[job, 2], spans[job, 3], scratch, size)
        size = _put_separator(scratch, size)
        if instance >= 0:
            size = _put(buf, spans[instance, 2], spans[instance, 3], scratch, size)
    elif source >= 0:
        size = _put(buf, spans[source, 2], spans[source, 3], scratch, size)
    if size:
        mask = (uint64(1) << _SET_BITS) - uint64(1)
        whole = xxh64(scratch, 0, size) >> _SET_BITS << _SET_BITS | whole & mask
    return True, xxh64(buf, spans[metric, 2], spans[metric, 3]), whole


@njit(nogil=True, cache=True)
def learn(
    buf: Bytes,
    starts: Int64Array,
    ends: Int64Array,
    unknown: Int64Array,
    k0: np.uint64,
    k1: np.uint64,
    entries: UInt64Array,
    arena: Bytes,
    spans: Int64Array,
    ids: UInt64Array,
    used: Int64Array,
    limits: Int64Array,
    names: tuple[Bytes, ...],
    numbers: Int64Array,
    hashes: UInt64Array,
    outcomes: npt.NDArray[np.int8],
) -> None:
    """Give a number to every plain series of `unknown`, int64 (unknown,), which index starts and ends.

    The caller has made room in entries, arena, spans and ids. used, int64 (2,): how many series and arena
    bytes there are, kept up to date. limits, int64 (4,): series, labels, bytes of a name and of a value.
    Fills numbers at `unknown`, hashes, uint64 (unknown, 2), and outcomes, int8 (unknown,).
    """
    longest = np.int64(0)
    for i in unknown:
        longest = max(longest, ends[i] - starts[i])
    scratch = np.empty(longest, np.uint8)
    labels_at = np.empty((limits[1], 4), np.int64)
    for k in range(len(unknown)):
        i = unknown[k]
        one, two = siphash(buf, starts[i], ends[i], k0, k1)
        two |= uint64(1)
        hashes[k, 0], hashes[k, 1] = one, two
        number = probe(entries, one, two)
        if number >= 0 and matches(buf, starts[i], ends[i], arena, spans, number):
            numbers[i] = number
            outcomes[k] = KNOWN
            continue
        if used[0] >= limits[0]:
            outcomes[k] = FULL
            continue
        outcomes[k] = NOT_PLAIN
        status, _, labels = label_spans(buf, starts[i], ends[i], labels_at)
        if number >= 0 or status != OK or not is_plain(buf, labels_at, labels, limits[2], limits[3]):
            continue
        named, metric_id, series_id = identify(buf, labels_at, labels, names, scratch)
        if named:
            ids[used[0], 0], ids[used[0], 1] = metric_id, series_id
            numbers[i] = add(buf, starts[i], ends[i], one, two, entries, arena, spans, used)
            outcomes[k] = LEARNED


@njit(nogil=True, cache=True)
def add(
    buf: Bytes,
    start: int,
    end: int,
    one: np.uint64,
    two: np.uint64,
    entries: UInt64Array,
    arena: Bytes,
    spans: Int64Array,
    used: Int64Array,
) -> int:
    """Give the next number to a series; see `learn`. The hash is stored last, for readers without a lock."""
    number = used[0]
    spans[number, 0] = used[1]
    spans[number, 1] = used[1] = _put(buf, start, end, arena, used[1])
    used[0] = number + 1
    claim(entries, one, two, number)
    return int(number)


@njit(nogil=True, cache=True)
def write_json(
    arena: Bytes,
    spans: Int64Array,
    numbers: Int64Array,
    name: Bytes,
    names: Bytes,
    texts: Bytes,
    ends: Int64Array,
) -> None:
    """Write the labels of plain series as JSON objects, and the values of their label `name`.

    names, texts: uint8, room for the label bytes of each series and 2 more. ends: int64 (2, numbers), takes
    where each name and each text ends.
    """
    at = named = 0
    for row in range(len(numbers)):
        start, end = spans[numbers[row], 0], spans[numbers[row], 1]
        labels_at = np.empty(((end - start) // 2 + 1, 4), np.int64)
        _, _, labels = label_spans(arena, start, end, labels_at)
        for i in range(labels):
            texts[uint64(at)] = 0x2C if i else 0x7B
            at = _put_quoted(arena, labels_at[i, 0], labels_at[i, 1], texts, at + 1)
            texts[uint64(at)] = 0x3A
            at = _put_quoted(arena, labels_at[i, 2], labels_at[i, 3], texts, at + 1)
        texts[uint64(at)] = 0x7D
        at += 1
        metric = _find(arena, labels_at, labels, name)
        named = _put(arena, labels_at[metric, 2], labels_at[metric, 3], names, named)
        ends[0, row], ends[1, row] = named, at


@njit(nogil=True, cache=True)
def _put_quoted(buf: Bytes, start: int, end: int, out: Bytes, at: int) -> int:
    out[uint64(at)] = 0x22
    at = _put(buf, start, end, out, at + 1)
    out[uint64(at)] = 0x22
    return at + 1
