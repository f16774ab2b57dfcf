"""The times of one query: its steps, and what durations and `@` come to."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from query.ast import AtAnchor, AtTime, Duration, DurationBinary, DurationCall, DurationUnary
from storage.errors import ExecutionError
from storage.model import Int64Array


@dataclass(frozen=True, slots=True)
class Times:
    """Evaluation times: start, start + step, … up to end, inclusive; an instant query has start = end.

    `query_start_ms` and `query_end_ms` are the whole query's, which `@ start()` and `@ end()` mean inside of
    a subquery too.
    """

    start_ms: int
    end_ms: int
    step_ms: int
    query_start_ms: int
    query_end_ms: int

    @property
    def count(self) -> int:
        """The number of steps."""
        return 1 if self.step_ms == 0 else (self.end_ms - self.start_ms) // self.step_ms + 1

    @property
    def is_instant(self) -> bool:
        """Whether there is one step only because the query asked for one moment."""
        return self.step_ms == 0

    def steps_ms(self) -> Int64Array:
        """int64 (count,), ascending."""
        return self.start_ms + np.arange(self.count, dtype=np.int64) * self.step_ms

    def at(self, at: AtTime | None, offset: Duration) -> Times:
        """The times that a selector with these modifiers looks at; one only where `@` pins it."""
        shift = self.duration_ms(offset)
        if at is None:
            return replace(self, start_ms=self.start_ms - shift, end_ms=self.end_ms - shift)
        pinned = self._anchor_ms(at.at) - shift
        return replace(self, start_ms=pinned, end_ms=pinned, step_ms=0)

    def later(self, by_ms: int) -> Times:
        """The same steps, moved towards the future."""
        return replace(self, start_ms=self.start_ms + by_ms, end_ms=self.end_ms + by_ms)

    def inner(self, window_ms: int, step_ms: int) -> Times:
        """The grid of a subquery: multiples of its step in (start - window, end]."""
        left = self.start_ms - window_ms
        first = step_ms * math.floor(left / step_ms) + step_ms
        return replace(self, start_ms=first, end_ms=max(self.end_ms, first - step_ms), step_ms=step_ms)

    def duration_ms(self, duration: Duration) -> int:
        """Milliseconds of a duration, rounded to the nearest. Raises `ExecutionError` where it has none."""
        seconds = self._seconds(duration)
        if not math.isfinite(seconds):
            raise ExecutionError(f"duration is {seconds}, expected a finite number of seconds")
        return round(seconds * 1000)

    def positive_ms(self, duration: Duration, what: str) -> int:
        """Likewise, for a range or a step, which must be greater than 0."""
        found = self.duration_ms(duration)
        if found <= 0:
            raise ExecutionError(f"{what} is {found} ms, expected a duration greater than 0")
        return found

    def _seconds(self, duration: Duration) -> float:
        match duration:
            case DurationCall():
                return self._call(duration)
            case DurationBinary():
                return _ARITHMETIC[duration.op](self._seconds(duration.lhs), self._seconds(duration.rhs))
            case DurationUnary():
                return -self._seconds(duration.operand)
        return duration

    def _call(self, call: DurationCall) -> float:
        if call.name == "step":
            return self.step_ms / 1000
        if call.name == "range":
            return (self.query_end_ms - self.query_start_ms) / 1000
        values = [self._seconds(arg) for arg in call.args]
        return min(values) if call.name == "min_of" else max(values)

    def _anchor_ms(self, at: float | AtAnchor) -> int:
        if at is AtAnchor.START:
            return self.query_start_ms
        if at is AtAnchor.END:
            return self.query_end_ms
        return round(at * 1000)


def _divide(a: float, b: float) -> float:
    if b == 0:
        raise ExecutionError("duration is divided by zero")
    return a / b


_ARITHMETIC: Final[Mapping[str, Callable[[float, float], float]]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": _divide,
    "%": lambda a, b: math.fmod(a, b) if b else _divide(a, b),
    "^": math.pow,
}
