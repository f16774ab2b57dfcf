from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import promql_parser
import pytest
from hypothesis import given
from hypothesis import strategies as st

from query.ast import Aggregate, Binary, Call, Expr, NumberLiteral, Paren, Unary, VectorSelector, children
from query.parser import parse
from query.printer import format_expr
from storage.errors import ParseError
from tests.query.corpus import dashboard_expressions, promqltest_expressions, rule_expressions, without_spans


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("sum(rate(up[5m]))by(job,instance)", "sum by (job, instance) (rate(up[5m]))"),
        ("a*on(x)group_left b", "a * on (x) group_left () b"),
        ("up [90s] @ end() offset -1m", "up[1m30s] offset -1m @ end()"),
        ("up[(1m+step())*2:]", "up[(1m + step()) * 2s:]"),
        ('{"a.b","c.d"="x"}', '{"a.b", "c.d"="x"}'),
        ('{"up"}', "up"),
        ('{"up",__name__="x"}', '{"up", __name__="x"}'),
        ("a == bool 1_000", "a == bool 1000"),
        ("'it'", '"it"'),
        ('`\\d"`', '"\\\\d\\""'),
        ("- 3 ^ 2", "-3 ^ 2"),
        ("a + fill(1) b", "a + fill_left (1) fill_right (1) b"),
        ("foo offset 100 + 2", "foo offset 1m40s + 2"),
        ("foo offset -(2*step())", "foo offset (-(2s * step()))"),
        ("rate(foo[5m] smoothed)", "rate(foo[5m] smoothed)"),
    ],
)
def test_text_is_canonical(text: str, printed: str) -> None:
    assert format_expr(parse(text)) == printed


_NAMES = st.sampled_from(["up", "a:b", "sum", "by", "and", "start", "inf_total", "step", "fill"])
_TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufffd"), max_size=8)
_DURATIONS = st.recursive(
    st.sampled_from(["5m", "300", "1.5", "1ms", "step()", "range()", "2w3d"]),
    lambda inner: st.one_of(
        st.builds("({} {} {})".format, inner, st.sampled_from("+-*/%^"), inner),
        st.builds("-{}".format, inner),
        st.builds("max_of({}, {})".format, inner, inner),
    ),
    max_leaves=4,
)


def _quoted(text: str) -> str:
    return '"' + "".join(f"\\U{ord(char):08x}" for char in text) + '"'


_SELECTORS = st.one_of(
    _NAMES,
    st.builds('{}{{x="{}"}}'.format, _NAMES, st.just("y")),
    st.builds("{{{}, {}!={}}}".format, st.just('"a.b"'), st.just('"c d"'), _TEXTS.map(_quoted)),
)
_VECTORS = st.recursive(
    st.one_of(
        _SELECTORS,
        st.builds("{} offset ({})".format, _SELECTORS, _DURATIONS),
        st.builds("rate({}[{}])".format, _SELECTORS, _DURATIONS),
    ),
    lambda inner: st.one_of(
        st.builds("({})".format, inner),
        st.builds("-{}".format, inner),
        st.builds(
            "{} {} {}".format, inner, st.sampled_from(["+", "-", "*", "^", "and", "or", ">", "atan2"]), inner
        ),
        st.builds("{} / on (a, on) group_left (b) {}".format, inner, inner),
        st.builds("sum by (x, {}) ({})".format, st.just('"y.z"'), inner),
        st.builds("topk(2, {})".format, inner),
        st.builds("max_over_time(({})[{}:{}] @ 1.5)".format, inner, _DURATIONS, _DURATIONS),
    ),
    max_leaves=6,
)


@given(_VECTORS)
def test_what_is_printed_parses_to_the_same_tree(text: str) -> None:
    try:
        tree = parse(text)
    except ParseError as error:
        # Generated windows may be no longer than nothing, or divide by it.
        assert "duration" in str(error) or "by zero" in str(error)
        return

    assert without_spans(parse(format_expr(tree))) == without_spans(tree)


@pytest.mark.slow
def test_the_shape_of_trees_is_that_of_another_parser(shared_data: Path) -> None:
    """Where promql-parser takes an expression at all, its tree has the same nodes in the same order."""
    compared = 0
    sources: list[tuple[Callable[[Path], Any], str]] = [
        (promqltest_expressions, "promqltest"),
        (rule_expressions, "rules"),
        (dashboard_expressions, "grafana"),
    ]
    for read, directory in sources:
        for text in islice(read(shared_data / directory), 1500):
            try:
                other = promql_parser.parse(text)
            except ValueError:
                continue
            compared += 1
            assert _shape(parse(text)) == _other_shape(other), text

    assert compared > 3000


def _shape(expr: Expr) -> Any:
    inside = tuple(map(_shape, children(expr)))
    match expr:
        case NumberLiteral():
            return ("number", repr(expr.value))
        case Unary():
            return inside[0] if expr.op == "+" else ("unary", *inside)
        case Binary():
            return ("binary", expr.op, *inside)
        case Call():
            return ("call", expr.name, *inside)
        case Aggregate():
            return ("aggregate", expr.op, tuple(sorted(expr.grouping)), *inside)
        case Paren():
            return ("paren", *inside)
        case VectorSelector():
            return ("selector", expr.name, len(expr.matchers) - bool(expr.name))
    return (type(expr).__name__, *inside)


def _other_shape(expr: Any) -> Any:
    match type(expr).__name__:
        case "NumberLiteral":
            return ("number", repr(float(expr.val)))
        case "UnaryExpr":
            return ("unary", _other_shape(expr.expr))
        case "BinaryExpr":
            return ("binary", str(expr.op).strip(), _other_shape(expr.lhs), _other_shape(expr.rhs))
        case "Call":
            return ("call", expr.func.name, *map(_other_shape, expr.args))
        case "AggregateExpr":
            labels = tuple(sorted(expr.modifier.labels)) if expr.modifier else ()
            param = () if expr.param is None else (_other_shape(expr.param),)
            return ("aggregate", str(expr.op).strip(), labels, *param, _other_shape(expr.expr))
        case "ParenExpr":
            return ("paren", _other_shape(expr.expr))
        case "VectorSelector":
            return ("selector", expr.name or "", len(expr.matchers.matchers))
        case "MatrixSelector":
            return ("MatrixSelector", _other_shape(expr.vector_selector))
        case "SubqueryExpr":
            return ("Subquery", _other_shape(expr.expr))
        case name:
            return (name,)
