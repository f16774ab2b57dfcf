"""Numbers as people read them. The browser's charts use the same rules (assets/format.js).

none: plain with SI prefixes from 10,000; percent: 0 to 100; bytes: IEC; bytes_per_s: IEC a second;
seconds: the two largest units of a duration.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

_SI: Final = ("", "k", "M", "G", "T", "P", "E")
_IEC: Final = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
_DURATIONS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
_SMALL: Final[tuple[tuple[float, str], ...]] = ((1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
_SUFFIX: Final[Mapping[str, str]] = {"percent": " %", "bytes_per_s": "/s"}

UNITS: Final = ("none", "percent", "bytes", "bytes_per_s", "seconds")
"""The units that panels and tables know."""


def format_value(value: float, unit: str = "none") -> str:
    """`value` with three significant figures and its unit; `-` for NaN."""
    if math.isnan(value):
        return "-"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    suffix = _SUFFIX.get(unit, "")
    if unit in ("bytes", "bytes_per_s"):
        return _scaled(value, 1024, _IEC, 1024, " ") + suffix
    if unit == "seconds":
        return _duration(value)
    if unit == "percent":
        return _figures(value) + suffix
    return _scaled(value, 1000, _SI, 10_000, "")


def _figures(value: float) -> str:
    """Three significant figures, no exponent between 0.001 and 1e6, no trailing zeros."""
    size = abs(value)
    if size == 0:
        return "0"
    if size < 1e-3 or size >= 1e6:
        mantissa, _, exponent = f"{value:.2e}".partition("e")
        return f"{_trim(mantissa)}e{int(exponent)}"
    decimals = max(0, 2 - math.floor(math.log10(size)))
    # Half away from zero, as browsers round.
    return _trim(str(Decimal(value).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)))


def _trim(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


def _scaled(value: float, base: int, prefixes: tuple[str, ...], from_size: int, gap: str) -> str:
    power = 0
    if abs(value) >= from_size:
        power = min(int(math.log(abs(value), base) + 1e-12), len(prefixes) - 1)
    return f"{_figures(value / base**power)}{gap}{prefixes[power]}".rstrip()


def _duration(value: float) -> str:
    size = abs(value)
    if size == 0:
        return "0 s"
    if size < 1:
        scale, name = next((pair for pair in _SMALL if size >= pair[0]), _SMALL[-1])
        return f"{_figures(value / scale)} {name}"
    if size < 60:
        return f"{_figures(value)} s"
    whole = round(size)
    at = next(i for i, (seconds, _) in enumerate(_DURATIONS) if whole >= seconds)
    (large, large_name), (small, small_name) = _DURATIONS[at], _DURATIONS[at + 1]
    rest = whole % large // small
    sign = "-" if value < 0 else ""
    return f"{sign}{whole // large} {large_name}" + (f" {rest} {small_name}" if rest else "")
