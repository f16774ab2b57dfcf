"""Values of templates: what they are called, when they are true, and how Go's fmt package prints them.

A value is None, bool, int, float, str, a list, a dict with string keys (Go's map) or a `Struct`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from alerts.gotemplate.lexer import TemplateError

_VERB: Final = re.compile(r"%([+\-# 0]*)(\d+|\*)?(?:\.(\d+|\*)?)?(.)", re.DOTALL)
_SHORTEST_EXPONENT: Final = 6  # strconv.FormatFloat, 'g' with precision -1
_WIDEST: Final = 10_000


@dataclass(frozen=True, slots=True)
class Struct:
    """A value with a fixed set of fields; asking for another one is an error, unlike with a map."""

    type: str
    fields: Mapping[str, Any]


def type_name(value: Any) -> str:
    """Go's name for the type of a value."""
    match value:
        case None:
            return "<nil>"
        case bool():
            return "bool"
        case Struct():
            return value.type
    names: dict[type, str] = {int: "int", float: "float64", str: "string", list: "[]interface {}"}
    return names.get(type(value), "map[string]string")


def is_true(value: Any) -> bool:
    """Whether a value is not its type's zero value."""
    return isinstance(value, Struct) or bool(value)


def show(value: Any) -> str:
    """The text of a value, as `%v` prints it."""
    match value:
        case None:
            return "<nil>"
        case bool():
            return "true" if value else "false"
        case float():
            return format_general(value)
        case list():
            return f"[{' '.join(show(item) for item in value)}]"
        case dict():
            return f"map[{' '.join(f'{key}:{show(value[key])}' for key in sorted(value))}]"
        case Struct():
            return f"{{{' '.join(show(item) for item in value.fields.values())}}}"
    return str(value)


def format_general(value: float) -> str:
    """A float in the fewest digits that give it back, with an exponent where it is below -4 or above 5."""
    if not math.isfinite(value):
        return _special(value)
    if value == 0:
        return "-0" if math.copysign(1, value) < 0 else "0"
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    power = len(digits) + int(exponent) - 1
    if -4 <= power < _SHORTEST_EXPONENT:
        return f"{Decimal(repr(value)).normalize():f}"
    mantissa = str(digits[0]) + ("." + "".join(map(str, digits[1:])) if len(digits) > 1 else "")
    return f"{'-' if sign else ''}{mantissa}e{power:+03d}"


def printf(pattern: str, arguments: Sequence[Any]) -> str:
    """Go's Sprintf: a wrong verb or a missing argument shows in the text, it is no error."""
    rest, used = list(arguments), 0

    def take() -> tuple[Any, bool]:
        nonlocal used
        if used >= len(rest):
            return None, False
        used += 1
        return rest[used - 1], True

    def replace(found: re.Match[str]) -> str:
        flags, width, precision, verb = found.groups()
        if verb == "%":
            return "%"
        width = take()[0] if width == "*" else width
        precision = take()[0] if precision == "*" else precision
        if precision is None and "." in found.group()[:-1]:
            precision = 0
        value, given = take()
        if not given:
            return f"%!{verb}(MISSING)"
        return _format(verb, flags, _size(width), None if precision is None else _size(precision), value)

    text = _VERB.sub(replace, pattern)
    extra = ", ".join(f"{type_name(value)}={show(value)}" for value in rest[used:])
    return f"{text}%!(EXTRA {extra})" if extra else text


def _size(text: Any) -> int:
    size = int(text or 0)
    if size > _WIDEST:
        raise TemplateError(f"printf: width or precision {size} is beyond {_WIDEST}")
    return size


def _format(verb: str, flags: str, width: int, precision: int | None, value: Any) -> str:
    body = _body(verb, flags, precision, value)
    if body is None:
        return f"%!{verb}({type_name(value)}={show(value)})"
    if "-" in flags:
        return body.ljust(width)
    if "0" in flags and isinstance(value, int | float) and math.isfinite(value):
        sign = body[0] if body[:1] in ("+", "-", " ") else ""
        return sign + body[len(sign) :].rjust(width - len(sign), "0")
    return body.rjust(width)


def _body(verb: str, flags: str, precision: int | None, value: Any) -> str | None:
    if verb == "v":
        return _signed(flags, show(value), value)
    if verb == "T":
        return type_name(value)
    match value:
        case bool():
            return show(value) if verb == "t" else None
        case float() if verb in "eEfFgG":
            return _signed(flags, _float(verb, precision, value), value)
        case int() if verb in "dxXobcqU":
            return _signed(flags, _whole(verb, value), value)
        case str() if verb in "sqxX":
            return _string(verb, precision, value)
        case list() if verb in "sq":
            return f"[{' '.join(_body(verb, flags, precision, item) or show(item) for item in value)}]"
    return show(value) if verb == "s" and isinstance(value, dict | Struct) else None


def _float(verb: str, precision: int | None, value: float) -> str:
    if not math.isfinite(value):
        return _special(value)
    if verb in "gG" and precision is None:
        return format_general(value)
    digits = 6 if precision is None else precision
    return f"{value:.{digits}{verb.lower()}}".upper() if verb in "EG" else f"{value:.{digits}{verb.lower()}}"


def _whole(verb: str, value: int) -> str:
    match verb:
        case "c":
            return chr(value)
        case "q":
            return f"'{chr(value)}'"
        case "U":
            return f"U+{value:04X}"
    return f"{value:{verb}}"


def _string(verb: str, precision: int | None, value: str) -> str:
    cut = value if precision is None else value[:precision]
    if verb == "q":
        return quote(cut)
    if verb in "xX":
        text = cut.encode().hex()
        return text.upper() if verb == "X" else text
    return cut


def quote(text: str) -> str:
    """A string in Go's double quotes."""
    escapes = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
    shown = (escapes.get(c) or (c if c.isprintable() else f"\\u{ord(c):04x}") for c in text)
    return f'"{"".join(shown)}"'


def _signed(flags: str, text: str, value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float) or text[:1] in ("-", "+"):
        return text.removeprefix("+") if value == math.inf and "+" not in flags and text != "+Inf" else text
    return "+" + text if "+" in flags else " " + text if " " in flags else text


def _special(value: float) -> str:
    return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
