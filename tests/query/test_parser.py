import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from query.ast import Binary, MatrixSelector, NumberLiteral, Span, Subquery, VectorSelector
from query.parser import ParseOptions, parse, parse_matchers
from query.printer import format_expr
from storage.errors import ParseError
from tests.query.corpus import dashboard_expressions, promqltest_expressions, rule_expressions, without_spans

_BYTES = {one["input"] for one in json.loads((Path(__file__).parent / "lone_bytes.json").read_text())}


@pytest.fixture(scope="session")
def parse_cases(shared_data: Path) -> list[dict[str, Any]]:
    """All of them, with the lone bytes that their extract turned into letters."""
    cases: list[dict[str, Any]] = json.loads((shared_data / "promqltest" / "parse_cases.json").read_text())
    return [
        {**case, "input": case["input"].replace("\xff", "\udcff")} if case["input"] in _BYTES else case
        for case in cases
    ]


def _error(text: str) -> ParseError | None:
    try:
        parse(text)
    except ParseError as error:
        return error
    return None


def test_verdicts_are_those_of_prometheus(parse_cases: list[dict[str, Any]]) -> None:
    wrong = {case["input"] for case in parse_cases if (_error(case["input"]) is not None) != case["fail"]}

    assert len(parse_cases) == 352
    assert wrong == set()


def test_messages_are_those_of_prometheus(parse_cases: list[dict[str, Any]]) -> None:
    """One case is about two errors at once, of which each parser names another."""
    wrong = []
    for case in parse_cases:
        error = _error(case["input"])
        if case["fail"] and error and str(error).split("parse error: ", 1)[1] != case["msg"]:
            wrong.append(case["input"])

    assert wrong == ["("]


def test_positions_are_those_of_prometheus(parse_cases: list[dict[str, Any]]) -> None:
    """Prometheus ends the place of an operator one character early, which it shows nowhere."""
    wrong = []
    for case in parse_cases:
        error = _error(case["input"])
        if error is None or case["pos"] is None:
            continue
        start, end = case["pos"]
        if error.start != start or error.end - end not in (0, 1):
            wrong.append((case["input"], case["pos"], error.start, error.end))

    assert wrong == []


def _all_parse(expressions: Iterator[str]) -> int:
    count = 0
    for text in expressions:
        count += 1
        tree = parse(text)
        assert without_spans(parse(format_expr(tree))) == without_spans(tree), text
    return count


def test_every_expression_of_the_test_files_parses_and_prints_back(shared_data: Path) -> None:
    assert _all_parse(promqltest_expressions(shared_data / "promqltest")) > 1500


@pytest.mark.slow
def test_every_rule_parses_and_prints_back(shared_data: Path) -> None:
    assert _all_parse(rule_expressions(shared_data / "rules")) > 300


@pytest.mark.slow
def test_every_dashboard_target_parses_and_prints_back(shared_data: Path) -> None:
    assert _all_parse(dashboard_expressions(shared_data / "grafana")) > 2000


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        (
            "sum(\n  rate(up)\n)",
            "2:8",
            'expected type range vector in call to function "rate", got instant vector',
        ),
        ('up{job=~"("}', "1:4", "regular expression '(' is not RE2: missing ): ("),
        ('foo{"a\\xff"}', "1:5", "invalid UTF-8 in a selector"),
        ("up and fill(1) up", "1:1", 'no fill modifier allowed for "and" operation'),
        ("up + fill(1) 2", "1:1", "filling in missing series only allowed between instant vectors"),
        ("up[5m:] anchored", "1:9", "anchored modifier is not supported for subqueries"),
        ("up anchored smoothed", "1:13", "anchored and smoothed modifiers cannot be used together"),
    ],
)
def test_an_error_names_line_and_column(text: str, place: str, message: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse(text)

    assert str(caught.value) == f"{place}: parse error: {message}"


@pytest.mark.parametrize(
    "text",
    [
        "(" * 20_000,
        "((" * 4_000 + "1" + "))" * 4_000,
        "-" * 20_000 + "a",
        "a+" * 5_000 + "a",
        "a" + "[5m:]" * 2_000,
        "foo[" + "(" * 9_000,
        "foo[" + "-" * 9_000 + "1m]",
        "foo[" + "1^" * 4_000 + "1]",
        "foo offset " + "-" * 9_000 + "1m",
        "sum(" * 2_500,
        "9" * 10_000,
        "foo[" + "9" * 9_000 + "s]",
    ],
    ids=lambda text: text[:8],
)
def test_a_huge_query_is_refused_and_not_fatal(text: str) -> None:
    with pytest.raises(ParseError):
        parse(text)


def test_a_text_over_the_length_limit_is_refused() -> None:
    with pytest.raises(ParseError, match=r"has 21 characters, the limit .* is 20"):
        parse("a" * 21, ParseOptions(max_length=20))


def test_a_tree_of_the_deepest_allowed_level_is_parsed() -> None:
    assert parse("(" * 90 + "1" + ")" * 90)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0x1F", 31),
        ("017", 15),
        ("08", 8),
        ("1_000", 1000),
        (".5", 0.5),
        ("2.", 2),
        ("1h30m", 5400),
        ("-5m", -300),
    ],
)
def test_numbers_have_many_forms(text: str, value: float) -> None:
    found = parse(text)

    assert isinstance(found, NumberLiteral)
    assert found.value == value


def test_spans_cover_the_text_of_a_node() -> None:
    text = 'rate(up{a="b"}[5m] offset 1m) / 2'
    tree = parse(text)

    assert isinstance(tree, Binary)
    assert tree.span == Span(0, len(text))
    assert text[tree.rhs.span.start : tree.rhs.span.end] == "2"


def test_modifiers_belong_to_the_innermost_selector() -> None:
    tree = parse("up[5m] offset 1m @ 3")

    assert isinstance(tree, MatrixSelector)
    assert tree.selector.offset == 60.0
    assert tree.selector.at is not None


def test_a_subquery_without_step_keeps_none() -> None:
    tree = parse("up[5m:]")

    assert isinstance(tree, Subquery)
    assert tree.step is None


def test_keywords_are_names_where_the_language_allows_it() -> None:
    for text in (
        "sum",
        "by",
        "offset",
        "start",
        "fill",
        "anchored",
        'and{or="x"}',
        "sum by (on, bool) (up)",
        "and and and",
    ):
        assert parse(text)
    for text in ("on", "ignoring", "group_left", "bool"):
        with pytest.raises(ParseError):
            parse(text)


def test_a_selector_of_the_api_has_no_modifiers() -> None:
    assert isinstance(parse_matchers('up{job="x"}'), VectorSelector)
    for text in ("up offset 5m", "up[5m]", "sum(up)", "1", "up @ 3"):
        with pytest.raises(ParseError, match="instant vector selector without modifiers"):
            parse_matchers(text)
