"""Durations and sizes as Prometheus writes them: `1m30s`, `64MB`."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from storage.errors import ConfigError

_UNITS_MS: Final = {
    "y": 31_536_000_000,
    "w": 604_800_000,
    "d": 86_400_000,
    "h": 3_600_000,
    "m": 60_000,
    "s": 1000,
    "ms": 1,
}
_WHOLE_ONLY: Final = frozenset("yw")
_DURATION: Final = re.compile("".join(rf"(?:([0-9]+){unit})?" for unit in _UNITS_MS))
_SIZE: Final = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:([KMGTPE])i?)?B")
_PREFIXES: Final = "KMGTPE"


@lru_cache(maxsize=256)
def duration_ms(text: str) -> int:
    """Milliseconds of a duration: whole numbers with units, the largest first. Raises ConfigError."""
    if text == "0":
        return 0
    match = _DURATION.fullmatch(text)
    if not text or match is None:
        raise ConfigError(f"{text!r} is not a duration such as 30s or 1m30s")
    return sum(
        int(number or 0) * unit for number, unit in zip(match.groups(), _UNITS_MS.values(), strict=True)
    )


@lru_cache(maxsize=256)
def duration_text(milliseconds: int) -> str:
    """A duration as Prometheus prints it: years and weeks only where they come out even."""
    text, rest = "", milliseconds
    for name, unit in _UNITS_MS.items():
        if name in _WHOLE_ONLY and rest % unit:
            continue
        count, rest = divmod(rest, unit)
        if count:
            text += f"{count}{name}"
    return text or "0s"


def size_bytes(text: str) -> int:
    """Bytes of a size; every unit is a power of 1024, as in Prometheus. Raises ConfigError."""
    if text == "0":
        return 0
    match = _SIZE.fullmatch(text)
    if match is None:
        raise ConfigError(f"{text!r} is not a size such as 64MB")
    number, prefix = match.groups()
    return int(float(number) * 1024 ** (_PREFIXES.index(prefix) + 1 if prefix else 0))
