"""Layouts are pure: a view and answers in, components out."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from plotly.utils import PlotlyJSONEncoder

from dashboards import shell
from dashboards.library import Library
from dashboards.messages import mark
from dashboards.nodes import Node, read_nodes
from dashboards.pages import alerts, explore, overview
from dashboards.rules import active_alerts, read_groups
from dashboards.services import Services
from dashboards.sparkline import sparkline
from dashboards.state import View
from query.ast import ValueType
from query.block import Block, Result, ScalarBlock, StringValue
from storage.catalogue import Catalogue
from storage.errors import ParseError
from storage.labels import LabelTable
from storage.memory import MemoryStorage

NOW_MS = 1_772_637_377_000
ROWS = ({"instance": "a", "cluster": "eu"}, {"instance": "b"})
ALERT = {
    "labels": {"alertname": "NodeDown", "instance": "b"},
    "annotations": {"summary": "b is gone"},
    "state": "firing",
    "activeAt": "2026-03-04T15:06:17.000000001Z",
    "value": "0e+00",
}
RULE = {
    "name": "NodeDown",
    "type": "alerting",
    "query": "up == 0",
    "duration": 60,
    "state": "firing",
    "health": "ok",
    "lastEvaluation": "2026-03-04T15:16:07Z",
    "evaluationTime": 0.002,
    "alerts": [ALERT],
}
RULES = {"groups": [{"name": "node", "file": "node.yaml", "interval": 30, "rules": [RULE]}]}


def text_of(component: object) -> str:
    return json.dumps(component, cls=PlotlyJSONEncoder)


def vector(rows: tuple[dict[str, str], ...], values: list[list[float]]) -> Result:
    array = np.array(values, dtype=np.float64).reshape(len(rows), -1 if rows else 1)
    block = Block(LabelTable.from_rows(rows), array, np.ones(array.shape, np.bool_))
    return Result(ValueType.VECTOR, block, np.array([NOW_MS]))


def instant(text: str, at_ms: int) -> Result:
    if text.endswith("((("):
        raise ParseError("1:4: parse error: unclosed left parenthesis", 3, 4)
    if "timestamp(" in text:
        return vector(ROWS, [[at_ms / 1000 - 5], [at_ms / 1000 - 400]])
    return vector(ROWS[:1], [[12.5]])


def ranged(text: str, start_ms: int, end_ms: int, step_ms: int) -> Result:
    return vector(ROWS[:1], [[1.0, float("nan"), 3.0]])


def services(rules: Mapping[str, Any] | None = RULES, nodes: bool = True) -> Services:
    nobody, store = vector((), []), MemoryStorage()
    return Services(
        instant=instant if nodes else lambda text, at_ms: nobody,
        range=ranged if nodes else lambda text, start_ms, end_ms, step_ms: nobody,
        rules=None if rules is None else lambda: rules,
        now_ms=lambda: NOW_MS,
        ingest_url="http://127.0.0.1:9470",
        catalogue=Catalogue(store),
        library=Library(store, lambda: NOW_MS),
    )


def test_nodes_that_are_down_come_first_and_what_is_unknown_is_nan() -> None:
    down, up = read_nodes(instant, ranged, NOW_MS)

    assert (down.instance, down.is_up(NOW_MS)) == ("b", False)
    assert (up.instance, up.cluster, up.cpu_percent, up.is_up(NOW_MS)) == ("a", "eu", 12.5, True)
    assert np.isnan(down.cpu_percent)


def test_a_node_whose_collector_says_down_is_down_however_fresh() -> None:
    assert not Node("", "a", last_seen_s=NOW_MS / 1000, up=0.0).is_up(NOW_MS)


def test_the_overview_shows_nodes_and_firing_alerts() -> None:
    shown = text_of(overview.summary(services(), View()))

    assert "1 of 2" in shown
    assert "Alerts firing" in shown
    assert "/ui/?node=a" in shown


def test_the_overview_without_nodes_says_how_to_start_a_collector() -> None:
    shown = text_of(overview.summary(services(nodes=False), View()))

    assert "swell collect node --collect.url http://127.0.0.1:9470" in shown


def test_a_chosen_node_links_back_to_all_nodes() -> None:
    shown = text_of(overview.summary(services(), View(node="a", start="now-6h")))

    assert '"href": "/ui/?from=now-6h"' in shown


def test_explore_without_a_query_offers_starters() -> None:
    assert "Ask a question" in text_of(explore.layout(View()))


def test_explore_shows_an_instant_answer_with_a_column_a_label() -> None:
    shown = text_of(explore.answer(services(), View(query="up", tab="table")))

    assert "cluster" in shown
    assert '"12.5"' in shown


def test_explore_marks_the_place_of_a_parse_error() -> None:
    shown = text_of(explore.answer(services(), View(query="sum(((", tab="table")))

    assert "1:4: parse error" in shown
    assert '"type": "Mark"' in shown


@pytest.mark.parametrize(
    ("start", "end", "parts"),
    [(0, 3, ["", "sum", "( "]), (4, 4, ["sum", "(", " "]), (99, 99, ["sum", "(", " "])],
)
def test_a_mark_covers_the_place_or_what_stands_before_a_blank(
    start: int, end: int, parts: list[str]
) -> None:
    before, marked, after = mark("sum(", start, end)

    assert [before, marked.children, after] == parts


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (ScalarBlock(np.array([2.5])), "2.5"),
        (StringValue("hello"), "hello"),
    ],
)
def test_scalars_and_strings_are_shown_as_they_are(value: ScalarBlock | StringValue, text: str) -> None:
    assert text in text_of(explore.rows_of(Result(ValueType.SCALAR, value, np.array([NOW_MS]))))


def test_the_alerts_page_lists_a_firing_alert_and_links_its_expression() -> None:
    shown = text_of(alerts.content(services(), View()))

    assert "b is gone" in shown
    assert "10 min" in shown
    assert "/ui/explore?q=up%20%3D%3D%200" in shown


def test_the_alerts_page_tells_no_rules_from_no_alerting_here() -> None:
    assert "No rules yet" in text_of(alerts.content(services({"groups": []}), View()))
    assert "does not run the alerts part" in text_of(alerts.content(services(None), View()))


def test_alerts_are_sorted_firing_first_then_longest() -> None:
    pending = ALERT | {"state": "pending", "activeAt": "2020-01-01T00:00:00Z"}
    later = ALERT | {"activeAt": "2026-03-05T00:00:00Z"}
    groups = read_groups({"groups": [{"rules": [RULE | {"alerts": [pending, later, ALERT]}]}]})

    assert [(alert.state, alert.since_ms > 1_772_650_000_000) for alert in active_alerts(groups)] == [
        ("firing", False),
        ("firing", True),
        ("pending", False),
    ]


def test_a_rule_never_evaluated_has_no_time() -> None:
    (group,) = read_groups({"groups": [{"rules": [RULE | {"lastEvaluation": "0001-01-01T00:00:00Z"}]}]})

    assert group.rules[0].evaluated_ms == 0


def test_navigation_carries_the_time_range_but_not_the_query() -> None:
    shown = text_of(shell.navigation("explore", View(query="up", start="now-6h")))

    assert "/ui/alerts?from=now-6h" in shown
    assert "q=up" not in shown


def test_a_wrong_range_is_said_beside_its_inputs() -> None:
    assert "is not a time" in text_of(shell.controls("", View(start="x"), "'x' is not a time"))


def test_a_sparkline_leaves_a_gap_where_a_value_is_absent() -> None:
    path = sparkline(np.array([1.0, np.nan, 3.0, 4.0]))

    assert path.startswith("data:image/svg+xml,")
    assert path.count("M2.0") == 1
    assert path.count("L94.0") == 1


def test_a_sparkline_of_nothing_is_empty() -> None:
    assert "d%3D%22%22" in sparkline(np.empty(0))
