"""Numba kernels of the hash table of series, which run without the interpreter's lock."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit, uint64

from ingest.protocols.kernels import double_at
from storage.model import Int64Array, UInt64Array

Bytes = npt.NDArray[np.uint8]

_P1 = np.uint64(0x9E3779B97F4A7C15)
_P2 = np.uint64(0xC2B2AE3D27D4EB4F)
_DAY_MS = 86_400_000


@njit(nogil=True, cache=True)
def hash_bytes(buf: Bytes, start: int, end: int, seed: np.uint64) -> tuple[np.uint64, np.uint64]:
    """128 bits over buf[start:end], in two lanes of eight bytes a step. Not for storage: seeds differ."""
    one = seed ^ uint64(end - start)
    two = seed * _P2
    at = start
    while at + 8 <= end:
        word = double_at(buf, at)
        one = (one ^ word) * _P1
        one ^= one >> uint64(32)
        two = (two + word) * _P2
        two ^= two >> uint64(29)
        at += 8
    word = uint64(0)
    shift = uint64(0)
    while at < end:
        word |= uint64(buf[at]) << shift
        shift += uint64(8)
        at += 1
    one = (one ^ word) * _P1
    two = (two + word) * _P2
    one ^= one >> uint64(31)
    two ^= two >> uint64(33)
    return one * _P2, two * _P1


@njit(nogil=True, cache=True)
def find_slots(
    buf: Bytes,
    starts: Int64Array,
    ends: Int64Array,
    seed: np.uint64,
    keys: UInt64Array,
    hashes: UInt64Array,
    slots: Int64Array,
) -> int:
    """Look series up by their label bytes.

    keys: uint64 (capacity, 2), (0, 0) where free, capacity a power of two. Fills hashes, uint64 (series, 2),
    and slots, int64 (series,), -1 where unknown; returns how many are unknown.
    """
    unknown = 0
    for i in range(len(starts)):
        one, two = hash_bytes(buf, starts[i], ends[i], seed)
        hashes[i, 0] = one
        hashes[i, 1] = two
        slots[i] = probe(keys, one, two)
        if slots[i] < 0:
            unknown += 1
    return unknown


@njit(nogil=True, cache=True)
def probe(keys: UInt64Array, one: np.uint64, two: np.uint64) -> int:
    """The slot that holds a key, -1 where no slot does. Linear probing."""
    mask = uint64(len(keys) - 1)
    slot = one & mask
    while keys[slot, 0] != uint64(0) or keys[slot, 1] != uint64(0):
        if keys[slot, 0] == one and keys[slot, 1] == two:
            return int(slot)
        slot = (slot + uint64(1)) & mask
    return -1


@njit(nogil=True, cache=True)
def claim(keys: UInt64Array, one: np.uint64, two: np.uint64) -> int:
    """Store a key that is not there yet in the first free slot of its chain; return the slot."""
    mask = uint64(len(keys) - 1)
    slot = one & mask
    while keys[slot, 0] != uint64(0) or keys[slot, 1] != uint64(0):
        slot = (slot + uint64(1)) & mask
    keys[slot, 0] = one
    keys[slot, 1] = two
    return int(slot)


@njit(nogil=True, cache=True)
def rehash(old: UInt64Array, new: UInt64Array, moved: Int64Array) -> None:
    """Move every key to a larger table; moved, int64 (old capacity,), is the new slot or -1."""
    for slot in range(len(old)):
        if old[slot, 0] == uint64(0) and old[slot, 1] == uint64(0):
            moved[slot] = -1
        else:
            moved[slot] = claim(new, old[slot, 0], old[slot, 1])


@njit(nogil=True, cache=True)
def spread(
    slots: Int64Array,
    series_index: Int64Array,
    timestamps: Int64Array,
    oldest_ms: int,
    newest_ms: int,
    metric_of: UInt64Array,
    series_of: UInt64Array,
    first_day: npt.NDArray[np.int32],
    last_day: npt.NDArray[np.int32],
    metric_ids: UInt64Array,
    series_ids: UInt64Array,
    keep: npt.NDArray[np.bool_],
    new_days: Int64Array,
) -> tuple[int, int, int]:
    """Write the ids of every sample's series, and which samples to keep.

    A sample goes where its series is refused (slot < 0) or its time lies outside [oldest_ms, newest_ms].
    new_days, int64 (samples, 2), takes (slot, day) where a series is seen on a day not recorded yet; the
    recorded days of a slot are one run, first_day to last_day. Returns (new days, too old, too new).
    """
    days = old = new = 0
    for row in range(len(series_index)):
        slot = slots[series_index[row]]
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
        metric_ids[row] = metric_of[slot]
        series_ids[row] = series_of[slot]
        day = np.int32(time_ms // _DAY_MS)
        if day < first_day[slot] or day > last_day[slot]:
            new_days[days, 0] = slot
            new_days[days, 1] = day
            days += 1
            if day == first_day[slot] - 1:
                first_day[slot] = day
            elif day == last_day[slot] + 1:
                last_day[slot] = day
            else:
                first_day[slot] = last_day[slot] = day
    return days, old, new
