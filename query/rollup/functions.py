"""The functions of range vectors: a row each, with its properties, over windows that are found once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Final

import numpy as np

from query.block import Block, Samples
from query.deadline import Deadline
from query.models.windows import kernels as models
from query.rollup import kernels
from query.rollup.statistics import kernels as statistics
from storage.model import BoolArray, Float64Array, Int32Array, Int64Array

_CELLS_A_CHUNK = 250_000
_CONFIDENCE = 0.99
_SEASON_S = 86_400.0
_VISITS_A_CHUNK = 1_000_000
"""Samples that kernels look at, counted once a window, before the deadline is asked again."""


@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """Samples and, for each series and step, the stretch of them that the step sees."""

    samples: Samples
    ends_ms: Int64Array
    window_ms: int
    low: Int32Array
    high: Int32Array


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """Series [first, last) of windows, and where their answers go."""

    first: int
    last: int
    windows: Windows
    args: Sequence[Float64Array]
    out: Float64Array
    present: BoolArray


Kernel = Callable[[Piece], None]


@dataclass(frozen=True, slots=True)
class Rollup:
    """A function over windows. `for_counters` ones tell when a metric does not look like a counter."""

    kernel: Kernel
    keeps_name: bool = False
    for_counters: bool = False


def _extrapolated(is_counter: bool, is_rate: bool) -> Kernel:
    def run(piece: Piece) -> None:
        samples = piece.windows.samples
        resets = np.empty(len(samples.values) if is_counter else 1, np.int32)
        if is_counter:
            kernels.count_resets(piece.first, piece.last, samples.offsets, samples.values, resets)
        kernels.extrapolated(
            piece.first,
            piece.last,
            piece.windows.low,
            piece.windows.high,
            samples.timestamps_ms,
            samples.values,
            resets,
            piece.windows.ends_ms,
            piece.windows.window_ms,
            is_counter,
            is_rate,
            piece.out,
            piece.present,
        )

    return run


def _over_values(kernel: Callable[..., None], *options: float | bool) -> Kernel:
    def run(piece: Piece) -> None:
        windows = piece.windows
        kernel(
            piece.first,
            piece.last,
            windows.low,
            windows.high,
            windows.samples.values,
            *piece.args,
            *options,
            piece.out,
            piece.present,
        )

    return run


def _over_times(kernel: Callable[..., None], *options: float | bool) -> Kernel:
    def run(piece: Piece) -> None:
        windows = piece.windows
        kernel(
            piece.first,
            piece.last,
            windows.low,
            windows.high,
            windows.samples.timestamps_ms,
            windows.samples.values,
            *options,
            piece.out,
            piece.present,
        )

    return run


def _regression(is_prediction: bool) -> Kernel:
    def run(piece: Piece) -> None:
        windows = piece.windows
        ahead_s = piece.args[0] if is_prediction else np.zeros(len(windows.ends_ms))
        statistics.regressions(
            piece.first,
            piece.last,
            windows.low,
            windows.high,
            windows.samples.timestamps_ms,
            windows.samples.values,
            windows.ends_ms,
            ahead_s,
            is_prediction,
            piece.out,
            piece.present,
        )

    return run


def _modelled(kernel: Callable[..., None], *defaults: float) -> Kernel:
    """A model of each window; arguments that a query leaves out are `defaults`, the last ones."""

    def run(piece: Piece) -> None:
        windows, steps = piece.windows, len(piece.windows.ends_ms)
        args = [*piece.args, *(np.full(steps, value) for value in defaults)][: max(len(piece.args), 1)]
        kernel(
            piece.first,
            piece.last,
            windows.low,
            windows.high,
            windows.samples.timestamps_ms,
            windows.samples.values,
            windows.ends_ms,
            windows.window_ms,
            *(args if piece.args or defaults else ()),
            piece.out,
            piece.present,
        )

    return run


def _shares_outside() -> Kernel:
    inner = _modelled(models.shares_outside)

    def run(piece: Piece) -> None:
        test_s = piece.args[0]
        confidence = piece.args[1] if len(piece.args) > 1 else np.full(len(test_s), _CONFIDENCE)
        widths = np.array([_deviations(one) for one in confidence.tolist()])
        inner(replace(piece, args=(test_s, widths)))

    return run


def _deviations(confidence: float) -> float:
    """How many standard deviations hold a share of a normal distribution; NaN for no share."""
    return NormalDist().inv_cdf((1 + confidence) / 2) if 0 < confidence < 1 else np.nan


ROLLUPS: Final[Mapping[str, Rollup]] = {
    "rate": Rollup(_extrapolated(True, True), for_counters=True),
    "increase": Rollup(_extrapolated(True, False), for_counters=True),
    "delta": Rollup(_extrapolated(False, False)),
    "irate": Rollup(_over_times(kernels.instant_change, True)),
    "idelta": Rollup(_over_times(kernels.instant_change, False)),
    "deriv": Rollup(_regression(False)),
    "predict_linear": Rollup(_regression(True)),
    "changes": Rollup(_over_values(kernels.changes, False)),
    "resets": Rollup(_over_values(kernels.changes, True)),
    "sum_over_time": Rollup(_over_values(statistics.sums, False)),
    "avg_over_time": Rollup(_over_values(statistics.sums, True)),
    "max_over_time": Rollup(_over_values(statistics.extremes, 1.0)),
    "min_over_time": Rollup(_over_values(statistics.extremes, -1.0)),
    "stddev_over_time": Rollup(_over_values(statistics.moments, True)),
    "stdvar_over_time": Rollup(_over_values(statistics.moments, False)),
    "quantile_over_time": Rollup(_over_values(statistics.quantiles)),
    "mad_over_time": Rollup(_over_values(statistics.absolute_deviations)),
    "double_exponential_smoothing": Rollup(_over_values(statistics.smoothed)),
    "count_over_time": Rollup(_over_times(kernels.picks, 0)),
    "present_over_time": Rollup(_over_times(kernels.picks, 1)),
    "first_over_time": Rollup(_over_times(kernels.picks, 2), keeps_name=True),
    "last_over_time": Rollup(_over_times(kernels.picks, 3), keeps_name=True),
    "ts_of_first_over_time": Rollup(_over_times(kernels.picks, 4)),
    "ts_of_last_over_time": Rollup(_over_times(kernels.picks, 5)),
    "ts_of_max_over_time": Rollup(_over_times(kernels.picks, 6)),
    "ts_of_min_over_time": Rollup(_over_times(kernels.picks, 7)),
    "forecast": Rollup(_modelled(models.forecasts)),
    "linearforecast": Rollup(_regression(True)),
    "hw": Rollup(_modelled(models.holt_winters, _SEASON_S)),
    "anomalous": Rollup(_shares_outside()),
    "silence_score": Rollup(_modelled(models.silences)),
}

LATEST: Final = Rollup(_over_values(kernels.latest), keeps_name=True)
"""An instant selector: the newest sample within the lookback."""

LATEST_TIME: Final = Rollup(_over_times(kernels.latest_time))
"""timestamp() of an instant selector."""


class Roller:
    """Runs kernels over chunks of series, on threads, asking the deadline between chunks."""

    def __init__(self, executor: Executor, deadline: Deadline) -> None:
        self._executor = executor
        self._deadline = deadline
        self._found: dict[tuple[int, int, int, int], Windows] = {}

    def windows(self, samples: Samples, ends_ms: Int64Array, window_ms: int) -> Windows:
        """The windows (end - window, end] of each step; the same ones are found once a query."""
        first_ms, last_ms = (int(ends_ms[0]), int(ends_ms[-1])) if len(ends_ms) else (0, 0)
        key = (id(samples), first_ms, last_ms, window_ms)
        known = self._found.get(key)
        if known is not None and known.samples is samples and len(known.ends_ms) == len(ends_ms):
            return known
        shape = (samples.labels.size, len(ends_ms))
        windows = Windows(samples, ends_ms, window_ms, np.empty(shape, np.int32), np.empty(shape, np.int32))

        def run(first: int, last: int) -> None:
            kernels.windows(
                first,
                last,
                samples.offsets,
                samples.timestamps_ms,
                ends_ms,
                window_ms,
                windows.low,
                windows.high,
            )

        self.in_chunks(shape, run)
        self._found[key] = windows
        return windows

    def apply(self, rollup: Rollup, windows: Windows, args: Sequence[Float64Array] = ()) -> Block:
        """Evaluate a rollup; `args`, float64 (steps,) each, are its scalars."""
        shape = windows.low.shape
        out, present = np.empty(shape, np.float64), np.empty(shape, np.bool_)

        def run(first: int, last: int) -> None:
            rollup.kernel(Piece(first, last, windows, args, out, present))

        self.in_chunks(shape, run, _samples_a_window(windows))
        samples = windows.samples
        block = Block(samples.labels, out, present, drops_name=samples.drops_name)
        return block if rollup.keeps_name else block.nameless()

    def in_chunks(self, shape: tuple[int, int], run: Callable[[int, int], None], visits: float = 0.0) -> None:
        """Run over chunks of series; visits: how many samples a cell looks at."""
        cells = min(_CELLS_A_CHUNK, _VISITS_A_CHUNK // int(1 + visits))
        size = max(1, cells // max(shape[1], 1))
        chunks = [(first, min(first + size, shape[0])) for first in range(0, shape[0], size)]

        def guarded(chunk: tuple[int, int]) -> None:
            self._deadline.check()
            run(*chunk)

        if len(chunks) == 1:
            guarded(chunks[0])
        else:
            list(self._executor.map(guarded, chunks))


def _samples_a_window(windows: Windows) -> float:
    """How many samples a window holds, by those of a few windows in the middle of the first series."""
    part = slice(0, 64), slice(windows.low.shape[1] // 2, None, 16)
    sizes = windows.high[part] - windows.low[part]
    return float(sizes.mean()) if sizes.size else 0.0
