"""Variables offer what the store knows, one after another, and are written into queries as Grafana does."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards.documents.interpolation import Chosen, interpolate
from dashboards.documents.model import Dashboard, Variable
from dashboards.documents.variables import in_order, resolve
from query.parser import parse
from storage.errors import UnavailableError

CASES = json.loads((Path(__file__).parent / "interpolation.json").read_text())


class Store:
    """A small store that notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def label_values(self, name: str, selector: str, /) -> Sequence[str]:
        self.asked.append((name, selector))
        if selector == "broken":
            raise UnavailableError("the store is away")
        return {"__name__": ["up", "node_load1", "node_load5"], "cluster": ["eu", "us"]}.get(
            name, ["n10", "n2", "N1"]
        )

    def label_names(self, selector: str, /) -> Sequence[str]:
        return ["a", "b"]

    def query_result(self, expression: str, /) -> Sequence[str]:
        return [f'{expression}{{pod="a-1"}} 1 5', f'{expression}{{pod="b-2"}} 1 5']


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_values_are_written(case: dict[str, Any]) -> None:
    chosen = {
        name: Chosen(tuple(values), case.get("pattern", ""), case.get("list", False))
        for name, values in case["values"].items()
    }

    assert interpolate(case["text"], chosen, is_query=not case.get("title")) == case["gives"]


def options(**fields: Any) -> tuple[str, ...]:
    variable = Variable(name="v", **fields)
    return resolve(Dashboard("u", "t", variables=[variable]), {}, Store())["v"].options


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"query": "label_values(cluster)"}, ("eu", "us")),
        ({"query": 'label_values(up{a="x,y"}, node)'}, ("n10", "n2", "N1")),
        ({"query": "label_values(node)", "sort": "text"}, ("N1", "n10", "n2")),
        ({"query": "label_values(node)", "sort": "number"}, ("N1", "n2", "n10")),
        ({"query": "label_values(node)", "sort": "natural-desc"}, ("n10", "n2", "N1")),
        ({"query": "label_values(node)", "regex": "/n(.*)/"}, ("10", "2")),
        ({"query": "label_values(node)", "regex": "n1.*"}, ("n10",)),
        ({"query": "query_result(up)", "regex": '/pod="(?<value>[a-z]).*"/'}, ("a", "b")),
        ({"query": "metrics(load)"}, ("node_load1", "node_load5")),
        ({"query": "label_names()"}, ("a", "b")),
        ({"kind": "custom", "query": "a, b : c, d\\,e"}, ("a", "c", "d,e")),
        ({"kind": "interval", "query": "1m,5m"}, ("1m", "5m")),
        ({"kind": "textbox", "query": "x"}, ("x",)),
        ({"query": ""}, ()),
    ],
)
def test_what_is_offered(fields: dict[str, Any], found: tuple[str, ...]) -> None:
    assert options(**fields) == found


def test_a_variable_asks_with_what_another_has_chosen() -> None:
    store = Store()
    variables = [
        Variable(name="node", query='label_values(kube_node_info{cluster="$cluster"}, node)', multi=True),
        Variable(name="cluster", query="label_values(kube_node_info, cluster)"),
    ]

    found = resolve(
        Dashboard("u", "t", variables=variables), {"cluster": ["us"], "node": ["n2", "n10"]}, store
    )

    assert store.asked == [("cluster", "kube_node_info"), ("node", 'kube_node_info{cluster="us"}')]
    assert list(found) == ["node", "cluster"]
    assert found["node"].chosen == Chosen(("n2", "n10"), is_list=True)


def test_a_value_that_is_not_offered_gives_way_to_the_first() -> None:
    variable = Variable(name="v", query="label_values(cluster)", chosen=["gone"])

    assert resolve(Dashboard("u", "t", variables=[variable]), {}, Store())["v"].chosen.values == ("eu",)


@pytest.mark.parametrize("wanted", [{}, {"v": ["$__all"]}, {"v": []}])
def test_all_is_every_value(wanted: dict[str, list[str]]) -> None:
    variable = Variable(name="v", query="label_values(cluster)", has_all=True, all_value=".*")

    found = resolve(Dashboard("u", "t", variables=[variable]), wanted, Store())["v"]

    assert (found.is_all, found.chosen) == (True, Chosen(("eu", "us"), ".*", True))


def test_a_variable_that_cannot_be_asked_says_why_and_the_others_go_on() -> None:
    variables = [
        Variable(name="a", query="label_values(broken, x)", chosen=["kept"]),
        Variable(name="b", regex="(", query="label_values(x)"),
        Variable(name="c", query="label_values(cluster)"),
    ]

    found = resolve(Dashboard("u", "t", variables=variables), {}, Store())

    assert found["a"].error == "the store is away"
    assert found["a"].chosen.values == ("kept",)
    assert "is not RE2" in found["b"].error
    assert found["c"].chosen.values == ("eu",)


def test_a_circle_of_variables_ends() -> None:
    circle = [Variable(name="a", query="label_values($b)"), Variable(name="b", query="label_values($a)")]

    assert [variable.name for variable in in_order(circle)] == ["b", "a"]


@given(st.lists(st.text(max_size=6), max_size=3), st.booleans())
def test_any_value_gives_a_selector_that_parses(values: list[str], is_list: bool) -> None:
    chosen = {
        "v": Chosen(tuple(value.encode(errors="replace").decode() for value in values), is_list=is_list)
    }

    parse(interpolate('up{a=~"$v"}' if is_list else 'up{a="$v"}', chosen, is_query=True))
