"""The envelope: a band in which a series is usual, learned in one pass and advanced slot by slot.

A series is its level, twice (one follows within the hour, one within a day), a profile of the day, a profile
of the week where that explains more, and its scatter: the usual one by time of day, and the power of all
residuals of four weeks, so that series with heavy tails have wider bands. The band lies around both levels:
unusual is what is new against the last hour and against the last days. A level that stays is taken over in an
hour.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Final

import numpy as np

from query.models import kernels
from storage.errors import InputError
from storage.model import Float64Array, Int64Array

DAY_MS: Final = 86_400_000
_BINS: Final = 288
_HOURS_A_WEEK: Final = 168


class Direction(StrEnum):
    """Which side of the band counts."""

    BOTH = "both"
    ABOVE = "above"
    BELOW = "below"


class Seasonality(IntEnum):
    """What repeats. With WEEKLY a profile of the week is learned, and used where it lowers the error."""

    NONE = 0
    DAILY = 1
    WEEKLY = 2


SENSITIVITIES: Final = {"low": 9.0, "medium": 6.5, "high": 4.5}
"""Half the width of the band in units of a series' own scatter."""


@dataclass(frozen=True, slots=True)
class Setting:
    """How a model sees. `step_ms` divides a day and is at least a second."""

    step_ms: int = 60_000
    sensitivity: float = SENSITIVITIES["medium"]
    direction: Direction = Direction.BOTH
    seasonality: Seasonality = Seasonality.WEEKLY

    def __post_init__(self) -> None:
        if self.step_ms < 1_000 or self.step_ms % 1_000 or DAY_MS % self.step_ms:
            raise InputError(f"step is {self.step_ms} ms, expected whole seconds that divide a day")
        if not self.sensitivity > 0:
            raise InputError(f"sensitivity is {self.sensitivity}, expected a number greater than 0")

    @property
    def bins(self) -> int:
        """How many parts a day's profile has."""
        return min(_BINS, DAY_MS // self.step_ms)

    @property
    def slots_a_day(self) -> int:
        """How many slots a day has."""
        return DAY_MS // self.step_ms


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """What is known of each series; `advance` writes into it.

    profile, spread: float64 (series, bins), the day's shape and scatter. visits: int64 (series, bins).
    weekly: float64 (series, 168). scalars: float64 (series, kernels.COLUMNS).
    """

    profile: Float64Array
    spread: Float64Array
    visits: Int64Array
    weekly: Float64Array
    scalars: Float64Array

    @staticmethod
    def new(series: int, setting: Setting) -> State:
        """Of series that nothing is known of."""
        bins = setting.bins
        return State(
            np.zeros((series, bins)),
            np.zeros((series, bins)),
            np.zeros((series, bins), np.int64),
            np.zeros((series, _HOURS_A_WEEK)),
            np.zeros((series, kernels.COLUMNS)),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Bands:
    """float64 (series, slots) each; NaN where a model is still learning.

    score: above 1 outside of the band; NaN also where there is no sample.
    """

    lower: Float64Array
    expected: Float64Array
    upper: Float64Array
    score: Float64Array


def advance(
    state: State, setting: Setting, slot: int, values: Float64Array, kept: int | None = None
) -> Bands:
    """Bands of the last `kept` slots (None: all), each made before its value is learned.

    values: float64 (series, slots), NaN where there is none; `slot` is the first one's number, time / step.
    """
    shape = (values.shape[0], values.shape[1] if kept is None else kept)
    bands = Bands(np.empty(shape), np.empty(shape), np.empty(shape), np.empty(shape))
    run(state, setting, slot, values, bands, 0, values.shape[0])
    return directed(bands, setting.direction)


def run(
    state: State, setting: Setting, slot: int, values: Float64Array, out: Bands, first: int, last: int
) -> None:
    """`advance` for series [first, last), into `out`, scores still signed; of several threads at once."""
    kernels.envelope(
        first,
        last,
        values,
        slot,
        setting.step_ms // 1000,
        setting.sensitivity,
        int(setting.seasonality),
        state.profile,
        state.spread,
        state.visits,
        state.weekly,
        state.scalars,
        out.lower,
        out.expected,
        out.upper,
        out.score,
    )


def directed(bands: Bands, direction: Direction) -> Bands:
    """Signed scores as those of the side that counts; 0 on the other."""
    score = bands.score
    if direction is Direction.BOTH:
        np.abs(score, out=score)
    elif direction is Direction.ABOVE:
        np.maximum(score, 0, out=score)
    else:
        np.maximum(-score, 0, out=score)
    return bands
