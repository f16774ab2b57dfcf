"""Canonical text of a syntax tree: `parse(format_expr(tree))` is the same tree but for its spans."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from query.ast import (
    Aggregate,
    AtAnchor,
    AtTime,
    Binary,
    Call,
    Card,
    Duration,
    DurationBinary,
    DurationCall,
    DurationUnary,
    Expr,
    Matching,
    MatrixSelector,
    Modifier,
    NumberLiteral,
    Paren,
    StringLiteral,
    Subquery,
    Unary,
    VectorSelector,
)
from query.durations import format_duration_ms
from query.lexer import KEYWORDS, OPERATOR_WORDS
from query.strings import quote
from storage.model import METRIC_NAME, Matcher

_BARE_NAME = re.compile(r"[A-Za-z_:][A-Za-z0-9_:]*")
_BARE_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NOT_NAMES = KEYWORDS | OPERATOR_WORDS | {"inf", "nan"}
_DURATION_PRECEDENCE = {"+": 1, "-": 1, "*": 2, "/": 2, "%": 2, "^": 3}
_GROUP = {Card.MANY_TO_ONE: " group_left", Card.ONE_TO_MANY: " group_right"}


def format_expr(expr: Expr) -> str:
    """The expression on one line."""
    match expr:
        case NumberLiteral():
            return _number(expr)
        case StringLiteral():
            return quote(expr.value)
        case Paren():
            return f"({format_expr(expr.expr)})"
        case Unary():
            return f"{expr.op}{format_expr(expr.expr)}"
        case Binary():
            return _binary(expr)
        case _:
            return _operand(expr)


def format_number(value: float) -> str:
    """The shortest number that reads back as the same float64."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Inf" if value > 0 else "-Inf"
    return repr(value).removesuffix(".0")


def _operand(expr: VectorSelector | MatrixSelector | Subquery | Call | Aggregate) -> str:
    match expr:
        case VectorSelector():
            return _selector(expr) + _modifiers(expr)
        case MatrixSelector():
            return f"{_selector(expr.selector)}[{_duration(expr.range)}]{_modifiers(expr.selector)}"
        case Subquery():
            step = "" if expr.step is None else _duration(expr.step)
            return f"{format_expr(expr.expr)}[{_duration(expr.range)}:{step}]{_modifiers(expr)}"
        case Call():
            return f"{expr.name}({', '.join(map(format_expr, expr.args))})"
        case Aggregate():
            return _aggregate(expr)


def _number(expr: NumberLiteral) -> str:
    if expr.is_duration and math.isfinite(expr.value):
        return _literal(expr.value)
    return format_number(expr.value)


def _binary(expr: Binary) -> str:
    op = expr.op + (" bool" if expr.bool_modifier else "") + _matching(expr.matching)
    return f"{format_expr(expr.lhs)} {op} {format_expr(expr.rhs)}"


def _matching(matching: Matching | None) -> str:
    if matching is None:
        return ""
    text = ""
    group = _GROUP.get(matching.card, "")
    if matching.on or matching.labels or group:
        text += f" {'on' if matching.on else 'ignoring'} ({_labels(matching.labels)})"
    text += f"{group} ({_labels(matching.include)})" if group else ""
    return text + _fills(matching.fill_left, matching.fill_right)


def _fills(left: float | None, right: float | None) -> str:
    sides = (("fill_left", left), ("fill_right", right))
    return "".join(f" {word} ({format_number(value)})" for word, value in sides if value is not None)


def _aggregate(expr: Aggregate) -> str:
    clause = ""
    if expr.without or expr.grouping:
        clause = f" {'without' if expr.without else 'by'} ({_labels(expr.grouping)}) "
    param = "" if expr.param is None else f"{format_expr(expr.param)}, "
    return f"{expr.op}{clause}({param}{format_expr(expr.expr)})"


def _labels(names: Sequence[str]) -> str:
    return ", ".join(map(_label, names))


def _label(name: str) -> str:
    return name if _BARE_LABEL.fullmatch(name) else quote(name)


def _selector(selector: VectorSelector) -> str:
    bare = bool(_BARE_NAME.fullmatch(selector.name)) and selector.name.lower() not in _NOT_NAMES
    others = selector.matchers[:-1] if selector.name else selector.matchers
    # A bare name refuses a second one in the braces, a quoted name does not.
    bare = bare and all(matcher.name != METRIC_NAME for matcher in others)
    inside = [_matcher(matcher) for matcher in others]
    if selector.name and not bare:
        inside.insert(0, quote(selector.name))
    braces = "{" + ", ".join(inside) + "}" if inside or not selector.name else ""
    return (selector.name if bare else "") + braces


def _matcher(matcher: Matcher) -> str:
    return f"{_label(matcher.name)}{matcher.op.value}{quote(matcher.value)}"


def _modifiers(expr: VectorSelector | Subquery) -> str:
    edges = expr.modifier if isinstance(expr, VectorSelector) else Modifier.NONE
    text = f" {edges.value}" if edges else ""
    if expr.offset != 0.0:
        text += f" offset {_offset(expr.offset)}"
    return text + (f" @ {_at(expr.at)}" if expr.at else "")


def _at(at: AtTime) -> str:
    return f"{at.at.value}()" if isinstance(at.at, AtAnchor) else format_number(at.at)


def _offset(offset: Duration) -> str:
    is_whole = isinstance(offset, float | DurationCall)
    return _duration(offset) if is_whole else f"({_duration(offset)})"


def _literal(seconds: float) -> str:
    ms = round(seconds * 1000)
    return format_duration_ms(ms) if ms / 1000 == seconds else format_number(seconds)


def _duration(duration: Duration, least: int = 1) -> str:
    match duration:
        case DurationCall():
            return f"{duration.name}({', '.join(map(_duration, duration.args))})"
        case DurationUnary():
            return f"-({_duration(duration.operand)})" if least < 3 else f"(-({_duration(duration.operand)}))"
        case DurationBinary():
            return _arithmetic(duration, least)
        case _:
            text = _literal(duration)
            return f"({text})" if least > 1 and duration < 0 else text


def _arithmetic(duration: DurationBinary, least: int) -> str:
    precedence = _DURATION_PRECEDENCE[duration.op]
    is_power = duration.op == "^"
    left = _duration(duration.lhs, precedence + is_power)
    right = _duration(duration.rhs, precedence + (not is_power))
    text = f"{left} {duration.op} {right}"
    return f"({text})" if precedence < least else text
