"""Warnings and infos of one query: remarks on an answer that is still given."""

from __future__ import annotations

import math

import numpy as np

from query.ast import Span

_EXPONENT_FROM = 6
_SHOWN = 10
"""How many remarks of a kind an answer carries (Prometheus, web/api/v1/api.go)."""


class Annotations:
    """Collects remarks, each once, with the place in the text that they are about.

    Texts and the place's form, `(line:column)` from 1, are Prometheus's (util/annotations).
    """

    def __init__(self, text: str | None = None) -> None:
        self._text = text
        self._warnings: dict[str, None] = {}
        self._infos: dict[str, None] = {}

    def warn(self, message: str, span: Span | None = None) -> None:
        """Note what makes the answer doubtful."""
        self._warnings[f"PromQL warning: {message}{self._place(span)}"] = None

    def info(self, message: str, span: Span | None = None) -> None:
        """Note what may be a mistake in the query."""
        self._infos[f"PromQL info: {message}{self._place(span)}"] = None

    @property
    def warnings(self) -> tuple[str, ...]:
        """Every warning, in the order of discovery."""
        return tuple(self._warnings)

    @property
    def infos(self) -> tuple[str, ...]:
        """Every info, in the order of discovery."""
        return tuple(self._infos)

    def _place(self, span: Span | None) -> str:
        if span is None or self._text is None:
            return ""
        before = self._text[: span.start]
        return f" ({before.count(chr(10)) + 1}:{span.start - before.rfind(chr(10))})"


def shortened(texts: tuple[str, ...], kind: str) -> tuple[str, ...]:
    """The first ten remarks of a kind, `warning` or `info`, and how many there are beside them."""
    if len(texts) <= _SHOWN:
        return texts
    return (*texts[:_SHOWN], f"{len(texts) - _SHOWN} more {kind} annotations omitted")


def format_float(value: float) -> str:
    """A number as Go's %g prints it: the shortest that reads back the same, from 1e+06 on with exponent."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    text = np.format_float_scientific(value, trim="-", exp_digits=2)
    if -5 < int(text.partition("e")[2]) < _EXPONENT_FROM:
        return np.format_float_positional(value, trim="-")
    return text
