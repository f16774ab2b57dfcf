"""The functions of the language: a row each. What they compute is attached by the engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from query.ast import ValueType

_S, _V, _M, _T = ValueType.SCALAR, ValueType.VECTOR, ValueType.MATRIX, ValueType.STRING


@dataclass(frozen=True, slots=True)
class Signature:
    """A function's types.

    `variadic` is how many further arguments of the last type may follow; the last type itself may then be
    left out. -1: any number. 0: exactly the arguments of `args`. is_own: Swell's, Prometheus knows it not.
    """

    name: str
    args: tuple[ValueType, ...]
    variadic: int = 0
    returns: ValueType = ValueType.VECTOR
    experimental: bool = False
    is_own: bool = False

    @property
    def least(self) -> int:
        """The smallest number of arguments."""
        return len(self.args) - (1 if self.variadic else 0)

    @property
    def most(self) -> int | None:
        """The largest number of arguments; None where there is no limit."""
        return None if self.variadic < 0 else self.least + self.variadic if self.variadic else len(self.args)


def _many(names: str, *args: ValueType, variadic: int = 0, experimental: bool = False) -> list[Signature]:
    return [Signature(name, args, variadic, ValueType.VECTOR, experimental) for name in names.split()]


_MATH = "abs acos acosh asin asinh atan atanh ceil cos cosh deg exp floor ln log10 log2 rad sgn sin sinh sqrt"
_OF_DATES = "day_of_month day_of_week day_of_year days_in_month hour minute month year"
_OF_HISTOGRAMS = "histogram_avg histogram_count histogram_stddev histogram_stdvar histogram_sum"
_OF_COUNTERS = "changes delta deriv idelta increase irate rate resets"
_OVER_TIME = (
    "absent_over_time avg_over_time count_over_time first_over_time last_over_time max_over_time "
    "min_over_time present_over_time stddev_over_time stdvar_over_time sum_over_time"
)
_OVER_TIME_EXPERIMENTAL = (
    "mad_over_time ts_of_first_over_time ts_of_last_over_time ts_of_max_over_time ts_of_min_over_time"
)

_ALL = [
    *_many(_MATH + " tan tanh absent sort sort_desc timestamp", _V),
    *_many(_OF_DATES, _V, variadic=1),
    *_many(_OF_HISTOGRAMS, _V),
    *_many(_OF_COUNTERS, _M),
    *_many(_OVER_TIME, _M),
    *_many(_OVER_TIME_EXPERIMENTAL, _M, experimental=True),
    *_many("sort_by_label sort_by_label_desc", _V, _T, variadic=-1, experimental=True),
    *_many("clamp", _V, _S, _S),
    *_many("clamp_max clamp_min", _V, _S),
    *_many("round", _V, _S, variadic=1),
    *_many("label_replace", _V, _T, _T, _T, _T),
    *_many("label_join", _V, _T, _T, _T, variadic=-1),
    *_many("histogram_fraction", _S, _S, _V),
    *_many("histogram_quantile", _S, _V),
    *_many("histogram_quantiles", _V, _T, _S, variadic=9, experimental=True),
    *_many("quantile_over_time", _S, _M),
    *_many("predict_linear", _M, _S),
    *_many("double_exponential_smoothing", _M, _S, _S, experimental=True),
    *_many("info", _V, _V, variadic=1, experimental=True),
    *_many("start_timestamp", _V, experimental=True),
    *_many("vector", _S),
    Signature("scalar", (_V,), returns=_S),
    Signature("pi", (), returns=_S),
    Signature("time", (), returns=_S),
    Signature("start", (), returns=_S, experimental=True),
    Signature("end", (), returns=_S, experimental=True),
    Signature("step", (), returns=_S, experimental=True),
    Signature("range", (), returns=_S, experimental=True),
    Signature("max_of", (_S, _S), returns=_S, experimental=True),
    Signature("min_of", (_S, _S), returns=_S, experimental=True),
]

_OF_MODELS = [
    *_many("anomaly_score anomaly_expected anomaly_band_lower anomaly_band_upper", _M, _T, variadic=3),
    *_many("forecast linearforecast", _M, _S),
    *_many("hw", _M, _S, variadic=1),
    *_many("silence_score", _M),
    Signature("anomalous", (_M, _S, _S), variadic=1),
]

FUNCTIONS: Final[Mapping[str, Signature]] = MappingProxyType(
    {one.name: one for one in [*_ALL, *(replace(one, is_own=True) for one in _OF_MODELS)]}
)
"""Every function of Prometheus 3.14, and Swell's own of models (docs/anomalies.md), by name."""

AGGREGATIONS: Final[Mapping[str, ValueType | None]] = MappingProxyType(
    {
        **dict.fromkeys(("sum", "avg", "min", "max", "count", "group", "stddev", "stdvar")),
        **dict.fromkeys(("topk", "bottomk", "quantile", "limitk", "limit_ratio"), _S),
        "count_values": _T,
    }
)
"""Every aggregation, with the type of its parameter where it has one."""

ANCHORED: Final = frozenset({"changes", "delta", "increase", "rate", "resets"})
"""Functions that take an `anchored` range."""

SMOOTHED: Final = frozenset({"delta", "increase", "rate"})
"""Functions that take a `smoothed` range."""
