"""Numba kernels of the series table: hash, compare, look up, spread, without the interpreter's lock."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit, uint64

from ingest.wire.kernels import word_at
from storage.model import Int64Array, UInt64Array

Bytes = npt.NDArray[np.uint8]

_DAY_MS = 86_400_000


@njit(nogil=True, cache=True)
def _sip_round(
    a: np.uint64, b: np.uint64, c: np.uint64, d: np.uint64
) -> tuple[np.uint64, np.uint64, np.uint64, np.uint64]:
    a += b
    c += d
    b = (b << uint64(13) | b >> uint64(51)) ^ a
    d = (d << uint64(16) | d >> uint64(48)) ^ c
    a = (a << uint64(32) | a >> uint64(32)) + d
    c += b
    d = (d << uint64(21) | d >> uint64(43)) ^ a
    b = (b << uint64(17) | b >> uint64(47)) ^ c
    return a, b, c << uint64(32) | c >> uint64(32), d


@njit(nogil=True, cache=True)
def siphash(buf: Bytes, start: int, end: int, k0: np.uint64, k1: np.uint64) -> tuple[np.uint64, np.uint64]:
    """SipHash-1-3 with 128 bits of output over buf[start:end], keyed (Aumasson and Bernstein, 2012).

    Two inputs share a key with a probability of 2^-128, and nobody who lacks k0 and k1 can make it likelier.
    """
    a = k0 ^ uint64(0x736F6D6570736575)
    b = k1 ^ uint64(0x646F72616E646F6D) ^ uint64(0xEE)
    c = k0 ^ uint64(0x6C7967656E657261)
    d = k1 ^ uint64(0x7465646279746573)
    at = start
    while at + 8 <= end:
        word = word_at(buf, at)
        a, b, c, d = _sip_round(a, b, c, d ^ word)
        a ^= word
        at += 8
    word = uint64(end - start) << uint64(56)
    shift = uint64(0)
    while at < end:
        word |= uint64(buf[uint64(at)]) << shift
        shift += uint64(8)
        at += 1
    a, b, c, d = _sip_round(a, b, c, d ^ word)
    a ^= word
    c ^= uint64(0xEE)
    for _ in range(3):
        a, b, c, d = _sip_round(a, b, c, d)
    one = a ^ b ^ c ^ d
    b ^= uint64(0xDD)
    for _ in range(3):
        a, b, c, d = _sip_round(a, b, c, d)
    return one, a ^ b ^ c ^ d


@njit(nogil=True, cache=True)
def matches(buf: Bytes, start: int, end: int, arena: Bytes, spans: Int64Array, number: int) -> bool:
    """Whether buf[start:end] are the label bytes of a series. spans: int64 (series, 2), where they lie.

    A number or a span that is not there yet, as another thread may see it, is no match.
    """
    if number >= len(spans):
        return False
    at = spans[uint64(number), 0]
    size = end - start
    if spans[uint64(number), 1] - at != size or at + size > len(arena):
        return False
    # No way out of the loop, so that it compares many bytes at once.
    differences = np.uint8(0)
    for i in range(size):
        differences |= buf[uint64(start + i)] ^ arena[uint64(at + i)]
    return bool(differences == 0)


@njit(nogil=True, cache=True)
def probe(entries: UInt64Array, one: np.uint64, two: np.uint64) -> np.int64:
    """The number of the series with a hash, -1 where there is none. Linear probing.

    entries: uint64 (capacity, 3), a hash and a number a slot, zeros where free, capacity a power of two.
    """
    mask = uint64(len(entries) - 1)
    slot = one & mask
    while entries[slot, 1] != uint64(0):
        if entries[slot, 0] == one and entries[slot, 1] == two:
            return np.int64(entries[slot, 2])
        slot = (slot + uint64(1)) & mask
    return np.int64(-1)


@njit(nogil=True, cache=True)
def claim(entries: UInt64Array, one: np.uint64, two: np.uint64, number: int) -> None:
    """Store a hash that is not there yet in the first free slot of its chain."""
    mask = uint64(len(entries) - 1)
    slot = one & mask
    while entries[slot, 1] != uint64(0):
        slot = (slot + uint64(1)) & mask
    entries[slot, 2] = uint64(number)
    entries[slot, 0] = one
    entries[slot, 1] = two


@njit(nogil=True, cache=True)
def rehash(old: UInt64Array, new: UInt64Array) -> None:
    """Put every entry of a table into another."""
    for slot in range(len(old)):
        if old[slot, 1] != uint64(0):
            claim(new, old[slot, 0], old[slot, 1], old[slot, 2])


@njit(nogil=True, cache=True)
def hash_all(
    arena: Bytes, spans: Int64Array, series: int, k0: np.uint64, k1: np.uint64, entries: UInt64Array
) -> None:
    """Put the series of the numbers below `series` into an empty table."""
    for number in range(series):
        one, two = siphash(arena, spans[number, 0], spans[number, 1], k0, k1)
        claim(entries, one, two | uint64(1), number)


@njit(nogil=True, cache=True)
def keep_bytes(
    arena: Bytes, spans: Int64Array, kept: Int64Array, new_arena: Bytes, new_spans: Int64Array
) -> int:
    """Copy the label bytes of some series, numbers ascending, one after another; returns how many bytes."""
    at = 0
    for number in range(len(kept)):
        start, end = spans[kept[number], 0], spans[kept[number], 1]
        new_spans[number, 0] = at
        for i in range(start, end):
            new_arena[uint64(at)] = arena[uint64(i)]
            at += 1
        new_spans[number, 1] = at
    return at


@njit(nogil=True, cache=True)
def find(
    buf: Bytes,
    start: int,
    end: int,
    k0: np.uint64,
    k1: np.uint64,
    entries: UInt64Array,
    arena: Bytes,
    spans: Int64Array,
) -> np.int64:
    """The number of the series with the label bytes buf[start:end], -1 where it is unknown."""
    one, two = siphash(buf, start, end, k0, k1)
    number = probe(entries, one, two | uint64(1))
    if number >= 0 and not matches(buf, start, end, arena, spans, number):
        return np.int64(-1)
    return np.int64(number)


@njit(nogil=True, cache=True)
def find_numbers(
    buf: Bytes,
    starts: Int64Array,
    ends: Int64Array,
    k0: np.uint64,
    k1: np.uint64,
    entries: UInt64Array,
    arena: Bytes,
    spans: Int64Array,
    numbers: Int64Array,
) -> None:
    """Look up the series whose label bytes lie in [starts, ends); fills numbers, int64, -1 where unknown."""
    for i in range(len(starts)):
        numbers[i] = find(buf, starts[i], ends[i], k0, k1, entries, arena, spans)


@njit(nogil=True, cache=True, inline="always")
def begins_with(buf: Bytes, start: int, end: int, arena: Bytes, spans: Int64Array, number: int) -> np.int64:
    """How long a series' label bytes are, if buf[start:end] begins with them; else 0. -1 is no series.

    Inlined, as a call that passes three arrays costs as much as the comparison.
    """
    size = np.int64(0)
    if 0 <= number < len(spans):
        at = spans[uint64(number), 0]
        size = spans[uint64(number), 1] - at
        if size > end - start or at + size > len(arena):
            size = np.int64(0)
        differences = np.uint8(0)
        for i in range(size):
            differences |= buf[uint64(start + i)] ^ arena[uint64(at + i)]
        if differences != 0:
            size = np.int64(0)
    return size


@njit(nogil=True, cache=True)
def note_order(numbers: Int64Array, follows: Int64Array, seen_ms: Int64Array, now_ms: int) -> None:
    """Remember of every series which one came after it, and when it was seen.

    follows: int64 (series,), -1 where nothing did; seen_ms: int64 (series,).
    """
    for i in range(len(numbers)):
        if numbers[i] >= 0:
            seen_ms[uint64(numbers[i])] = now_ms
            if i + 1 < len(numbers) and numbers[i + 1] >= 0:
                follows[uint64(numbers[i])] = numbers[i + 1]


@njit(nogil=True, cache=True)
def spread(
    numbers: Int64Array,
    series_index: Int64Array,
    timestamps: Int64Array,
    oldest_ms: int,
    newest_ms: int,
    ids: UInt64Array,
    seen_days: npt.NDArray[np.int32],
    metric_ids: UInt64Array,
    series_ids: UInt64Array,
    keep: npt.NDArray[np.bool_],
    new_days: Int64Array,
) -> tuple[int, int, int]:
    """Write the ids of every sample's series, and which samples to keep.

    A sample goes where its series is refused (number < 0) or its time lies outside [oldest_ms, newest_ms].
    ids: uint64 (series, 2), a metric's and a series' id. seen_days, int32 (series, 2), is the run of days
    recorded for a series, first and last. new_days, int64 (samples, 2), takes (number, day) where a series is
    seen on another day. Returns (new days, too old, too new).
    """
    days = old = new = 0
    for row in range(len(series_index)):
        number = numbers[uint64(series_index[row])]
        time_ms = timestamps[row]
        if number < 0 or time_ms < oldest_ms or time_ms > newest_ms:
            keep[row] = False
            metric_ids[row] = series_ids[row] = uint64(0)
            if number >= 0:
                if time_ms < oldest_ms:
                    old += 1
                else:
                    new += 1
            continue
        keep[row] = True
        metric_ids[row] = ids[uint64(number), 0]
        series_ids[row] = ids[uint64(number), 1]
        day = np.int32(time_ms // _DAY_MS)
        first, last = seen_days[uint64(number), 0], seen_days[uint64(number), 1]
        if day < first or day > last:
            new_days[days, 0] = number
            new_days[days, 1] = day
            days += 1
            touches = day == first - 1 or day == last + 1
            seen_days[uint64(number), 0] = min(first, day) if touches else day
            seen_days[uint64(number), 1] = max(last, day) if touches else day
    return days, old, new
