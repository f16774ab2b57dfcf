"""The commands of a .test file: load, clear and eval with its expectations."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from query.durations import parse_duration_ms
from query.notation import SeriesLine, parse_number, parse_series
from query.strings import unquote
from storage.errors import InputError

_LOAD = re.compile(r"load(_with_nhcb)?\s+(.+)", re.IGNORECASE)
_INSTANT = re.compile(r"eval(?:_(fail|warn|ordered|info))?\s+instant\s+(?:at\s+(\S+)\s+)?(.+)", re.IGNORECASE)
_RANGE = re.compile(
    r"eval(?:_(fail|warn|info))?\s+range\s+from\s+(\S+)\s+to\s+(\S+)\s+step\s+(\S+)\s+(.+)", re.IGNORECASE
)
_WINDOW = re.compile(r"expect\s+range\s+vector\s+from\s+(\S+)\s+to\s+(\S+)\s+step\s+(\S+)")
_STRING = re.compile(r"expect\s+string\s+(.+)")
_EXPECT = re.compile(r"expect\s+(ordered|fail|warn|no_warn|info|no_info)(?:\s+(msg|regex):\s*(.*))?\s*$")
_LEGACY_FAIL = re.compile(r"expected_fail_(message|regexp)\s+(.+)")
_NUMBER = re.compile(
    r"[+-]?(?:0x[0-9a-f]+|inf|nan|\d[\d.]*(?:e[+-]?\d+)?|\.\d+(?:e[+-]?\d+)?)", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Text:
    """A text that must be met exactly, or found by a regular expression."""

    text: str
    is_regex: bool

    def matches(self, message: str) -> bool:
        return bool(re.search(self.text, message)) if self.is_regex else self.text == message


@dataclass(frozen=True, slots=True)
class Window:
    """Times in milliseconds, both ends inclusive."""

    start_ms: int
    end_ms: int
    step_ms: int


@dataclass(frozen=True, slots=True)
class Clear:
    """Forget all data."""


@dataclass(frozen=True, slots=True)
class Load:
    """Store series; the i-th value stands at i * step_ms."""

    step_ms: int
    with_nhcb: bool
    series: list[SeriesLine]


@dataclass(slots=True)
class Eval:
    """One case. `window` is set for a range query; `at_ms` holds for an instant one.

    Annotations: a None instead of a `Text` wants any annotation at all.
    """

    line: int
    expr: str
    at_ms: int = 0
    window: Window | None = None
    series: list[SeriesLine] = field(default_factory=list)
    samples_window: Window | None = None
    scalar: float | None = None
    string: str | None = None
    ordered: bool = False
    fails: list[Text | None] = field(default_factory=list)
    warnings: list[Text | None] = field(default_factory=list)
    infos: list[Text | None] = field(default_factory=list)
    no_warnings: bool = False
    no_infos: bool = False


Command: TypeAlias = Clear | Load | Eval


def parse_script(text: str) -> Iterator[Command]:
    """The commands in order. Raises `InputError`, which names the line."""
    lines = ["" if line.strip().startswith("#") else line.strip() for line in text.split("\n")]
    at = 0
    while at < len(lines):
        start = at
        at += 1
        if not lines[start]:
            continue
        if lines[start] == "clear":
            yield Clear()
            continue
        while at < len(lines) and lines[at]:
            at += 1
        try:
            yield _block(lines[start], lines[start + 1 : at], start + 1)
        except InputError as error:
            raise InputError(f"line {start + 1}: {error}") from error


def parse_time_ms(text: str) -> int:
    """A duration, or seconds as a number; either may be negative."""
    return round(parse_number(text) * 1000)


def _block(head: str, body: list[str], line: int) -> Command:
    load = _LOAD.fullmatch(head)
    if load:
        return Load(
            parse_duration_ms(load.group(2)), bool(load.group(1)), [parse_series(one) for one in body]
        )
    case = _head(head, line)
    for one in body:
        _expectation(case, one)
    return case


def _head(head: str, line: int) -> Eval:
    instant, window = _INSTANT.fullmatch(head), _RANGE.fullmatch(head)
    if instant:
        mode, at, expr = instant.groups()
        case = Eval(line, expr, parse_time_ms(at) if at else 0)
    elif window:
        mode, start, end, step, expr = window.groups()
        case = Eval(line, expr, window=_window(start, end, step))
    else:
        raise InputError(f"{head!r} is not load, clear or eval")
    _mark(case, mode.lower() if mode else "", None)
    return case


def _window(start: str, end: str, step: str) -> Window:
    return Window(parse_time_ms(start), parse_time_ms(end), parse_time_ms(step))


def _mark(case: Eval, what: str, text: Text | None) -> None:
    match what:
        case "fail":
            case.fails.append(text)
        case "warn":
            case.warnings.append(text)
        case "info":
            case.infos.append(text)
        case "no_warn":
            case.no_warnings = True
        case "no_info":
            case.no_infos = True
        case "ordered":
            case.ordered = True


def _expectation(case: Eval, line: str) -> None:
    if found := _LEGACY_FAIL.fullmatch(line):
        case.fails = [Text(found.group(2).strip(), found.group(1) == "regexp")]
    elif found := _WINDOW.fullmatch(line):
        case.samples_window = _window(*found.groups())
    elif found := _STRING.fullmatch(line):
        case.string = unquote(found.group(1).strip())
    elif found := _EXPECT.fullmatch(line):
        what, mode, text = found.groups()
        _mark(case, what, Text(text.strip(), mode == "regex") if mode else None)
    elif _NUMBER.fullmatch(line):
        case.scalar = parse_number(line)
    else:
        case.series.append(parse_series(line))
