"""The `anomaly` of a rule: what is watched and how, written as an expression of Swell's own functions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from alerts.documents import Section
from query.ast import VectorSelector
from query.durations import format_duration_ms
from query.models.banding import STEP_MS, setting_of
from query.models.envelope import SENSITIVITIES, Direction, Seasonality
from query.parser import parse
from query.printer import format_expr
from storage.errors import ExecutionError, ParseError

KEYS: Final = ("selector", "kind", "history", "step", "sensitivity", "direction", "seasonality", "exclude")
_KINDS: Final = ("band", "silence")
_HISTORY_MS: Final = 14 * 86_400_000


@dataclass(frozen=True, slots=True)
class Anomaly:
    """What a rule watches. `selector` is any instant vector; a `silence` takes a plain selector.

    exclude: expressions; while one of them answers anything, nothing is unusual.
    """

    selector: str
    is_plain: bool
    kind: str
    history_ms: int
    step_ms: int
    options: tuple[str, ...]
    exclude: tuple[str, ...]

    @property
    def window(self) -> str:
        """The range vector that is modelled."""
        history, step = format_duration_ms(self.history_ms), format_duration_ms(self.step_ms)
        if self.is_plain and (self.step_ms == STEP_MS or self.kind == "silence"):
            return f"{self.selector}[{history}]"
        return f"({self.selector})[{history}:{step}]"

    def call(self, function: str) -> str:
        """A function of the model, such as `anomaly_band_upper`."""
        quoted = [f'"{one}"' for one in self.options]
        return f"{function}({', '.join([self.window, *quoted])})"

    @property
    def score(self) -> str:
        """The expression of the score; above 1 is unusual."""
        return f"silence_score({self.window})" if self.kind == "silence" else self.call("anomaly_score")

    @property
    def expression(self) -> str:
        """The rule's expression: the scores above 1."""
        return " unless on () ".join([f"({self.score} > 1)", *(f"({one})" for one in self.exclude)])


def anomaly_of(place: str, document: Any) -> Anomaly:
    """Read the mapping under `anomaly`. Raises `ConfigError` that names place and key."""
    section = Section.of(place, document, KEYS)
    selector, is_plain = _selector(section)
    kind = _one_of(section, "kind", "band", _KINDS)
    if kind == "silence" and not is_plain:
        raise section.error("selector", "is an expression, expected a plain selector for kind silence")
    step_ms = section.duration_ms("step", STEP_MS)
    options = (
        _one_of(section, "sensitivity", "medium", tuple(SENSITIVITIES)),
        _one_of(section, "direction", "both", tuple(Direction)),
        _one_of(section, "seasonality", "weekly", tuple(one.name.lower() for one in Seasonality)),
    )
    try:
        setting_of(step_ms, options)
    except ExecutionError as error:
        raise section.error("step", str(error)) from None
    history_ms = section.duration_ms("history", _HISTORY_MS)
    if history_ms < step_ms:
        raise section.error("history", f"is {history_ms} ms, expected at least the step of {step_ms} ms")
    exclude = tuple(_excluded(section, value) for value in section.items("exclude"))
    return Anomaly(selector, is_plain, kind, history_ms, step_ms, options, exclude)


def _selector(section: Section) -> tuple[str, bool]:
    text = section.text("selector")
    try:
        expr = parse(text)
    except ParseError as error:
        raise section.error("selector", str(error)) from None
    plain = isinstance(expr, VectorSelector) and expr.offset == 0 and expr.at is None
    return format_expr(expr), plain


def _excluded(section: Section, value: Any) -> str:
    if not isinstance(value, str):
        raise section.error("exclude", f"holds {value!r}, expected an expression")
    try:
        return format_expr(parse(value))
    except ParseError as error:
        raise section.error("exclude", f"{value!r}: {error}") from None


def _one_of(section: Section, key: str, default: str, known: tuple[str, ...]) -> str:
    value = section.text(key, default)
    if value not in known:
        raise section.error(key, f"is {value!r}, expected one of {', '.join(known)}")
    return value
