"""Schedules of CronJobs: five fields, `@hourly` and the like, `@every 90m`; when one is due next.

Grammar: https://en.wikipedia.org/wiki/Cron as Kubernetes reads it: lists, ranges, steps, names of months and
days, `?` for `*`, Sunday as 0 or 7. Day of month and day of week: either suffices where both are restricted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_WORDS: Final = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_MONTHS: Final = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_DAYS: Final = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
_FIELDS: Final[tuple[tuple[int, int, dict[str, int]], ...]] = (
    (0, 59, {}),
    (0, 23, {}),
    (1, 31, {}),
    (1, 12, {name: number for number, name in enumerate(_MONTHS, 1)}),
    (0, 7, {name: number for number, name in enumerate(_DAYS)}),
)
_EVERY: Final = re.compile(r"(?:(\d{1,6})h)?(?:(\d{1,8})m)?(?:(\d{1,9})s)?")
_ZONE: Final = re.compile(r"(?:CRON_)?TZ=(\S+)\s+(.*)", re.DOTALL)
_FAR: Final = timedelta(days=5 * 366)


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a job is due. Sets of minutes, hours, days, months and weekdays (0 is Sunday)."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    is_either_day: bool
    zone: tzinfo
    every: timedelta | None = None

    def next_after(self, seconds: float) -> float | None:
        """The first time after, both in seconds since the epoch; None where there is none in five years.

        An hour that a change of clocks leaves out has no run, one that it repeats has two.
        """
        if self.every is not None:
            return float(int(seconds)) + max(self.every.total_seconds(), 1.0)
        at = datetime.fromtimestamp(seconds, UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)
        last = at + _FAR
        while at < last:
            step = self._wait(at.astimezone(self.zone))
            if not step:
                return at.timestamp()
            at += step
        return None

    def _wait(self, local: datetime) -> timedelta:
        """How long to look ahead without missing anything, nothing where it is due at this minute."""
        if local.month not in self.months or not self._is_day(local):
            # A day may have 23 hours, so the last hours of it are looked at one by one.
            rest = timedelta(hours=max(22 - local.hour, 0))
            return rest or timedelta(minutes=60 - local.minute)
        if local.hour not in self.hours:
            # Clocks change, and zones differ, by half hours at least.
            return timedelta(minutes=30 - local.minute % 30)
        return timedelta() if local.minute in self.minutes else timedelta(minutes=1)

    def _is_day(self, local: datetime) -> bool:
        is_day, is_weekday = local.day in self.days, local.isoweekday() % 7 in self.weekdays
        return is_day or is_weekday if self.is_either_day else is_day and is_weekday


def schedule(text: str, zone: str = "") -> Schedule:
    """Read a schedule; a zone in its text wins. Raises `ValueError` that names what is wrong."""
    match = _ZONE.fullmatch(text.strip())
    if match:
        zone, text = match.groups()
    return _schedule(text.strip(), _zone(zone))


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name) if name else UTC
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"time zone: {name!r} is not known") from None


def _schedule(text: str, zone: tzinfo) -> Schedule:
    nothing: frozenset[int] = frozenset()
    if text.startswith("@every "):
        return Schedule(nothing, nothing, nothing, nothing, nothing, False, zone, _every(text[7:].strip()))
    parts = _WORDS.get(text, text).lower().split()
    if len(parts) != len(_FIELDS):
        raise ValueError(f"schedule: {text!r} has {len(parts)} fields, expected {len(_FIELDS)}")
    minutes, hours, days, months, weekdays = (
        frozenset(_field(part, *field)) for part, field in zip(parts, _FIELDS, strict=True)
    )
    is_either_day = not (_is_any(parts[2]) or _is_any(parts[4]))
    return Schedule(minutes, hours, days, months, frozenset(day % 7 for day in weekdays), is_either_day, zone)


def _is_any(part: str) -> bool:
    return part[0] in "*?"


def _every(text: str) -> timedelta:
    match = _EVERY.fullmatch(text)
    if match is None or not text:
        raise ValueError(f"schedule: {text!r} is not a duration such as 1h30m")
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)


def _field(text: str, low: int, high: int, names: dict[str, int]) -> Iterable[int]:
    for part in text.split(","):
        span, slash, step = part.partition("/")
        start, dash, end = span.partition("-")
        first = low if span in {"*", "?"} else _number(start, low, high, names)
        is_open = span in {"*", "?"} or (slash and not dash)
        last = high if is_open else _number(end, low, high, names) if dash else first
        if last < first:
            raise ValueError(f"schedule: {part!r} runs backwards")
        yield from range(first, last + 1, _number(step, 1, high, {}) if slash else 1)


def _number(text: str, low: int, high: int, names: dict[str, int]) -> int:
    number = names.get(text, int(text) if text.isascii() and text.isdigit() and len(text) < 4 else -1)
    if not low <= number <= high:
        raise ValueError(f"schedule: {text!r} is not a number from {low} to {high}")
    return number
