"""Rollups of ranges and selectors that are `anchored` or `smoothed`."""

from __future__ import annotations

from query.ast import Modifier
from query.rollup.edges import kernels
from query.rollup.functions import ROLLUPS, Kernel, Piece, Rollup


def edged(name: str, modifier: Modifier, lookback_ms: int) -> Rollup:
    """A function over windows widened by the lookback before, and after too if smoothed."""
    after_ms = lookback_ms if modifier is Modifier.SMOOTHED else 0
    kernel = (
        _changes(name, lookback_ms) if name in ("changes", "resets") else _change(name, after_ms, lookback_ms)
    )
    return Rollup(kernel, for_counters=ROLLUPS[name].for_counters)


def smoothed(lookback_ms: int) -> Rollup:
    """A smoothed instant selector, over windows of twice the lookback that end a lookback late."""

    def run(piece: Piece) -> None:
        windows = piece.windows
        kernels.at_step(
            piece.first,
            piece.last,
            windows.low,
            windows.high,
            windows.samples.timestamps_ms,
            windows.samples.values,
            windows.ends_ms - lookback_ms,
            piece.out,
            piece.present,
        )

    return Rollup(run, keeps_name=True)


def _change(name: str, after_ms: int, lookback_ms: int) -> Kernel:
    def run(piece: Piece) -> None:
        windows = piece.windows
        ends = windows.ends_ms - after_ms
        kernels.change(
            piece.first,
            piece.last,
            windows.low,
            windows.high,
            windows.samples.timestamps_ms,
            windows.samples.values,
            ends - (windows.window_ms - lookback_ms - after_ms),
            ends,
            after_ms > 0,
            name != "delta",
            name == "rate",
            piece.out,
            piece.present,
        )

    return run


def _changes(name: str, lookback_ms: int) -> Kernel:
    def run(piece: Piece) -> None:
        windows = piece.windows
        kernels.changes(
            piece.first,
            piece.last,
            windows.low,
            windows.high,
            windows.samples.timestamps_ms,
            windows.samples.values,
            windows.ends_ms - (windows.window_ms - lookback_ms),
            windows.ends_ms,
            name == "resets",
            piece.out,
            piece.present,
        )

    return run
