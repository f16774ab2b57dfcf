"""Parts of dates: seconds since the epoch, in UTC, to numbers; NaN stays NaN."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from storage.model import Float64Array, Int64Array

_DAY_S: Final = 86_400
_EPOCH_WEEKDAY: Final = 4  # 1970-01-01 was a Thursday; Sunday is 0
_LAST_S: Final = 8.64e15  # what a date of numpy can hold, with room

_Dates = npt.NDArray[np.datetime64]


def _field(read: Callable[[Int64Array], Int64Array]) -> Callable[[Float64Array], Float64Array]:
    def run(values: Float64Array) -> Float64Array:
        known = np.isfinite(values)
        seconds = np.clip(np.where(known, values, 0), -_LAST_S, _LAST_S).astype(np.int64)
        return np.where(known, read(seconds), np.nan)

    return run


def _days(seconds: Int64Array) -> _Dates:
    return (seconds // _DAY_S).astype("datetime64[D]")


def _months(seconds: Int64Array) -> _Dates:
    return _days(seconds).astype("datetime64[M]")


def _length(later: _Dates, earlier: _Dates) -> Int64Array:
    days: Int64Array = (later.astype("datetime64[D]") - earlier.astype("datetime64[D]")).astype(np.int64)
    return days


def _day_of_year(seconds: Int64Array) -> Int64Array:
    return _length(_days(seconds), _days(seconds).astype("datetime64[Y]")) + 1


DATE_FIELDS: Final[Mapping[str, Callable[[Float64Array], Float64Array]]] = {
    "minute": _field(lambda s: s // 60 % 60),
    "hour": _field(lambda s: s // 3600 % 24),
    "day_of_week": _field(lambda s: (s // _DAY_S + _EPOCH_WEEKDAY) % 7),
    "day_of_month": _field(lambda s: _length(_days(s), _months(s)) + 1),
    "day_of_year": _field(_day_of_year),
    "days_in_month": _field(lambda s: _length(_months(s) + np.timedelta64(1, "M"), _months(s))),
    "month": _field(lambda s: _months(s).astype(np.int64) % 12 + 1),
    "year": _field(lambda s: _days(s).astype("datetime64[Y]").astype(np.int64) + 1970),
}
"""The functions of dates, by name; float64 in, float64 of the same shape out."""
