"""Numba kernels that hash, look up and take apart the labels of series, without the interpreter's lock."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit, uint64

from ingest.protocols.kernels import BAD_WIRE_TYPE, OK, field, word_at
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
def hash_series(
    buf: Bytes, starts: Int64Array, ends: Int64Array, k0: np.uint64, k1: np.uint64, hashes: UInt64Array
) -> None:
    """Hash the label bytes of every series into hashes, uint64 (series, 2). No hash is (0, 0)."""
    for i in range(len(starts)):
        one, two = siphash(buf, starts[i], ends[i], k0, k1)
        hashes[i, 0] = one
        hashes[i, 1] = two | uint64(1)


@njit(nogil=True, cache=True)
def find_slots(hashes: UInt64Array, entries: UInt64Array, slots: Int64Array) -> int:
    """Look series up by their hashes.

    entries: uint64 (capacity, 4), a hash and two ids a slot, zeros where free, capacity a power of two.
    Fills slots, int64 (series,), -1 where unknown; returns how many are unknown.
    """
    unknown = 0
    for i in range(len(hashes)):
        slots[i] = probe(entries, hashes[i, 0], hashes[i, 1])
        if slots[i] < 0:
            unknown += 1
    return unknown


@njit(nogil=True, cache=True)
def probe(entries: UInt64Array, one: np.uint64, two: np.uint64) -> np.int64:
    """The slot that holds a hash, -1 where no slot does. Linear probing."""
    mask = uint64(len(entries) - 1)
    slot = one & mask
    while entries[slot, 1] != uint64(0):
        if entries[slot, 0] == one and entries[slot, 1] == two:
            return np.int64(slot)
        slot = (slot + uint64(1)) & mask
    return np.int64(-1)


@njit(nogil=True, cache=True)
def claim(entries: UInt64Array, one: np.uint64, two: np.uint64) -> np.int64:
    """Store a hash that is not there yet in the first free slot of its chain; return the slot."""
    mask = uint64(len(entries) - 1)
    slot = one & mask
    while entries[slot, 1] != uint64(0):
        slot = (slot + uint64(1)) & mask
    entries[slot, 0] = one
    entries[slot, 1] = two
    return np.int64(slot)


@njit(nogil=True, cache=True)
def rehash(old: UInt64Array, new: UInt64Array, moved: Int64Array) -> None:
    """Move every entry to another table; moved, int64 (old capacity,), is the new slot or -1."""
    for slot in range(len(old)):
        moved[slot] = -1
        if old[slot, 1] != uint64(0):
            moved[slot] = claim(new, old[slot, 0], old[slot, 1])
            new[moved[slot], 2] = old[slot, 2]
            new[moved[slot], 3] = old[slot, 3]


@njit(nogil=True, cache=True)
def spread(
    slots: Int64Array,
    series_index: Int64Array,
    timestamps: Int64Array,
    oldest_ms: int,
    newest_ms: int,
    entries: UInt64Array,
    seen_days: npt.NDArray[np.int32],
    metric_ids: UInt64Array,
    series_ids: UInt64Array,
    keep: npt.NDArray[np.bool_],
    new_days: Int64Array,
) -> tuple[int, int, int]:
    """Write the ids of every sample's series, and which samples to keep.

    A sample goes where its series is refused (slot < 0) or its time lies outside [oldest_ms, newest_ms].
    seen_days, int32 (capacity, 2), is the run of days recorded for a slot, first and last. new_days, int64
    (samples, 2), takes (slot, day) where a series is seen on another day. Returns (new days, too old, too
    new).
    """
    days = old = new = 0
    for row in range(len(series_index)):
        slot = slots[uint64(series_index[row])]
        time_ms = timestamps[row]
        if slot < 0 or time_ms < oldest_ms or time_ms > newest_ms:
            keep[row] = False
            metric_ids[row] = series_ids[row] = uint64(0)
            if slot >= 0:
                if time_ms < oldest_ms:
                    old += 1
                else:
                    new += 1
            continue
        keep[row] = True
        metric_ids[row] = entries[uint64(slot), 2]
        series_ids[row] = entries[uint64(slot), 3]
        day = np.int32(time_ms // _DAY_MS)
        first, last = seen_days[uint64(slot), 0], seen_days[uint64(slot), 1]
        if day < first or day > last:
            new_days[days, 0] = slot
            new_days[days, 1] = day
            days += 1
            touches = day == first - 1 or day == last + 1
            seen_days[slot, 0] = min(first, day) if touches else day
            seen_days[slot, 1] = max(last, day) if touches else day
    return days, old, new


@njit(nogil=True, cache=True)
def label_spans(buf: Bytes, spans: Int64Array) -> tuple[int, int, int]:
    """Where the names and values lie in a series' label bytes, a repeated field 1 of Label messages.

    Fills spans, int64 (labels, 4): start and end of the name (field 1), start and end of the value (field 2);
    the last of each counts, other fields are skipped. Returns (status, offset, labels).
    """
    found = at = 0
    while at < len(buf):
        tag, start, stop = field(buf, at, len(buf))
        if start < 0:
            return -start, stop, found
        if tag != uint64(10):
            return BAD_WIRE_TYPE, at, found
        at = stop
        spans[found] = 0
        inner = start
        while inner < stop:
            part, begin, end = field(buf, inner, stop)
            if begin < 0:
                return -begin, end, found
            number = np.int64(part >> uint64(3))
            if 1 <= number <= 2:
                if part & uint64(7) != uint64(2):
                    return BAD_WIRE_TYPE, inner, found
                spans[found, 2 * number - 2] = begin
                spans[found, 2 * number - 1] = end
            inner = end
        found += 1
    return OK, at, found
