"""Durations as text: Prometheus's `1h30m` and PromQL's numbers (prometheus/common, model.ParseDuration)."""

from __future__ import annotations

import math
import re
from typing import Final

from storage.errors import InputError

_UNITS_MS: Final = {
    "y": 31_536_000_000,
    "w": 604_800_000,
    "d": 86_400_000,
    "h": 3_600_000,
    "m": 60_000,
    "s": 1_000,
    "ms": 1,
}
_PART = re.compile(r"(\d+)([A-Za-z]+)")
_SHAPE = re.compile(r"(?:\d+[A-Za-z]+)+")
_RADIX = re.compile(r"0[xXbBoO]|0(?=[0-7_]*$)")
_DIGITS: Final = 18
_LONGEST_S: Final = (2**63 - 1) / 1e9


def parse_duration_ms(text: str) -> int:
    """Milliseconds of `0` or of numbers with units y w d h m s ms, each once and in that order.

    Raises `InputError`, with Prometheus's words.
    """
    if text == "0":
        return 0
    if not _SHAPE.fullmatch(text):
        raise InputError(f'not a valid duration string: "{text}"')
    total, units = 0, list(_UNITS_MS)
    for number, unit in _PART.findall(text):
        if unit not in _UNITS_MS:
            raise InputError(f'unknown unit "{unit}" in duration "{text}"')
        if unit not in units:
            raise InputError(f'not a valid duration string: "{text}"')
        units = units[units.index(unit) + 1 :]
        if len(number) > _DIGITS:
            raise InputError("duration out of range")
        total += int(number) * _UNITS_MS[unit]
    check_range(total / 1000)
    return total


def check_range(seconds: float) -> float:
    """The seconds themselves. Raises `InputError` where nanoseconds would not fit 64 bits."""
    if not abs(seconds) <= _LONGEST_S:
        raise InputError("duration out of range")
    return seconds


def format_duration_ms(duration_ms: int) -> str:
    """The shortest text of a duration; `0s` for none. Years and weeks only where they are exact."""
    if duration_ms == 0:
        return "0s"
    rest, parts = abs(duration_ms), []
    for unit, size in _UNITS_MS.items():
        if unit in ("y", "w") and rest % size:
            continue
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count}{unit}")
    return ("-" if duration_ms < 0 else "") + "".join(parts)


def parse_number(text: str) -> float:
    """A number literal: decimal, hexadecimal, octal (leading 0 or 0o), binary, `_`, Inf and NaN.

    Raises `InputError` when it does not fit a float64.
    """
    plain = text.replace("_", "")
    try:
        value = float(int(plain, _base(plain)))
    except (ValueError, OverflowError):
        value = float(plain) if plain[:2].lower() != "0x" else math.inf
    if math.isinf(value) and plain.lstrip("+-").lower() != "inf":
        raise InputError(f'error parsing number: strconv.ParseFloat: parsing "{text}": value out of range')
    return value


def _base(text: str) -> int:
    radix = _RADIX.match(text)
    if not radix or len(text) == 1:
        return 10
    return {"0x": 16, "0b": 2, "0o": 8}.get(radix.group().lower(), 8)
