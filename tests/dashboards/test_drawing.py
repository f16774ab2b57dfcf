"""What there is to draw: panels under their headings, repeated and filled in."""

from __future__ import annotations

from dashboards.documents.drawing import sections_of
from dashboards.documents.model import Dashboard, Panel, Place, Query, Row, Variable
from dashboards.documents.variables import Resolved, resolve
from tests.dashboards.test_variables import Store


def chosen(dashboard: Dashboard, **values: list[str]) -> dict[str, Resolved]:
    return resolve(dashboard, values, Store())


def test_panels_stand_under_the_heading_above_them() -> None:
    dashboard = Dashboard(
        "u",
        "t",
        panels=[
            Panel("stat", "a", Place(0, 0)),
            Panel("stat", "b", Place(0, 9)),
            Panel("stat", "c", Place(12, 9)),
        ],
        rows=[Row("R", 8), Row("Closed", 17, True, [Panel("stat", "d", Place(0, 18))])],
    )

    found = sections_of(dashboard, {})

    assert [(one.title, one.closed, [panel.title for panel in one.panels]) for one in found] == [
        ("", False, ["a"]),
        ("R", False, ["b", "c"]),
        ("Closed", True, ["d"]),
    ]
    assert [panel.at.y for one in found for panel in one.panels] == [0, 0, 0, 0]


def test_values_are_put_into_what_is_shown_and_asked() -> None:
    panel = Panel("stat", "CPU of $node", queries=[Query('a{n=~"$node"}', "$node"), Query("b", hidden=True)])
    dashboard = Dashboard(
        "u", "t", [], variables=[Variable("node", query="label_values(n)", multi=True)], panels=[panel]
    )

    (section,) = sections_of(dashboard, chosen(dashboard, node=["n10", "n2"]))

    assert section.panels[0].title == "CPU of n10,n2"
    assert [(query.expr, query.legend) for query in section.panels[0].queries] == [
        ('a{n=~"(n10|n2)"}', "n10,n2")
    ]


def test_a_panel_is_repeated_for_each_value_and_those_below_move_down() -> None:
    dashboard = Dashboard(
        "u",
        "t",
        variables=[Variable("c", kind="custom", query="a,b,c,d,e", multi=True, has_all=True)],
        panels=[
            Panel("stat", "$c", Place(0, 0, 24, 4), repeat="c"),
            Panel("stat", "below", Place(0, 4, 24, 4)),
        ],
    )

    (section,) = sections_of(dashboard, chosen(dashboard, c=["$__all"]))

    assert [(panel.title, panel.at) for panel in section.panels] == [
        ("a", Place(0, 0, 6, 4)),
        ("b", Place(6, 0, 6, 4)),
        ("c", Place(12, 0, 6, 4)),
        ("d", Place(18, 0, 6, 4)),
        ("e", Place(0, 4, 6, 4)),
        ("below", Place(0, 8, 24, 4)),
    ]


def test_a_heading_is_repeated_with_its_panels() -> None:
    dashboard = Dashboard(
        "u",
        "t",
        variables=[Variable("c", kind="custom", query="a,b", multi=True)],
        rows=[Row("On $c", 0, False, [Panel("stat", queries=[Query('x{c="$c"}')])], repeat="c")],
    )

    found = sections_of(dashboard, chosen(dashboard, c=["a", "b"]))

    assert [(one.title, one.panels[0].queries[0].expr) for one in found] == [
        ("On a", 'x{c="a"}'),
        ("On b", 'x{c="b"}'),
    ]
