"""The grammar of times in the URL: `now-6h/h`, or an absolute time.

time     = "now" { ("-" | "+") integer unit } [ "/" unit ] | absolute
unit     = "s" | "m" | "h" | "d" | "w" | "M" | "y"
absolute = milliseconds since the epoch | "2026-03-01" [ ("T" | " ") "14:05" [ ":30" ] ] [ offset ]

Everything is UTC unless an offset is given. `/unit` rounds down to the unit's start; as the end of a range it
rounds up to the unit's last millisecond, so that `now-1d/d` to `now-1d/d` is the whole of yesterday.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from storage.errors import InputError
from storage.model import TimeRange

PRESETS: Final[tuple[tuple[str, str], ...]] = (
    ("now-5m", "now"),
    ("now-15m", "now"),
    ("now-30m", "now"),
    ("now-1h", "now"),
    ("now-3h", "now"),
    ("now-6h", "now"),
    ("now-12h", "now"),
    ("now-24h", "now"),
    ("now-2d", "now"),
    ("now-7d", "now"),
    ("now-30d", "now"),
    ("now-90d", "now"),
    ("now/d", "now"),
    ("now-1d/d", "now-1d/d"),
    ("now/w", "now"),
)

_NAMED: Final[Mapping[tuple[str, str], str]] = {
    ("now/d", "now"): "Today so far",
    ("now-1d/d", "now-1d/d"): "Yesterday",
    ("now/w", "now"): "This week so far",
}
_UNITS: Final[Mapping[str, str]] = {
    "s": "second",
    "m": "minute",
    "h": "hour",
    "d": "day",
    "w": "week",
    "M": "month",
    "y": "year",
}
_FIXED: Final[Mapping[str, timedelta]] = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
_RELATIVE: Final = re.compile(r"now((?:[-+]\d{1,9}[smhdwMy])*)(?:/([smhdwMy]))?", re.ASCII)
_SHIFT: Final = re.compile(r"([-+]\d+)([smhdwMy])", re.ASCII)
_SIMPLE: Final = re.compile(r"now-(\d+)([smhdwMy])", re.ASCII)
_EXPECTED: Final = "expected now, now-6h, now-1d/d, 2026-03-01 14:05 or milliseconds since the epoch"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS: Final = timedelta(milliseconds=1)


def resolve(text: str, now_ms: int, *, is_end: bool = False) -> int:
    """Milliseconds since the epoch that `text` means at `now_ms`.

    `is_end` rounds up to the last millisecond of a unit. Raises `InputError` that shows what was expected.
    """
    word = text.strip()
    relative = _RELATIVE.fullmatch(word)
    try:
        moment = _EPOCH + timedelta(milliseconds=now_ms) if relative else _absolute(word)
        if relative:
            for amount, unit in _SHIFT.findall(relative[1]):
                moment = _shift(moment, int(amount), unit)
            if relative[2]:
                floor = _floor(moment, relative[2])
                moment = _shift(floor, 1, relative[2]) - _MS if is_end else floor
    except (ValueError, OverflowError):
        raise InputError(f"{text!r} is not a time: {_EXPECTED}") from None
    return (moment - _EPOCH) // _MS


def resolve_range(start: str, end: str, now_ms: int) -> TimeRange:
    """Both ends, inclusive. Raises `InputError` when a time is malformed or the range is empty."""
    found = TimeRange(resolve(start, now_ms), resolve(end, now_ms, is_end=True))
    if found.end_ms <= found.start_ms:
        raise InputError(f"the range from {start!r} to {end!r} is empty: its end must lie after its start")
    return found


def is_live(end: str) -> bool:
    """Whether a range with this end moves with the clock."""
    return end.strip().startswith("now")


def describe(start: str, end: str) -> str:
    """What people call a range: `Last 6 hours`, `Yesterday`, or its two ends."""
    named = _NAMED.get((start, end))
    simple = _SIMPLE.fullmatch(start)
    if named:
        return named
    if simple and end == "now":
        amount, unit = int(simple[1]), _UNITS[simple[2]]
        return f"Last {amount} {unit}{'' if amount == 1 else 's'}"
    return f"{_describe_end(start)} to {_describe_end(end)}"


def _describe_end(text: str) -> str:
    if not text.isdecimal():
        return text
    try:
        return (_EPOCH + timedelta(milliseconds=int(text))).strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError):
        return text


def _absolute(word: str) -> datetime:
    if re.fullmatch(r"-?\d+", word, re.ASCII):
        return _EPOCH + timedelta(milliseconds=int(word))
    found = datetime.fromisoformat(word)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _shift(moment: datetime, amount: int, unit: str) -> datetime:
    if unit in _FIXED:
        return moment + amount * _FIXED[unit]
    months = moment.year * 12 + moment.month - 1 + amount * (12 if unit == "y" else 1)
    year, month = divmod(months, 12)
    return moment.replace(year=year, month=month + 1, day=min(moment.day, _days_in(year, month + 1)))


def _days_in(year: int, month: int) -> int:
    following = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
    return (following - timedelta(days=1)).day


def _floor(moment: datetime, unit: str) -> datetime:
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    floors: Mapping[str, datetime] = {
        "s": moment.replace(microsecond=0),
        "m": moment.replace(second=0, microsecond=0),
        "h": moment.replace(minute=0, second=0, microsecond=0),
        "d": day,
        "w": day - timedelta(days=day.weekday()),
        "M": day.replace(day=1),
        "y": day.replace(month=1, day=1),
    }
    return floors[unit]
