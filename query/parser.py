"""Tokens to syntax tree: recursive descent, with precedence climbing for operators.

The language is that of Prometheus 3.14 with every experimental part on; messages are Prometheus's where it
has one (promql/parser/generated_parser.y).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from query.ast import (
    Aggregate,
    AtAnchor,
    AtTime,
    Binary,
    Call,
    Card,
    Duration,
    Expr,
    Matching,
    MatrixSelector,
    Modifier,
    NumberLiteral,
    Paren,
    Span,
    StringLiteral,
    Subquery,
    Unary,
    VectorSelector,
    depth,
)
from query.cursor import Cursor
from query.duration_parser import parse_offset, parse_window, read_seconds
from query.functions import AGGREGATIONS, FUNCTIONS
from query.lexer import KEYWORDS, OPERATOR_WORDS, Token
from query.selector_parser import parse_selector
from query.strings import has_stray_bytes, unquote
from query.types import check
from storage.errors import ParseError


@dataclass(frozen=True, slots=True)
class ParseOptions:
    """Limits. max_length: characters of the text; max_depth: levels of the tree."""

    max_length: int = 100_000
    max_depth: int = 100


_PRECEDENCE = {
    "or": 1,
    "and": 2,
    "unless": 2,
    **dict.fromkeys(("==", "!=", "<", ">", "<=", ">=", "</", ">/"), 3),
    "+": 4,
    "-": 4,
    **dict.fromkeys(("*", "/", "%", "atan2"), 5),
    "^": 6,
}
_UNARY = 6
_SET_OPERATORS = frozenset({"and", "or", "unless"})
_NAMES = (
    frozenset({"identifier", "metric", "and", "or", "unless"})
    | AGGREGATIONS.keys()
    | (KEYWORDS - {"bool", "on", "ignoring", "group_left", "group_right"})
)
_LABEL_NAMES = frozenset({"identifier"}) | AGGREGATIONS.keys() | KEYWORDS | OPERATOR_WORDS
_KEYWORD_CALLS = ("start", "end", "step", "range")
_FILLS = ("fill", "fill_left", "fill_right")
_CANNOT_CARRY = (
    "{} modifier must be preceded by an instant vector selector or range vector selector or a subquery"
)
_LATEST_S = (2**63 - 1) / 1000


def parse(text: str, options: ParseOptions = ParseOptions()) -> Expr:
    """The typed tree of an expression. Raises `ParseError` with a position."""
    if len(text) > options.max_length:
        raise ParseError(
            f"1:1: parse error: expression has {len(text)} characters, "
            f"the limit (query.max_length) is {options.max_length}"
        )
    cursor = Cursor(text, options.max_depth)
    if cursor.kind == "eof":
        cursor.fail("no expression found in input", 0, 0)
    parser = _Parser(cursor)
    expr = parser.expression()
    if cursor.kind != "eof":
        cursor.unexpected()
    if depth(expr) > options.max_depth:
        cursor.fail(
            f"expression nests deeper than {options.max_depth} levels (query.max_depth)", 0, len(text)
        )
    return check(expr, text)


def parse_matchers(text: str, options: ParseOptions = ParseOptions()) -> VectorSelector:
    """An instant selector without offset, as `match[]` of the HTTP API takes it. Raises `ParseError`."""
    expr = parse(text, options)
    if not isinstance(expr, VectorSelector) or expr.at or expr.offset or expr.modifier:
        raise ParseError(
            "1:1: parse error: expected an instant vector selector without modifiers", 0, len(text)
        )
    return expr


class _Parser:
    """The grammar, one method a rule."""

    def __init__(self, cursor: Cursor) -> None:
        self._cursor = cursor

    def expression(self, least: int = 1) -> Expr:
        with self._cursor.nested():
            left = self._unary()
            while _PRECEDENCE.get(self._cursor.kind, 0) >= least:
                left = self._binary(left)
            return left

    def _binary(self, left: Expr) -> Expr:
        op = self._cursor.advance().kind
        bool_modifier = self._cursor.take("bool") is not None
        matching = self._matching(op)
        precedence = _PRECEDENCE[op]
        right = self.expression(precedence if op == "^" else precedence + 1)
        return Binary(op, left, right, matching, bool_modifier, Span(left.span.start, right.span.end))

    def _matching(self, op: str) -> Matching:
        card = Card.MANY_TO_MANY if op in _SET_OPERATORS else Card.ONE_TO_ONE
        labels: tuple[str, ...] = ()
        include: tuple[str, ...] = ()
        clause = self._cursor.take("on") or self._cursor.take("ignoring")
        if clause:
            labels = self._grouping()
            group = self._cursor.take("group_left") or self._cursor.take("group_right")
            if group:
                card = Card.MANY_TO_ONE if group.kind == "group_left" else Card.ONE_TO_MANY
                include = self._grouping() if self._cursor.kind == "(" else ()
        fill_left, fill_right = self._fills()
        on = clause is not None and clause.kind == "on"
        return Matching(card, labels, on, include, fill_left, fill_right)

    def _fills(self) -> tuple[float | None, float | None]:
        left: float | None = None
        right: float | None = None
        while self._cursor.kind in _FILLS and self._cursor.following() == "(":
            word = self._cursor.token
            if (word.kind != "fill_right" and left is not None) or (
                word.kind != "fill_left" and right is not None
            ):
                self._cursor.unexpected()
            self._cursor.advance()
            self._cursor.expect("(")
            value = self._signed_number()
            self._cursor.expect(")")
            left = value if word.kind != "fill_right" else left
            right = value if word.kind != "fill_left" else right
        return left, right

    def _unary(self) -> Expr:
        if self._cursor.kind not in ("+", "-"):
            return self._postfix(self._primary())
        op = self._cursor.advance()
        operand = self.expression(_UNARY)
        span = Span(op.start, operand.span.end)
        if isinstance(operand, NumberLiteral):
            return replace(operand, value=-operand.value if op.kind == "-" else operand.value, span=span)
        return Unary(op.kind, operand, span)

    def _primary(self) -> Expr:
        kind, following = self._cursor.kind, self._cursor.following()
        if kind in ("number", "duration", "string"):
            return self._literal()
        if kind == "(":
            return self._paren()
        if kind == "{":
            return parse_selector(self._cursor, None)
        if kind in AGGREGATIONS and following in ("(", "by", "without"):
            return self._aggregate()
        if kind in ("identifier", "start", "end") and following == "(":
            return self._call()
        return parse_selector(self._cursor, self._cursor.expect(_NAMES))

    def _literal(self) -> Expr:
        token = self._cursor.advance()
        if token.kind == "string":
            return StringLiteral(unquote(token.text), _span(token))
        return NumberLiteral(read_seconds(self._cursor, token), _span(token), token.kind == "duration")

    def _paren(self) -> Expr:
        start = self._cursor.advance().start
        inner = self.expression()
        self._cursor.expect(")")
        return Paren(inner, Span(start, self._cursor.previous_end))

    def _call(self) -> Expr:
        name = self._cursor.advance()
        lower = name.text.lower()
        known = lower if lower in _KEYWORD_CALLS else name.text
        if known not in FUNCTIONS:
            self._cursor.fail_token(f'unknown function with name "{name.text}"', name)
        args = self._arguments()
        return Call(known, args, Span(name.start, self._cursor.previous_end))

    def _arguments(self) -> tuple[Expr, ...]:
        self._cursor.expect("(")
        args: list[Expr] = []
        while not self._cursor.take(")"):
            if args:
                comma = self._cursor.expect(",")
                if self._cursor.kind == ")":
                    self._cursor.fail_token("trailing commas not allowed in function call args", comma)
            args.append(self.expression())
        return tuple(args)

    def _aggregate(self) -> Expr:
        op = self._cursor.advance()
        grouping = self._aggregate_grouping()
        args = self._arguments()
        if grouping is None:
            grouping = self._aggregate_grouping()
        without, labels = grouping or (False, ())
        span = Span(op.start, self._cursor.previous_end)
        has_param = AGGREGATIONS[op.kind] is not None
        if not args:
            self._cursor.fail("no arguments for aggregate expression provided", span.start, span.end)
        if len(args) != 1 + has_param:
            self._cursor.fail(
                "wrong number of arguments for aggregate expression provided, "
                f"expected {1 + has_param}, got {len(args)}",
                span.start,
                span.end,
            )
        return Aggregate(op.kind, args[-1], args[0] if has_param else None, labels, without, span)

    def _aggregate_grouping(self) -> tuple[bool, tuple[str, ...]] | None:
        clause = self._cursor.take("by") or self._cursor.take("without")
        return (clause.kind == "without", self._grouping()) if clause else None

    def _grouping(self) -> tuple[str, ...]:
        where = "grouping opts"
        self._cursor.expect("(", where, '"("')
        labels: list[str] = []
        while not self._cursor.take(")"):
            if labels:
                self._cursor.expect(",", where, '"," or ")"')
                if self._cursor.take(")"):
                    break
            labels.append(self._label())
        return tuple(labels)

    def _label(self) -> str:
        token = self._cursor.expect(_LABEL_NAMES | {"string"}, "grouping opts", "label")
        if token.kind != "string":
            return token.text
        name = unquote(token.text)
        if not name or has_stray_bytes(name):
            self._cursor.fail_token(f"invalid label name {token.text} in grouping opts", token)
        return name

    def _postfix(self, expr: Expr) -> Expr:
        while True:
            if self._cursor.kind == "[":
                expr = self._brackets(expr)
            elif self._cursor.kind == "offset":
                expr = self._offset(expr)
            elif self._cursor.kind == "@":
                expr = self._at(expr)
            elif self._cursor.kind in ("anchored", "smoothed"):
                expr = self._edges(expr)
            else:
                return expr

    def _brackets(self, expr: Expr) -> Expr:
        opening = self._cursor.advance()
        window = parse_window(self._cursor, "subquery or range selector")
        if not self._cursor.take(":"):
            self._cursor.expect("]", "subquery or range selector", '":" or "]"')
            return self._matrix(expr, window, opening)
        step = None
        if self._cursor.kind != "]":
            step = parse_window(self._cursor, "subquery selector")
        self._cursor.expect("]", "subquery selector", '"]"')
        return Subquery(expr, window, step, Span(expr.span.start, self._cursor.previous_end))

    def _matrix(self, expr: Expr, window: Duration, opening: Token) -> Expr:
        end = self._cursor.previous_end
        if not isinstance(expr, VectorSelector):
            self._cursor.fail("ranges only allowed for vector selectors", opening.start, end)
        if expr.offset != 0.0:
            self._cursor.fail("no offset modifiers allowed before range", opening.start, end)
        if expr.at is not None:
            self._cursor.fail("no @ modifiers allowed before range", opening.start, end)
        return MatrixSelector(expr, window, Span(expr.span.start, end))

    def _offset(self, expr: Expr) -> Expr:
        self._cursor.advance()
        offset = parse_offset(self._cursor)
        target = self._modified(expr, "offset")
        if target.offset != 0.0:
            self._cursor.fail("offset may not be set multiple times", expr.span.start, expr.span.end)
        return self._rewrap(expr, replace(target, offset=offset))

    def _at(self, expr: Expr) -> Expr:
        self._cursor.advance()
        at = self._at_time(expr)
        target = self._modified(expr, "@")
        if target.at is not None:
            self._cursor.fail("@ <timestamp> may not be set multiple times", expr.span.start, expr.span.end)
        return self._rewrap(expr, replace(target, at=AtTime(at)))

    def _at_time(self, expr: Expr) -> float | AtAnchor:
        anchor = self._cursor.take("start") or self._cursor.take("end")
        if anchor:
            self._cursor.expect("(", "@", "timestamp")
            self._cursor.expect(")", "@", "timestamp")
            return AtAnchor(anchor.kind)
        start = self._cursor.token.start
        if self._cursor.kind not in ("+", "-", "number", "duration"):
            if self._cursor.kind == "@":
                self._cursor.unexpected()
            self._cursor.unexpected("@", "timestamp")
        at = self._signed_number()
        if not abs(at) < _LATEST_S:
            shown = self._cursor.text[start : self._cursor.previous_end]
            self._cursor.fail(
                f"timestamp out of bounds for @ modifier: {shown if math.isfinite(at) else _go_special(at)}",
                expr.span.start,
                expr.span.end,
            )
        return at

    def _edges(self, expr: Expr) -> Expr:
        word = self._cursor.advance()
        target = self._modified(expr, word.kind)
        if isinstance(target, Subquery):
            self._cursor.fail_token(f"{word.kind} modifier is not supported for subqueries", word)
        if target.modifier not in (Modifier.NONE, word.kind):
            self._cursor.fail_token("anchored and smoothed modifiers cannot be used together", word)
        return self._rewrap(expr, replace(target, modifier=Modifier(word.kind)))

    def _modified(self, expr: Expr, what: str) -> VectorSelector | Subquery:
        """The node that carries the modifiers of an expression."""
        if isinstance(expr, MatrixSelector):
            return expr.selector
        if not isinstance(expr, VectorSelector | Subquery):
            self._cursor.fail(_CANNOT_CARRY.format(what), expr.span.start, expr.span.end)
        return expr

    def _rewrap(self, expr: Expr, target: VectorSelector | Subquery) -> Expr:
        """The expression with its carrying node replaced, and its span up to here."""
        span = Span(expr.span.start, self._cursor.previous_end)
        if isinstance(expr, MatrixSelector) and isinstance(target, VectorSelector):
            return replace(expr, selector=target, span=span)
        return replace(target, span=span)

    def _signed_number(self) -> float:
        sign = self._cursor.take("+") or self._cursor.take("-")
        value = read_seconds(self._cursor, self._cursor.expect(("number", "duration")))
        return -value if sign and sign.kind == "-" else value


def _span(token: Token) -> Span:
    return Span(token.start, token.end)


def _go_special(value: float) -> str:
    return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
