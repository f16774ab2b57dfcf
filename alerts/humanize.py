"""Prometheus's template functions over numbers and strings (its template reference is the specification)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote, urlsplit

import re2

from alerts.gotemplate.evaluate import Functions
from alerts.gotemplate.lexer import TemplateError
from alerts.gotemplate.values import printf, type_name
from query.durations import parse_duration_ms

_LARGE: Final = ("k", "M", "G", "T", "P", "E", "Z", "Y")
_SMALL: Final = ("m", "u", "n", "p", "f", "a", "z", "y")
_BINARY: Final = ("ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi")


def humanize(value: Any) -> str:
    """Four digits and a metric prefix: 1234567 is `1.235M`."""
    number = to_float(value)
    if number == 0 or not math.isfinite(number):
        return _short(number)
    if abs(number) >= 1:
        return _scaled(number, 1000, _LARGE)
    return _shrunk(number)


def humanize1024(value: Any) -> str:
    """Four digits and a binary prefix: 2048 is `2ki`."""
    number = to_float(value)
    if abs(number) <= 1 or not math.isfinite(number):
        return _short(number)
    return _scaled(number, 1024, _BINARY)


def humanize_duration(value: Any) -> str:
    """Seconds as days, hours, minutes and seconds; fractions of one with a metric prefix."""
    number = to_float(value)
    if not math.isfinite(number):
        return _short(number)
    if number == 0:
        return "0s"
    if abs(number) < 1:
        return f"{_shrunk(number)}s"
    sign, whole = ("-" if number < 0 else ""), int(abs(number))
    minutes, seconds = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{sign}{days}d {hours}h {minutes}m {seconds}s"
    if hours:
        return f"{sign}{hours}h {minutes}m {seconds}s"
    if minutes:
        return f"{sign}{minutes}m {seconds}s"
    return f"{_short(number)}s"


def humanize_percentage(value: Any) -> str:
    """A ratio as a percentage of four digits."""
    return _short(to_float(value) * 100) + "%"


def humanize_timestamp(value: Any) -> str:
    """Seconds since the epoch as a date in UTC."""
    number = to_float(value)
    if not math.isfinite(number):
        return _short(number)
    try:
        moment = datetime.fromtimestamp(number, UTC)
    except (OverflowError, ValueError, OSError):
        raise TemplateError(f"{number} is no time that can be shown") from None
    fraction = f"{moment.microsecond:06d}".rstrip("0")
    return f"{moment:%Y-%m-%d %H:%M:%S}{'.' + fraction if fraction else ''} +0000 UTC"


def to_float(value: Any) -> float:
    """What Prometheus takes as a number: a number, or text that holds one."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TemplateError(f"can't convert {type_name(value)} to float")
    try:
        return float(value)
    except (ValueError, OverflowError):
        raise TemplateError(f"can't convert {value!r} to float") from None


def _short(value: float) -> str:
    return printf("%.4g", [value])


def _scaled(number: float, base: int, prefixes: Sequence[str]) -> str:
    prefix = ""
    for name in prefixes:
        if abs(number) < base:
            break
        prefix, number = name, number / base
    return _short(number) + prefix


def _shrunk(number: float) -> str:
    prefix = ""
    for name in _SMALL:
        if abs(number) >= 1:
            break
        prefix, number = name, number * 1000
    return _short(number) + prefix


def _replace(pattern: str, replacement: str, text: str) -> str:
    try:
        return str(re2.sub(pattern, _references(replacement), text))
    except re2.error as error:
        raise TemplateError(f"bad regular expression {pattern!r}: {error}") from None


def _references(replacement: str) -> str:
    """Go's `$1` and `${name}` as this library writes references."""
    escaped = replacement.replace("\\", "\\\\")
    return str(re2.sub(r"\$(?:\{(\w+)\}|(\w+))", lambda m: f"\\g<{m.group(1) or m.group(2)}>", escaped))


def _match(pattern: str, text: str) -> bool:
    try:
        return re2.search(pattern, text) is not None
    except re2.error as error:
        raise TemplateError(f"bad regular expression {pattern!r}: {error}") from None


def _strip_port(text: str) -> str:
    if text.startswith("["):
        return text.partition("]")[0][1:]
    host, colon, _ = text.rpartition(":")
    return host if colon and ":" not in host else text


def _strip_domain(text: str) -> str:
    host = _strip_port(text)
    if host.replace(".", "").isdigit() or ":" in host:
        return text
    return host.partition(".")[0] + text[len(host) :]


def _expression_link(tab: int) -> Any:
    return lambda text: f"/graph?g0.expr={quote(text, safe='')}&g0.tab={tab}"


FUNCTIONS: Final[Functions] = {
    "humanize": humanize,
    "humanize1024": humanize1024,
    "humanizeDuration": humanize_duration,
    "humanizePercentage": humanize_percentage,
    "humanizeTimestamp": humanize_timestamp,
    "reReplaceAll": _replace,
    "match": _match,
    "title": lambda text: re2.sub(r"(^|\s)\S", lambda m: m.group(0).upper(), text),
    "toUpper": lambda text: text.upper(),
    "toLower": lambda text: text.lower(),
    "stripPort": _strip_port,
    "stripDomain": _strip_domain,
    "safeHtml": lambda text: text,
    "graphLink": _expression_link(0),
    "tableLink": _expression_link(1),
    "pathPrefix": lambda url: urlsplit(url).path,
    "parseDuration": lambda text: parse_duration_ms(text) / 1000,
}
