"""Numba kernels that join and cut columns sorted by (series, timestamp), without the interpreter's lock."""

from __future__ import annotations

import numpy as np
from numba import njit

from storage.model import Float64Array, Int64Array, UInt64Array


@njit(nogil=True, cache=True)
def merge(
    ids: UInt64Array,
    timestamps: Int64Array,
    values: Float64Array,
    new_ids: UInt64Array,
    new_timestamps: Int64Array,
    new_values: Float64Array,
    out_ids: UInt64Array,
    out_timestamps: Int64Array,
    out_values: Float64Array,
) -> None:
    """Two sorted sets of columns to one, sorted; equal (series, timestamp) are all kept, side by side."""
    bits = values.view(np.uint64)
    new_bits = new_values.view(np.uint64)
    out_bits = out_values.view(np.uint64)
    i = j = 0
    for at in range(len(out_ids)):
        takes_new = i == len(ids) or (
            j < len(new_ids)
            and (new_ids[j] < ids[i] or (new_ids[j] == ids[i] and new_timestamps[j] < timestamps[i]))
        )
        if takes_new:
            out_ids[at], out_timestamps[at], out_bits[at] = new_ids[j], new_timestamps[j], new_bits[j]
            j += 1
        else:
            out_ids[at], out_timestamps[at], out_bits[at] = ids[i], timestamps[i], bits[i]
            i += 1


@njit(nogil=True, cache=True)
def gather(
    starts: Int64Array,
    offsets: Int64Array,
    timestamps: Int64Array,
    values: Float64Array,
    out_timestamps: Int64Array,
    out_values: Float64Array,
) -> None:
    """Copy, for each series s, the samples from starts[s] to where offsets (series + 1,) says in `out`."""
    bits = values.view(np.uint64)
    out_bits = out_values.view(np.uint64)
    for s in range(len(starts)):
        for i in range(offsets[s + 1] - offsets[s]):
            out_timestamps[offsets[s] + i] = timestamps[starts[s] + i]
            out_bits[offsets[s] + i] = bits[starts[s] + i]
