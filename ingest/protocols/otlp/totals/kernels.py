"""Numba kernels that add deltas up to running totals, a series each."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit, uint64

from ingest.series.kernels import claim, probe, siphash
from storage.model import Float64Array, Int64Array, UInt64Array

Bytes = npt.NDArray[np.uint8]

TIME, START, SENT_START, SEEN = range(4)
STATES = 4


@njit(nogil=True, cache=True)
def add_up(
    buf: Bytes,
    label_starts: Int64Array,
    label_ends: Int64Array,
    rows: Int64Array,
    at: int,
    now_ms: int,
    k0: np.uint64,
    k1: np.uint64,
    entries: UInt64Array,
    states: Int64Array,
    sums: Float64Array,
    used: Int64Array,
    times_ms: Int64Array,
    starts_ms: Int64Array,
    values: Float64Array,
    keep: npt.NDArray[np.bool_],
) -> int:
    """Replace the deltas of rows[at:] by totals; returns how far it came, less where no room is left.

    entries: uint64 (capacity, 3), see `ingest.series.kernels.probe`; states: int64 (series, STATES), of a
    series the time of its last delta, the start of its total, the start of its last delta and when it was
    last added to; sums: float64 (series,); used: int64 (1,), how many there are. A row whose delta is not
    later than the last one is not kept, but for the last one itself, which somebody has sent again: its total
    is given again; one that is no number stays. starts_ms of rows become those of their totals.
    """
    while at < len(rows):
        row = rows[at]
        if np.isnan(values[row]):
            at += 1
            continue
        one, two = siphash(buf, label_starts[row], label_ends[row], k0, k1)
        two |= uint64(1)
        number = probe(entries, one, two)
        if number < 0:
            if used[0] >= len(states):
                return at
            number = used[0]
            used[0] += 1
            claim(entries, one, two, number)
            states[number, TIME] = times_ms[row] - 1
            states[number, START] = starts_ms[row]
            states[number, SENT_START] = starts_ms[row]
            sums[number] = 0.0
        is_again = states[number, TIME] == times_ms[row] and states[number, SENT_START] == starts_ms[row]
        if states[number, TIME] < times_ms[row]:
            sums[number] += values[row]
            states[number, TIME] = times_ms[row]
            states[number, SENT_START] = starts_ms[row]
        elif not is_again:
            keep[row] = False
        states[number, SEEN] = now_ms
        values[row] = sums[number]
        starts_ms[row] = states[number, START]
        at += 1
    return at


@njit(nogil=True, cache=True)
def move(entries: UInt64Array, new_numbers: Int64Array, new_entries: UInt64Array) -> None:
    """Put the series that have a new number, int64 (series,), -1 for none, into another table under it."""
    for slot in range(len(entries)):
        if entries[slot, 1] != uint64(0):
            number = new_numbers[entries[slot, 2]]
            if number >= 0:
                claim(new_entries, entries[slot, 0], entries[slot, 1], number)
