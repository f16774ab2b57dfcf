"""The envelope in queries. What a step answers is a function of the step alone, never of the query's range.

The model of a slot begins with the window before its day (UTC) and takes in every slot since; so a rule, a
replay and a chart of any range see one band, and a day's slots share one pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, Protocol

import numpy as np

from query.block import Block, Samples
from query.limits import Memory
from query.models.envelope import (
    DAY_MS,
    SENSITIVITIES,
    Bands,
    Direction,
    Seasonality,
    Setting,
    State,
    directed,
    run,
)
from storage.errors import ExecutionError, InputError
from storage.model import Float64Array, Int64Array

FUNCTIONS: Final = {
    "anomaly_score": "score",
    "anomaly_expected": "expected",
    "anomaly_band_lower": "lower",
    "anomaly_band_upper": "upper",
}
"""What each function answers of `Bands`."""
STEP_MS: Final = 60_000
MARGIN_MS: Final = DAY_MS
"""How much earlier than its window a step may look: to where its day began."""
_SERIES_A_CHUNK: Final = 128


class Chunks(Protocol):
    """Runs work over chunks of a (series x steps) shape; `query.rollup.functions.Roller` does."""

    def in_chunks(self, shape: tuple[int, int], run: _Work, visits: float = 0.0) -> None:
        """Call `run(first, last)` for chunks of series."""


class _Work(Protocol):
    def __call__(self, first: int, last: int, /) -> None: ...


def setting_of(step_ms: int, options: Sequence[str]) -> Setting:
    """Options in any order: low, medium, high; both, above, below; none, daily, weekly.

    Raises `ExecutionError` for an unknown one or a step that does not divide a day.
    """
    try:
        setting = Setting(step_ms)
    except InputError as error:
        raise ExecutionError(str(error)) from None
    for option in options:
        setting = _with(setting, option)
    return setting


def _with(setting: Setting, option: str) -> Setting:
    if option in SENSITIVITIES:
        return replace(setting, sensitivity=SENSITIVITIES[option])
    if option in list(Direction):
        return replace(setting, direction=Direction(option))
    if option.upper() in Seasonality.__members__ and option.islower():
        return replace(setting, seasonality=Seasonality[option.upper()])
    known = [*SENSITIVITIES, *Direction, *(one.name.lower() for one in Seasonality)]
    raise ExecutionError(f"anomaly option is {option!r}, expected one of {', '.join(known)}")


def gridded(samples: Samples, slot: int, count: int, step_ms: int) -> Float64Array:
    """The newest sample of each slot, (time - step, time], else NaN; float64 (series, count)."""
    rows = np.repeat(np.arange(samples.labels.size), np.diff(samples.offsets))
    at = -(-samples.timestamps_ms // step_ms) - slot
    inside = (at >= 0) & (at < count)
    grid = np.full((samples.labels.size, count), np.nan)
    grid[rows[inside], at[inside]] = samples.values[inside]
    return grid


class Banding:
    """Bands of one selection."""

    def __init__(self, chunks: Chunks, memory: Memory, setting: Setting, history_ms: int) -> None:
        self._chunks = chunks
        self._memory = memory
        self._setting = setting
        self._history = history_ms // setting.step_ms

    def block(self, function: str, samples: Samples, steps_ms: Int64Array) -> Block:
        """What a function of `FUNCTIONS` answers at each step; absent while a model learns."""
        if samples.cells is not None:
            samples = samples.where(samples.cells.at < 0)
        shape = (samples.labels.size, len(steps_ms))
        self._memory.expect_cells(*shape)
        out = np.full(shape, np.nan)
        slots = steps_ms // self._setting.step_ms
        for first in range(0, shape[0], _SERIES_A_CHUNK):
            last = min(first + _SERIES_A_CHUNK, shape[0])
            part = samples.take(np.arange(first, last))
            out[first:last] = self._part(FUNCTIONS[function], part, slots)
        return Block(samples.labels, out, np.isfinite(out), drops_name=samples.drops_name).nameless()

    def _part(self, wanted: str, samples: Samples, slots: Int64Array) -> Float64Array:
        out = np.empty((samples.labels.size, len(slots)))
        days = slots // self._setting.slots_a_day
        for day in np.unique(days).tolist():
            mine = days == day
            begin = day * self._setting.slots_a_day - self._history
            low, high = int(slots[mine].min()), int(slots[mine].max())
            bands = self._day(samples, begin, low, high)
            out[:, mine] = getattr(bands, wanted)[:, slots[mine] - low]
        return out

    def _day(self, samples: Samples, begin: int, low: int, high: int) -> Bands:
        setting = self._setting
        values = gridded(samples, begin, high - begin + 1, setting.step_ms)
        state = State.new(len(values), setting)
        shape = (len(values), high - low + 1)
        bands = Bands(np.empty(shape), np.empty(shape), np.empty(shape), np.empty(shape))
        self._chunks.in_chunks(
            values.shape, lambda first, last: run(state, setting, begin, values, bands, first, last)
        )
        return directed(bands, setting.direction)
