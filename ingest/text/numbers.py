"""Numbers of text protocols that Python reads."""

from __future__ import annotations

import re
from typing import Final

from storage.errors import DecodeError

_NUMBER: Final = re.compile(
    r"[+-]?(?:(?:\d++(?:\.\d*+)?+|\.\d++)(?:e[+-]?\d++)?+|inf(?:inity)?+|nan)", re.IGNORECASE | re.ASCII
)
_MOST_MS: Final = 1 << 62


def number(text: str) -> float:
    """A decimal number, NaN or an infinity. Raises `DecodeError`."""
    if _NUMBER.fullmatch(text) is None:
        raise DecodeError(f"{text[:40]!r} is not a number")
    return float(text)


def milliseconds(seconds: float) -> int:
    """The nearest whole number of ms. Raises `DecodeError` for what is no time."""
    if not abs(seconds) * 1000 < _MOST_MS:
        raise DecodeError(f"{seconds!r} is not a timestamp in seconds")
    return round(seconds * 1000)
