"""Durations inside brackets and after `offset`: numbers, arithmetic, step(), range(), min_of, max_of."""

from __future__ import annotations

from query.ast import Duration, DurationBinary, DurationCall, DurationUnary
from query.cursor import Cursor
from query.durations import check_range, parse_duration_ms, parse_number
from query.lexer import Token
from storage.errors import InputError

EXPECTED = "number, duration, step(), or range()"
_PRECEDENCE = {"+": 1, "-": 1, "*": 2, "/": 2, "%": 2, "^": 3}
_ZERO_DIVISION = {"/": "division by zero", "%": "modulo by zero"}
_ARITY = {"step": 0, "range": 0, "min_of": 2, "max_of": 2}


def read_seconds(cursor: Cursor, token: Token) -> float:
    """The value of a number or duration token; a duration is its seconds."""
    try:
        if token.kind == "duration":
            return parse_duration_ms(token.text) / 1000
        return parse_number(token.text)
    except InputError as error:
        cursor.fail_token(error, token)


def parse_window(cursor: Cursor, context: str) -> Duration:
    """A range or step: an expression that must be positive where it is constant."""
    start = cursor.token.start
    found = _expression(cursor, 1, context)
    if isinstance(found, float) and found <= 0:
        cursor.fail("duration must be greater than 0", start, cursor.previous_end)
    return found


def parse_offset(cursor: Cursor) -> Duration:
    """An offset: one operand with an optional sign; arithmetic only in parentheses."""
    return _operand(cursor, "offset", power=False)


def _expression(cursor: Cursor, least: int, context: str) -> Duration:
    with cursor.nested():
        found = _operand(cursor, context, power=True)
        while _PRECEDENCE.get(cursor.kind, 0) >= least:
            op = cursor.advance()
            precedence = _PRECEDENCE[op.kind]
            right = _expression(cursor, precedence if op.kind == "^" else precedence + 1, context)
            if op.kind in _ZERO_DIVISION and right == 0.0:
                cursor.fail_token(_ZERO_DIVISION[op.kind], op)
            found = DurationBinary(op.kind, found, right)
        return found


def _operand(cursor: Cursor, context: str, power: bool) -> Duration:
    if cursor.kind in ("+", "-"):
        return _signed(cursor, context, power)
    if cursor.kind in ("number", "duration"):
        return _literal(cursor)
    if cursor.take("("):
        inner = _expression(cursor, 1, context)
        cursor.expect(")", context, '")"')
        return inner
    word = cursor.take_word(*_ARITY)
    if word is None:
        cursor.unexpected(context, EXPECTED)
    return _call(cursor, word.text.lower(), context)


def _signed(cursor: Cursor, context: str, power: bool) -> Duration:
    with cursor.nested():
        negative = cursor.advance().kind == "-"
        inner = _expression(cursor, 3, context) if power else _operand(cursor, context, power=False)
    if not negative:
        return inner
    return -inner if isinstance(inner, float) else DurationUnary(inner)


def _literal(cursor: Cursor) -> float:
    token = cursor.advance()
    try:
        return check_range(read_seconds(cursor, token))
    except InputError as error:
        if hasattr(error, "start"):
            raise
        cursor.fail_token(error, token)


def _call(cursor: Cursor, name: str, context: str) -> Duration:
    if cursor.kind != "(":
        cursor.unexpected(context, EXPECTED)
    cursor.advance()
    args: list[Duration] = []
    for i in range(_ARITY[name]):
        if i:
            cursor.expect(",", context, '","')
        args.append(_expression(cursor, 1, context))
    cursor.expect(")", context, '")"')
    return DurationCall(name, tuple(args))
