"""Rollups of counters whose samples have start timestamps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

import numpy as np

from query.block import Samples
from query.rollup.functions import Kernel, Piece, Rollup, Windows
from query.rollup.starts import kernels
from storage.model import BoolArray, Int64Array, UInt64Array, is_stale
from storage.starts import StartBatch

Make: TypeAlias = Callable[[Int64Array, BoolArray], Kernel]


def starts_in(samples: Samples, series_ids: UInt64Array, batch: StartBatch) -> Int64Array:
    """The start of each sample in ms, 0 where it has none; row s of `samples` is series_ids[s] (ascending).

    Starts of samples that are not there are left out.
    """
    starts = np.zeros(len(samples.timestamps_ms), np.int64)
    if not len(batch) or not len(starts):
        return starts
    owners = np.repeat(np.arange(len(series_ids)), np.diff(samples.offsets))
    begin = int(min(samples.timestamps_ms.min(), batch.timestamps_ms.min()))
    span = int(max(samples.timestamps_ms.max(), batch.timestamps_ms.max())) - begin + 1
    keys = owners * span + (samples.timestamps_ms - begin)
    wanted = np.searchsorted(series_ids, batch.series_ids) * span + (batch.timestamps_ms - begin)
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    found = keys[at] == wanted
    starts[at[found]] = batch.starts_ms[found]
    return starts


def marked(samples: Samples) -> tuple[BoolArray, BoolArray]:
    """(whether a sample began anew after the one before, whether its start overlaps it); bool (samples,)."""
    began, overlaps = np.zeros((2, len(samples.timestamps_ms)), np.bool_)
    if samples.starts_ms is not None:
        kernels.mark(samples.offsets, samples.timestamps_ms, samples.starts_ms, began, overlaps)
    return began, overlaps


def from_starts(name: str, samples: Samples, rollup: Rollup) -> Rollup:
    """The rollup of a function over samples that may have starts; `rollup` is that over others."""
    if samples.starts_ms is None or name not in _KERNELS:
        return rollup
    began, _ = marked(samples)
    make = _KERNELS[name]
    return Rollup(make(samples.starts_ms, began), rollup.keeps_name, rollup.for_counters)


def overlapping(windows: Windows) -> Int64Array:
    """The series with a window in which a start lies before the sample before it."""
    _, overlaps = marked(windows.samples)
    before = np.concatenate([np.zeros(1, np.int64), np.cumsum(overlaps)])
    low = np.minimum(windows.low + 1, windows.high)
    return np.flatnonzero((before[windows.high] > before[low]).any(axis=1))


def starts_of(samples: Samples) -> Rollup:
    """start_timestamp() of an instant selector."""
    starts = np.zeros(len(samples.values), np.int64) if samples.starts_ms is None else samples.starts_ms
    stale = is_stale(samples.values)

    def run(piece: Piece) -> None:
        windows = piece.windows
        kernels.latest_start(
            piece.first, piece.last, windows.low, windows.high, starts, stale, piece.out, piece.present
        )

    return Rollup(run)


def _extrapolated(is_rate: bool) -> Make:
    def make(starts: Int64Array, began: BoolArray) -> Kernel:
        def run(piece: Piece) -> None:
            windows = piece.windows
            kernels.extrapolated(
                piece.first,
                piece.last,
                windows.low,
                windows.high,
                windows.samples.timestamps_ms,
                windows.samples.values,
                starts,
                began,
                windows.ends_ms,
                windows.window_ms,
                is_rate,
                piece.out,
                piece.present,
            )

        return run

    return make


def _instant_rate(starts: Int64Array, began: BoolArray) -> Kernel:
    def run(piece: Piece) -> None:
        windows = piece.windows
        kernels.instant_rate(
            piece.first,
            piece.last,
            windows.low,
            windows.high,
            windows.samples.timestamps_ms,
            windows.samples.values,
            began,
            piece.out,
            piece.present,
        )

    return run


def _resets(starts: Int64Array, began: BoolArray) -> Kernel:
    def run(piece: Piece) -> None:
        windows = piece.windows
        values = windows.samples.values
        kernels.resets(
            piece.first, piece.last, windows.low, windows.high, values, began, piece.out, piece.present
        )

    return run


_KERNELS: Final[Mapping[str, Make]] = {
    "rate": _extrapolated(True),
    "increase": _extrapolated(False),
    "irate": _instant_rate,
    "resets": _resets,
}
