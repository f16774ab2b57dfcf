"""Numba kernels over columns of samples."""

from __future__ import annotations

import numpy as np
from numba import njit

from storage.model import BoolArray, Float64Array, Int64Array, UInt64Array

_STALE = np.uint64(0x7FF0000000000002)


@njit(nogil=True, cache=True)
def keep_one_a_timestamp(
    series_ids: UInt64Array, timestamps_ms: Int64Array, values: Float64Array, keep: BoolArray
) -> int:
    """Mark one sample of each (series, timestamp) in `keep`, bool (n,); return how many are kept.

    Columns are sorted by series and timestamp. Of duplicates the larger value wins; any number wins over
    NaN, and anything wins over the staleness marker. Bits tell apart what compares equal, so the winner does
    not depend on the order of the rows.
    """
    n = len(timestamps_ms)
    bits = values.view(np.uint64)
    kept = 0
    best = 0
    for i in range(n):
        if i and series_ids[i] == series_ids[i - 1] and timestamps_ms[i] == timestamps_ms[i - 1]:
            if _wins(values[i], bits[i], values[best], bits[best]):
                keep[best] = False
                keep[i] = True
                best = i
            else:
                keep[i] = False
        else:
            keep[i] = True
            best = i
            kept += 1
    return kept


@njit(nogil=True, cache=True, inline="always")
def _wins(value: float, bits: np.uint64, best: float, best_bits: np.uint64) -> bool:
    if bits == _STALE or best_bits == _STALE:  # noqa: PLR1714 - numba has no `in` over tuples of two types
        return bool(bits != _STALE)
    if np.isnan(value) or np.isnan(best):
        return bool(np.isnan(best) and (not np.isnan(value) or bits > best_bits))
    return bool(value > best or (value == best and bits < best_bits))


@njit(nogil=True, cache=True)
def keep_among(series_ids: UInt64Array, wanted: UInt64Array, keep: BoolArray) -> int:
    """Mark in `keep`, bool (n,), the samples whose series is one of `wanted`; return how many are kept.

    `series_ids` ascend, `wanted` ascend without duplicates: one pass over both.
    """
    at = 0
    kept = 0
    for i in range(len(series_ids)):
        while at < len(wanted) and wanted[at] < series_ids[i]:
            at += 1
        keep[i] = at < len(wanted) and wanted[at] == series_ids[i]
        kept += keep[i]
    return kept


@njit(nogil=True, cache=True)
def is_sorted(series_ids: UInt64Array, timestamps_ms: Int64Array) -> bool:
    """Whether samples are strictly ascending by (series, timestamp), so nothing is left to do."""
    for i in range(1, len(timestamps_ms)):
        if series_ids[i] < series_ids[i - 1]:
            return False
        if series_ids[i] == series_ids[i - 1] and timestamps_ms[i] <= timestamps_ms[i - 1]:
            return False
    return True
