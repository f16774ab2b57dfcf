"""Request parameters of the HTTP API: times, durations, selectors (Prometheus, web/api/v1/api.go)."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from query.durations import parse_duration_ms
from query.parser import parse_matchers
from storage.errors import InputError
from storage.model import Matcher, TimeRange

MAX_POINTS: Final = 11_000
EARLIEST_MS: Final = -86_400_000 * 1_000_000
LATEST_MS: Final = 86_400_000 * 1_000_000
"""A million days either side of the epoch, which every store can hold as a day number."""

_EXTREMES = {
    "-292273086-05-16T16:47:06Z": EARLIEST_MS,
    "292277025-08-18T07:12:54.999999999Z": LATEST_MS,
}
_FRACTION = re.compile(r"(\.\d{1,6})\d*")
_TOO_FINE = (
    "exceeded maximum resolution of 11,000 points per timeseries. "
    "Try decreasing the query resolution (?step=XX)"
)
_NO_STEP = "zero or negative query resolution step widths are not accepted. Try a positive integer"


@dataclass(frozen=True, slots=True)
class RangeTimes:
    """Times of a range query in milliseconds; both ends are inclusive."""

    start_ms: int
    end_ms: int
    step_ms: int


class Parameters:
    """The parameters of one request. Every reader raises `InputError`, which names the parameter."""

    def __init__(self, values: Mapping[str, Sequence[str]]) -> None:
        self._values = values

    def text(self, name: str) -> str:
        """The first value, '' where the parameter is missing."""
        return next(iter(self._values.get(name, ())), "")

    def time_ms(self, name: str, default_ms: int | None = None) -> int:
        """RFC 3339 or seconds since the epoch, in milliseconds."""
        text = self.text(name)
        if not text and default_ms is not None:
            return default_ms
        try:
            return parse_time_ms(text)
        except InputError as error:
            raise InputError(f'invalid parameter "{name}": {error}') from None

    def duration_ms(self, name: str) -> int | None:
        """A duration or seconds, in milliseconds; None where the parameter is missing."""
        text = self.text(name)
        if not text:
            return None
        try:
            return parse_step_ms(text)
        except InputError as error:
            raise InputError(f'invalid parameter "{name}": {error}') from None

    def flag(self, name: str) -> bool:
        """Whether the parameter is given, and is not one of `0`, `f` and `false`."""
        return self.text(name).lower() not in ("", "0", "f", "false")

    def limit(self, name: str = "limit") -> int:
        """A whole number; 0, which means no limit, where the parameter is missing."""
        text = self.text(name) or "0"
        if not re.fullmatch(r"\+?\d{1,18}", text):
            raise InputError(f'invalid parameter "{name}": {text!r} is not a whole number of 0 or more')
        return int(text)

    def selectors(self) -> list[tuple[Matcher, ...]]:
        """The matchers of each `match[]`."""
        found = []
        for text in self._values.get("match[]", ()):
            try:
                found.append(parse_matchers(text).matchers)
            except InputError as error:
                raise InputError(f'invalid parameter "match[]": {error}') from None
        return found

    def time_range(self) -> TimeRange:
        """`start` and `end` of a question about series; all times where they are missing."""
        found = TimeRange(self.time_ms("start", EARLIEST_MS), self.time_ms("end", LATEST_MS))
        _in_order(found.start_ms, found.end_ms)
        return found

    def range_times(self) -> RangeTimes:
        """`start`, `end` and `step` of a range query."""
        start_ms, end_ms = self.time_ms("start"), self.time_ms("end")
        _in_order(start_ms, end_ms)
        step_ms = self.duration_ms("step")
        if step_ms is None:
            raise InputError('invalid parameter "step": cannot parse "" to a valid duration')
        return _checked(RangeTimes(start_ms, end_ms, step_ms))

    def panel_times(self) -> RangeTimes:
        """Those of a panel: `step` is widened until no series has more than `max_points` steps."""
        start_ms, end_ms = self.time_ms("start"), self.time_ms("end")
        _in_order(start_ms, end_ms)
        step_ms, points = self.duration_ms("step"), self.limit("max_points")
        if step_ms is None and not points:
            raise InputError('missing parameter: a panel needs "step" or "max_points"')
        if step_ms is not None and step_ms <= 0:
            raise InputError(f'invalid parameter "step": {_NO_STEP}')
        widest = _step_for(end_ms - start_ms, points) if points else 1
        return _checked(RangeTimes(start_ms, end_ms, max(step_ms or 1, widest)))


def parse_time_ms(text: str) -> int:
    """RFC 3339 or seconds since the epoch. Raises `InputError`."""
    extreme = _EXTREMES.get(text.removeprefix("+"))
    if extreme is not None:
        return extreme
    seconds = _seconds(text)
    if seconds is None or not EARLIEST_MS <= seconds * 1000 <= LATEST_MS:
        raise InputError(f'cannot parse "{text}" to a valid timestamp')
    return round(seconds * 1000)


def parse_step_ms(text: str) -> int:
    """A duration such as `1m30s`, or seconds. Raises `InputError`."""
    try:
        seconds = float(text)
    except ValueError:
        return parse_duration_ms(text)
    if not abs(seconds) * 1e9 < 2**63:
        raise InputError(f'cannot parse "{text}" to a valid duration. It overflows int64')
    return round(seconds * 1000)


def _seconds(text: str) -> float | None:
    try:
        seconds = float(text)
    except ValueError:
        return _rfc3339(text)
    return seconds if math.isfinite(seconds) else None


def _rfc3339(text: str) -> float | None:
    if not re.match(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d", text):
        return None
    try:
        time = datetime.fromisoformat(_FRACTION.sub(r"\1", text.upper()))
    except ValueError:
        return None
    return time.timestamp() if time.tzinfo else None


def _in_order(start_ms: int, end_ms: int) -> None:
    if end_ms < start_ms:
        raise InputError('invalid parameter "end": end timestamp must not be before start time')


def _checked(times: RangeTimes) -> RangeTimes:
    if times.step_ms <= 0:
        raise InputError(f'invalid parameter "step": {_NO_STEP}')
    if (times.end_ms - times.start_ms) // times.step_ms > MAX_POINTS:
        raise InputError(_TOO_FINE)
    return times


def _step_for(span_ms: int, points: int) -> int:
    """The smallest round step that cuts a span into no more than `points` steps, ends included."""
    least = span_ms // max(points - 1, 1) + 1 if points > 1 else span_ms + 1
    return least if least < 1000 else -(-least // 1000) * 1000
