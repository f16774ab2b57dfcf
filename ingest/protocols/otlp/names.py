"""Names of metrics and labels for what OpenTelemetry calls otherwise, as Prometheus gives them.

Rules: github.com/prometheus/otlptranslator and the OpenTelemetry specification's "Prometheus and OpenMetrics
Compatibility". Units are UCUM's (ucum.org), of which the common ones have a name.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final

_UNITS: Final = {
    "d": "days",
    "h": "hours",
    "min": "minutes",
    "s": "seconds",
    "ms": "milliseconds",
    "us": "microseconds",
    "ns": "nanoseconds",
    "By": "bytes",
    "KiBy": "kibibytes",
    "MiBy": "mebibytes",
    "GiBy": "gibibytes",
    "TiBy": "tibibytes",
    "KBy": "kilobytes",
    "MBy": "megabytes",
    "GBy": "gigabytes",
    "TBy": "terabytes",
    "m": "meters",
    "V": "volts",
    "A": "amperes",
    "J": "joules",
    "W": "watts",
    "g": "grams",
    "Cel": "celsius",
    "Hz": "hertz",
    "1": "",
    "%": "percent",
}
_PER_UNITS: Final = {
    "s": "second",
    "m": "minute",
    "h": "hour",
    "d": "day",
    "w": "week",
    "mo": "month",
    "y": "year",
}
_WORD: Final = re.compile(r"[a-zA-Z0-9:]+")
_NOT_WORD: Final = re.compile(r"[^a-zA-Z0-9:]+")
_NOT_NAME: Final = re.compile(r"[^a-zA-Z0-9:_]+")
_NOT_LABEL: Final = re.compile(r"[^a-zA-Z0-9_]")


class Strategy(StrEnum):
    """How names are translated; the value is Prometheus's own `translation_strategy`."""

    ESCAPED_WITH_SUFFIXES = "UnderscoreEscapingWithSuffixes"
    ESCAPED = "UnderscoreEscapingWithoutSuffixes"
    WITH_SUFFIXES = "NoUTF8EscapingWithSuffixes"
    AS_SENT = "NoTranslation"

    @property
    def escapes(self) -> bool:
        """Whether characters that a bare name cannot have become underscores."""
        return self in (Strategy.ESCAPED_WITH_SUFFIXES, Strategy.ESCAPED)

    @property
    def has_suffixes(self) -> bool:
        """Whether the unit and the type are told by the name."""
        return self in (Strategy.ESCAPED_WITH_SUFFIXES, Strategy.WITH_SUFFIXES)


def metric_name(strategy: Strategy, name: str, unit: str, is_counter: bool, is_gauge: bool) -> str:
    """The name of a metric's own series; "" where nothing of it is left.

    is_counter: a monotonic sum. is_gauge: a gauge, not a sum that may fall.
    """
    if not strategy.has_suffixes:
        return _escaped(name) if strategy.escapes else name
    suffix = "total" if is_counter else "ratio" if is_gauge and unit == "1" else ""
    main, per = _unit_suffixes(unit)
    if strategy.escapes:
        return _joined(_WORD.findall(name), _cleaned(main), _cleaned(per), suffix)
    for last in (suffix, per):
        name = _trimmed(name, last) if last else name
    if main and not name.endswith(main):
        name = f"{name}_{main}"
    return "_".join(part for part in (name, per, suffix) if part)


def label_name(strategy: Strategy, key: str) -> str:
    """The name of an attribute's label."""
    if not strategy.escapes or not key:
        return key
    name = _NOT_LABEL.sub("_", key)
    if name[0].isdigit():
        return "key_" + name
    if name.startswith("_") and not name.startswith("__"):
        return "key" + name
    return name


def _escaped(name: str) -> str:
    name = "_".join(part for part in _NOT_NAME.split(name) if part)
    return "_" + name if name[:1].isdigit() else name


def _joined(words: list[str], main: str, per: str, suffix: str) -> str:
    """The words of a name with those of its unit, unless they are among them, and its type's at the end."""
    units = [main.removesuffix("_") if per else main] if main and main not in words else []
    per = per.removesuffix("_")
    if per and per != "per" and per not in words:
        units.append(per)
    words = words + units
    if suffix:
        words = [word for word in words if word != suffix] + [suffix]
    name = "_".join(words)
    return "_" + name if name[:1].isdigit() else name


def _unit_suffixes(unit: str) -> tuple[str, str]:
    """What the unit adds to a name, and the `per_…` of a rate. Annotations in braces add nothing."""
    main, _, per = (part.strip() for part in unit.partition("/"))
    main = "" if set("{}") & set(main) else _UNITS.get(main, main)
    per = "" if set("{}") & set(per) else _PER_UNITS.get(per, per)
    return main, f"per_{per}" if per else ""


def _cleaned(unit: str) -> str:
    return re.sub("_+", "_", _NOT_WORD.sub("_", unit)).removeprefix("_")


def _trimmed(name: str, suffix: str) -> str:
    """Without the suffix and what parts it from the name."""
    if name.endswith(suffix) and len(name) > len(suffix) + 1:
        return name[: -len(suffix) - 1]
    return name
