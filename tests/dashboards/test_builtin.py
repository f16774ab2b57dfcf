"""What Swell brings along asks for nothing that does not parse, and every variable has a query."""

from __future__ import annotations

import re

import pytest

from dashboards.documents.drawing import sections_of
from dashboards.documents.model import Dashboard
from dashboards.documents.variables import resolve
from dashboards.library import builtin
from query.parser import parse
from tests.dashboards.test_variables import Store


@pytest.mark.parametrize("dashboard", builtin().values(), ids=lambda dashboard: dashboard.uid)
def test_every_query_parses_with_the_variables_put_in(dashboard: Dashboard) -> None:
    for wanted in ({}, {variable.name: ["a.b", 'c"d'] for variable in dashboard.variables}):
        found = sections_of(dashboard, resolve(dashboard, wanted, Store()))
        for panel in (panel for section in found for panel in section.panels):
            assert panel.queries, panel.title
            for query in panel.queries:
                assert not re.search(r"\$(?!__)", query.expr), query.expr
                parse(query.expr.replace("$__rate_interval", "1m"))


@pytest.mark.parametrize("dashboard", builtin().values(), ids=lambda dashboard: dashboard.uid)
def test_no_two_panels_stand_in_the_same_place(dashboard: Dashboard) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in dashboard.panels:
        at = panel.at
        cells = {(x, y) for x in range(at.x, at.x + at.w) for y in range(at.y, at.y + at.h)}
        assert not cells & taken, panel.title
        taken |= cells
