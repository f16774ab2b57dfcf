"""What each node evaluates to, and what the language allows there (Prometheus, promql/parser/parse.go)."""

from __future__ import annotations

from dataclasses import replace
from typing import NoReturn, TypeAlias

from query.ast import (
    Aggregate,
    Binary,
    Call,
    Card,
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
    ValueType,
    VectorSelector,
)
from query.cursor import error_at
from query.functions import AGGREGATIONS, ANCHORED, FUNCTIONS, SMOOTHED, Signature
from storage.catalogue import value_test

_COMPARISONS = frozenset({"==", "!=", "<", ">", "<=", ">="})
_SETS = frozenset({"and", "or", "unless"})
_WORDS = {
    ValueType.VECTOR: "instant vector",
    ValueType.MATRIX: "range vector",
    ValueType.SCALAR: "scalar",
    ValueType.STRING: "string",
}
_NO_MATCHER = "vector selector must contain at least one non-empty matcher"
_NEITHER = "binary expression must contain only scalar and instant vector types"
_Typed: TypeAlias = tuple[Expr, ValueType]


_FIXED: dict[type, ValueType] = {
    NumberLiteral: ValueType.SCALAR,
    StringLiteral: ValueType.STRING,
    VectorSelector: ValueType.VECTOR,
    Aggregate: ValueType.VECTOR,
    MatrixSelector: ValueType.MATRIX,
    Subquery: ValueType.MATRIX,
}


def type_of(expr: Expr) -> ValueType:
    """The type of a checked expression."""
    match expr:
        case Call():
            return FUNCTIONS[expr.name].returns
        case Paren() | Unary():
            return type_of(expr.expr)
        case Binary():
            scalar = type_of(expr.lhs) is type_of(expr.rhs) is ValueType.SCALAR
            return ValueType.SCALAR if scalar else ValueType.VECTOR
        case _:
            return _FIXED[type(expr)]


def check(expr: Expr, text: str) -> Expr:
    """The tree with `matching` set exactly where vectors meet. Raises `ParseError` at what does not fit."""
    return _Checker(text).check(expr)[0]


class _Checker:
    """One walk over one tree."""

    def __init__(self, text: str) -> None:
        self._text = text

    def check(self, expr: Expr) -> _Typed:
        match expr:
            case Binary():
                return self._binary(expr)
            case Unary():
                return self._unary(expr)
            case Paren():
                inner, found = self.check(expr.expr)
                return replace(expr, expr=inner), found
            case _:
                return self._node(expr), type_of(expr)

    def _node(self, expr: Expr) -> Expr:
        match expr:
            case VectorSelector():
                self._selector(expr)
            case MatrixSelector():
                self._selector(expr.selector)
            case Subquery():
                return self._subquery(expr)
            case Call():
                return self._call(expr)
            case Aggregate():
                return self._aggregate(expr)
        return expr

    def _selector(self, selector: VectorSelector) -> None:
        if selector.name or any(not value_test(matcher)("") for matcher in selector.matchers):
            return
        self._fail(_NO_MATCHER, selector.span)

    def _subquery(self, expr: Subquery) -> Expr:
        inner, found = self.check(expr.expr)
        if found is not ValueType.VECTOR:
            self._fail(f"subquery is only allowed on instant vector, got {found} instead", expr.span)
        return replace(expr, expr=inner)

    def _unary(self, expr: Unary) -> _Typed:
        inner, found = self.check(expr.expr)
        if found not in (ValueType.SCALAR, ValueType.VECTOR):
            self._fail(
                "unary expression only allowed on expressions of type scalar or instant vector, "
                f'got "{_WORDS[found]}"',
                expr.span,
            )
        return replace(expr, expr=inner), found

    def _aggregate(self, expr: Aggregate) -> Expr:
        inner = self._expect(expr.expr, ValueType.VECTOR, "aggregation expression")
        wanted = AGGREGATIONS[expr.op]
        if wanted is None or expr.param is None:
            return replace(expr, expr=inner)
        return replace(expr, expr=inner, param=self._expect(expr.param, wanted, "aggregation parameter"))

    def _call(self, expr: Call) -> Expr:
        signature = FUNCTIONS[expr.name]
        self._arity(expr, signature)
        args = list(expr.args)
        checked = len(args)
        if expr.name == "info" and len(args) == 2:
            self._info_labels(args[1])
            checked = 1
        for i in range(checked):
            wanted = signature.args[min(i, len(signature.args) - 1)]
            args[i] = self._expect(args[i], wanted, f'call to function "{expr.name}"')
            self._edges(args[i], expr.name)
        return replace(expr, args=tuple(args))

    def _arity(self, expr: Call, signature: Signature) -> None:
        got, least, most = len(expr.args), signature.least, signature.most
        if least == most and got != least:
            wanted = f"{least}"
        elif got < least:
            wanted = f"at least {least}"
        elif most is not None and got > most:
            wanted = f"at most {most}"
        else:
            return
        self._fail(f'expected {wanted} argument(s) in call to "{expr.name}", got {got}', expr.span)

    def _info_labels(self, arg: Expr) -> None:
        """The second argument of info() is label matchers, and they may match the empty string."""
        found = type_of(arg)
        if found is not ValueType.VECTOR:
            self._fail(
                f'expected type instant vector in call to function "info", got {_WORDS[found]}', arg.span
            )
        if not isinstance(arg, VectorSelector):
            self._fail("expected label selectors only", arg.span)
        if arg.name:
            self._fail("expected label selectors only, got vector selector instead", arg.span)

    def _edges(self, arg: Expr, function: str) -> None:
        if not isinstance(arg, MatrixSelector) or arg.selector.modifier is Modifier.NONE:
            return
        modifier = arg.selector.modifier
        takers = ANCHORED if modifier is Modifier.ANCHORED else SMOOTHED
        if function not in takers:
            names = ", ".join(sorted(takers))
            self._fail(f"{modifier} modifier can only be used with: {names} - not with {function}", arg.span)

    def _binary(self, expr: Binary) -> _Typed:
        lhs, left = self.check(expr.lhs)
        rhs, right = self.check(expr.rhs)
        both_scalar = left is right is ValueType.SCALAR
        self._operator(expr, both_scalar)
        for side, found in ((lhs, left), (rhs, right)):
            if found not in (ValueType.SCALAR, ValueType.VECTOR):
                self._fail(_NEITHER, side.span)
        matching = expr.matching
        if left is right is ValueType.VECTOR:
            self._vectors(expr, matching)
        else:
            self._with_scalar(expr, matching)
            matching = None
        checked = replace(expr, lhs=lhs, rhs=rhs, matching=matching)
        return checked, ValueType.SCALAR if both_scalar else ValueType.VECTOR

    def _operator(self, expr: Binary, both_scalar: bool) -> None:
        if expr.bool_modifier and expr.op not in _COMPARISONS:
            self._fail("bool modifier can only be used on comparison operators", self._operator_span(expr))
        if expr.op in _COMPARISONS and not expr.bool_modifier and both_scalar:
            self._fail("comparisons between scalars must use BOOL modifier", self._operator_span(expr))
        if expr.matching and expr.matching.on:
            for label in expr.matching.labels:
                if label in expr.matching.include:
                    self._fail(
                        f'label "{label}" must not occur in ON and GROUP clause at once',
                        self._operator_span(expr),
                    )

    def _vectors(self, expr: Binary, matching: Matching | None) -> None:
        if expr.op not in _SETS or matching is None:
            return
        if matching.card is not Card.MANY_TO_MANY:
            self._fail(f'no grouping allowed for "{expr.op}" operation', expr.span)
        if matching.fill_left is not None or matching.fill_right is not None:
            self._fail(f'no fill modifier allowed for "{expr.op}" operation', expr.span)

    def _with_scalar(self, expr: Binary, matching: Matching | None) -> None:
        if matching and matching.labels:
            self._fail("vector matching only allowed between instant vectors", expr.span)
        if matching and (matching.fill_left is not None or matching.fill_right is not None):
            self._fail("filling in missing series only allowed between instant vectors", expr.span)
        if expr.op in _SETS:
            self._fail(f'set operator "{expr.op}" not allowed in binary scalar expression', expr.span)

    def _expect(self, expr: Expr, wanted: ValueType, context: str) -> Expr:
        checked, found = self.check(expr)
        if found is not wanted:
            self._fail(f"expected type {_WORDS[wanted]} in {context}, got {_WORDS[found]}", expr.span)
        return checked

    def _operator_span(self, expr: Binary) -> Span:
        """The operator with its modifiers: what stands between the operands, less the blanks around."""
        between = self._text[expr.lhs.span.end : expr.rhs.span.start]
        start = expr.lhs.span.end + len(between) - len(between.lstrip())
        return Span(start, expr.lhs.span.end + len(between.rstrip()))

    def _fail(self, message: str, span: Span) -> NoReturn:
        raise error_at(self._text, message, span)
