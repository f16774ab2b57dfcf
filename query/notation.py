"""The series notation of Prometheus's tests: `name{label="v"} 0+10x5 _ stale`."""

import re
from dataclasses import dataclass

import numpy as np

from query.block import Cells, stacked_cells
from query.cursor import Cursor
from query.durations import parse_duration_ms
from query.native.notation import parse_histogram, progression
from query.selector_parser import parse_selector
from storage.errors import InputError
from storage.model import STALE_NAN_BITS, BoolArray, Float64Array, Labels, canonical

_HEAD = re.compile(
    r"([A-Za-z_:][\w:]*)?\s*"
    r"(\{(?:[^\"'`{}]|\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|`[^`]*`)*\})?(@st)?(?:\s+|$)"
)
_DURATION = r"\d+(?:ms|[smhdwy])(?:\d+(?:ms|[smhdwy]))*"
_NUMBER = rf"(?:inf|nan|{_DURATION}|\d+\.?\d*(?:e[+-]?\d+)?|\.\d+(?:e[+-]?\d+)?)"
_ITEM = re.compile(
    rf"(?P<first>_|stale|[+-]?{_NUMBER})(?P<delta>[+-]{_NUMBER})?(?:x(?P<times>\d+))?", re.IGNORECASE
)
_HISTOGRAM = r"\{\{[^}]*\}\}"
_HISTOGRAM_ITEM = re.compile(
    rf"(?P<first>{_HISTOGRAM})(?:(?P<sign>[+-])(?P<step>{_HISTOGRAM}))?(?:x(?P<times>\d+))?"
)
_STALE = np.array([STALE_NAN_BITS], np.uint64).view(np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class SeriesLine:
    """values[i], or a histogram, stands at i steps where present[i]; `start_times` marks an `@st` line."""

    labels: Labels
    values: Float64Array
    present: BoolArray
    cells: Cells | None
    start_times: bool

    @property
    def has_histograms(self) -> bool:
        """Whether any value is a native histogram."""
        return self.cells is not None


def parse_series(line: str) -> SeriesLine:
    """Raises `InputError` for a line that is not of the notation."""
    head = _HEAD.match(line)
    if not head or not (head.group(1) or head.group(2)):
        raise InputError(f"{line!r} does not begin with a series")
    name, braces, start_times = head.groups()
    labels = parse_labels((name or "") + (braces or ""))
    parts = [_item(text) for text in _items(line[head.end() :])]
    values = np.concatenate([part[0] for part in parts] or [np.empty(0)])
    present = np.concatenate([part[1] for part in parts] or [np.empty(0, np.bool_)])
    cells = stacked_cells([part[2] for part in parts], [part[0].shape for part in parts])
    return SeriesLine(labels, values, present, cells, bool(start_times))


def parse_labels(text: str) -> Labels:
    """A label set as text, `__name__` included."""
    cursor = Cursor(text, 10)
    selector = parse_selector(cursor, None if text.startswith("{") else cursor.advance())
    return canonical((matcher.name, matcher.value) for matcher in selector.matchers)


def parse_number(text: str) -> float:
    """A number or a duration, in seconds."""
    sign = -1.0 if text.startswith("-") else 1.0
    plain = text.lstrip("+-").lower()
    if plain[-1] in "smhdwy":
        return sign * parse_duration_ms(plain) / 1000
    return sign * float(plain)


def _items(text: str) -> list[str]:
    return re.findall(rf"(?:{_HISTOGRAM}|\S)+", text)


def _histograms(item: re.Match[str]) -> tuple[Float64Array, BoolArray, Cells | None]:
    count = 1 + int(item.group("times") or 0)
    step = item.group("step")
    pool = progression(
        parse_histogram(item.group("first")[2:-2]),
        parse_histogram(step[2:-2]) if step else None,
        -1.0 if item.group("sign") == "-" else 1.0,
        count,
    )
    cells = Cells(np.arange(count, dtype=np.int32), pool)
    return np.full(count, np.nan), np.ones(count, np.bool_), cells


def _item(text: str) -> tuple[Float64Array, BoolArray, Cells | None]:
    histogram = _HISTOGRAM_ITEM.fullmatch(text)
    if histogram:
        return _histograms(histogram)
    item = _ITEM.fullmatch(text)
    if not item:
        raise InputError(f"{text!r} is not a value of a series")
    first, delta, times = item.group("first"), item.group("delta"), int(item.group("times") or 0)
    if first == "_":
        count = times or 1
        return np.full(count, np.nan), np.zeros(count, np.bool_), None
    if first == "stale":
        return np.repeat(_STALE, times + 1), np.ones(times + 1, np.bool_), None
    # Added one by one, as Prometheus does: a product would round otherwise.
    steps = np.full(times + 1, parse_number(delta) if delta else 0.0)
    steps[0] = parse_number(first)
    return np.add.accumulate(steps), np.ones(times + 1, np.bool_), None
