"""A syntax tree as Prometheus's `parse_query` gives it (web/api/v1/translate_ast.go)."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from query.ast import (
    Aggregate,
    AtAnchor,
    AtTime,
    Binary,
    Call,
    Duration,
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
from query.functions import FUNCTIONS
from storage.model import Matcher

_BARE = re.compile(r"[A-Za-z_:][A-Za-z0-9_:]*")


def tree_of(expr: Expr | None) -> dict[str, Any] | None:
    """The tree as plain values; a duration that depends on the query is given as 0."""
    match expr:
        case NumberLiteral():
            return {"type": "numberLiteral", "val": _number(expr.value)}
        case StringLiteral():
            return {"type": "stringLiteral", "val": expr.value}
        case Paren():
            return {"type": "parenExpr", "expr": tree_of(expr.expr)}
        case Unary():
            return {"type": "unaryExpr", "op": expr.op, "expr": tree_of(expr.expr)}
        case VectorSelector():
            return {"type": "vectorSelector", **_selector(expr)}
        case MatrixSelector():
            return {"type": "matrixSelector", "range": _ms(expr.range), **_selector(expr.selector)}
        case Subquery():
            window = {"range": _ms(expr.range), "step": _ms(expr.step or 0.0), "offset": _ms(expr.offset)}
            return {"type": "subquery", "expr": tree_of(expr.expr), **window, **_at(expr.at)}
        case Call():
            return {"type": "call", "func": _function(expr.name), "args": [tree_of(a) for a in expr.args]}
        case Aggregate():
            return _aggregate(expr)
        case Binary():
            return _binary(expr)
    return None


def _aggregate(expr: Aggregate) -> dict[str, Any]:
    return {
        "type": "aggregation",
        "op": expr.op,
        "expr": tree_of(expr.expr),
        "param": tree_of(expr.param),
        "grouping": list(expr.grouping),
        "without": expr.without,
    }


def _binary(expr: Binary) -> dict[str, Any]:
    return {
        "type": "binaryExpr",
        "op": expr.op,
        "lhs": tree_of(expr.lhs),
        "rhs": tree_of(expr.rhs),
        "matching": None if expr.matching is None else _matching(expr.matching),
        "bool": expr.bool_modifier,
    }


def _matching(matching: Matching) -> dict[str, Any]:
    found: dict[str, Any] = {
        "card": matching.card.value,
        "labels": list(matching.labels),
        "on": matching.on,
        "include": list(matching.include),
    }
    if matching.fill_left is not None or matching.fill_right is not None:
        found["fillValues"] = {"lhs": matching.fill_left, "rhs": matching.fill_right}
    return found


def _selector(selector: VectorSelector) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": selector.name if _BARE.fullmatch(selector.name) else "",
        "offset": _ms(selector.offset),
        "matchers": _matchers(selector.matchers),
        **_at(selector.at),
    }
    if selector.modifier is not Modifier.NONE:
        found[selector.modifier.value] = True
    return found


def _matchers(matchers: Sequence[Matcher]) -> list[dict[str, str]]:
    return [{"name": one.name, "value": one.value, "type": one.op.value} for one in matchers]


def _at(at: AtTime | None) -> dict[str, Any]:
    if at is None:
        return {"timestamp": None, "startOrEnd": None}
    if isinstance(at.at, AtAnchor):
        return {"timestamp": None, "startOrEnd": at.at.value}
    return {"timestamp": round(at.at * 1000), "startOrEnd": None}


def _function(name: str) -> dict[str, Any]:
    signature = FUNCTIONS[name]
    return {
        "name": name,
        "argTypes": [one.value for one in signature.args],
        "variadic": signature.variadic,
        "returnType": signature.returns.value,
    }


def _ms(duration: Duration) -> int:
    return round(duration * 1000) if isinstance(duration, float | int) else 0


def _number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return np.format_float_positional(value, trim="-")
