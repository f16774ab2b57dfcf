"""The syntax tree of a PromQL expression. Every node knows the span of text that it came from.

Trees are immutable; the planner resolves durations and `@` against the times of one query and never edits
a node in place.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import TypeAlias

from storage.model import Matcher


class ValueType(StrEnum):
    """What an expression evaluates to, in Prometheus's words."""

    SCALAR = "scalar"
    VECTOR = "vector"
    MATRIX = "matrix"
    STRING = "string"


@dataclass(frozen=True, slots=True)
class Span:
    """Character offsets into the query text; `end` is exclusive."""

    start: int
    end: int


class AtAnchor(Enum):
    """The symbolic times of an `@` modifier."""

    START = "start"
    END = "end"


class Modifier(StrEnum):
    """How a selector treats the edges of its window."""

    NONE = ""
    ANCHORED = "anchored"
    SMOOTHED = "smoothed"


class Card(StrEnum):
    """Cardinality of vector matching."""

    ONE_TO_ONE = "one-to-one"
    MANY_TO_ONE = "many-to-one"  # group_left
    ONE_TO_MANY = "one-to-many"  # group_right
    MANY_TO_MANY = "many-to-many"  # and, or, unless


@dataclass(frozen=True, slots=True)
class DurationCall:
    """`step()`, `range()`, `min_of(a, b)` or `max_of(a, b)` inside a duration."""

    name: str
    args: tuple[Duration, ...]


@dataclass(frozen=True, slots=True)
class DurationBinary:
    """Arithmetic inside a duration; `op` is one of + - * / % ^."""

    op: str
    lhs: Duration
    rhs: Duration


@dataclass(frozen=True, slots=True)
class DurationUnary:
    """A negated duration."""

    operand: Duration


Duration: TypeAlias = float | DurationCall | DurationBinary | DurationUnary
"""Seconds as a number where the text is constant, else an expression that the planner resolves."""


@dataclass(frozen=True, slots=True)
class AtTime:
    """`@`: seconds since the epoch (float), or an anchor."""

    at: float | AtAnchor


@dataclass(frozen=True, slots=True)
class NumberLiteral:
    """A number. `is_duration` keeps `5m` printable as it was written."""

    value: float
    span: Span
    is_duration: bool = False


@dataclass(frozen=True, slots=True)
class StringLiteral:
    """A string, unescaped."""

    value: str
    span: Span


@dataclass(frozen=True, slots=True)
class VectorSelector:
    """An instant selector. Where `name` is set, the last of `matchers` is the one on `__name__`."""

    name: str
    matchers: tuple[Matcher, ...]
    span: Span
    offset: Duration = 0.0
    at: AtTime | None = None
    modifier: Modifier = Modifier.NONE


@dataclass(frozen=True, slots=True)
class MatrixSelector:
    """A range selector; offset, `@` and modifier are those of the inner selector."""

    selector: VectorSelector
    range: Duration
    span: Span


@dataclass(frozen=True, slots=True)
class Subquery:
    """`expr[range:step]`; `step` is None where the default resolution applies."""

    expr: Expr
    range: Duration
    step: Duration | None
    span: Span
    offset: Duration = 0.0
    at: AtTime | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """A function call; `name` is a key of `query.functions.FUNCTIONS`."""

    name: str
    args: tuple[Expr, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Aggregate:
    """An aggregation. `grouping` holds the labels of `by`, or of `without` when `without` is true."""

    op: str
    expr: Expr
    param: Expr | None
    grouping: tuple[str, ...]
    without: bool
    span: Span


@dataclass(frozen=True, slots=True)
class Matching:
    """How the sides of a binary operator are paired. `on` tells `on(labels)` from `ignoring(labels)`.

    `include` are the labels of group_left/group_right; the fills are values for a missing partner.
    """

    card: Card
    labels: tuple[str, ...]
    on: bool
    include: tuple[str, ...] = ()
    fill_left: float | None = None
    fill_right: float | None = None


@dataclass(frozen=True, slots=True)
class Binary:
    """A binary operator. `matching` is None unless both sides are vectors; `bool_modifier` is `bool`."""

    op: str
    lhs: Expr
    rhs: Expr
    matching: Matching | None
    bool_modifier: bool
    span: Span


@dataclass(frozen=True, slots=True)
class Unary:
    """`+` or `-` before an expression."""

    op: str
    expr: Expr
    span: Span


@dataclass(frozen=True, slots=True)
class Paren:
    """A parenthesised expression, kept so that text can be printed as it was written."""

    expr: Expr
    span: Span


Expr: TypeAlias = (
    NumberLiteral
    | StringLiteral
    | VectorSelector
    | MatrixSelector
    | Subquery
    | Call
    | Aggregate
    | Binary
    | Unary
    | Paren
)


def children(expr: Expr) -> tuple[Expr, ...]:
    """The expressions directly below a node, from left to right as written."""
    match expr:
        case Subquery() | Unary() | Paren():
            return (expr.expr,)
        case MatrixSelector():
            return (expr.selector,)
        case Call():
            return expr.args
        case Aggregate():
            return (expr.expr,) if expr.param is None else (expr.param, expr.expr)
        case Binary():
            return (expr.lhs, expr.rhs)
        case _:
            return ()


def depth(expr: Expr) -> int:
    """Levels of the tree, found without recursion."""
    deepest, level = 0, [expr]
    while level:
        deepest += 1
        level = [child for node in level for child in children(node)]
    return deepest
