"""Grafana's dashboards come in whole, go out again, and nothing breaks the way in."""

from __future__ import annotations

import json
import os
from collections import Counter
from contextlib import suppress
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards.documents.text import parse, to_json, to_yaml
from dashboards.grafana.exporter import export_grafana
from dashboards.grafana.importer import Imported, import_grafana
from storage.errors import InputError

SHARED = Path(os.environ.get("SWELL_SHARED", Path(__file__).parents[3] / "shared"))
CORPUS = sorted((SHARED / "data" / "grafana").rglob("*.json"))


def imported(path: Path) -> Imported:
    return import_grafana(path.read_bytes())


@pytest.mark.skipif(not CORPUS, reason="the corpus of dashboards is not here (SWELL_SHARED)")
def test_of_the_corpus_less_than_one_panel_in_a_hundred_is_left_out() -> None:
    found = [imported(path).report for path in CORPUS]

    panels, supported = sum(one.panels for one in found), sum(one.supported for one in found)

    assert panels > 500
    assert supported >= 0.99 * panels, Counter(note.what for one in found for note in one.notes)


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_every_query_of_a_file_is_in_the_document(path: Path) -> None:
    def queries(content: object) -> list[str]:
        if isinstance(content, list):
            return [query for one in content for query in queries(one)]
        if not isinstance(content, dict):
            return []
        own = [one["expr"].strip() for one in content.get("targets") or () if one.get("expr")]
        return own + queries(content.get("panels")) + queries(content.get("rows"))

    dashboard = imported(path).dashboard

    kept = [query.expr for panel in dashboard.every_panel() for query in panel.queries]
    assert Counter(kept) == Counter(queries(json.loads(path.read_bytes())))


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_a_document_survives_text_and_the_way_back_to_grafana(path: Path) -> None:
    dashboard = imported(path).dashboard

    assert parse(to_yaml(dashboard)) == dashboard
    assert parse(to_json(dashboard).decode()) == dashboard
    again = import_grafana(orjson.dumps(export_grafana(dashboard))).dashboard
    assert to_yaml(again) == to_yaml(dashboard)
    assert again == dashboard


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"{", "not JSON"),
        (b"[]", "no Grafana dashboard"),
        (b'{"panels": 1}', "a list of 'panels' or 'rows' is missing"),
        (b'{"spec": {"elements": {}}}', "schema v2"),
    ],
)
def test_a_file_without_a_dashboard_is_refused_with_the_reason(raw: bytes, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        import_grafana(raw)


def test_what_is_left_out_is_named() -> None:
    panels = [
        {"type": "geomap", "title": "Map"},
        {"type": "stat", "title": "S", "targets": [{"rawSql": "select 1", "refId": "B"}]},
        {"type": "timeseries", "title": "T", "transformations": [{"id": "heatmap", "options": {}}]},
    ]
    variables = [{"name": "f", "type": "adhoc"}]

    report = import_grafana(orjson.dumps({"panels": panels, "templating": {"list": variables}})).report

    assert [(note.where, note.what, note.effect) for note in report.notes] == [
        ("variable f", "a variable of the kind 'adhoc'", "left out"),
        ("Map", "a panel of the kind 'geomap'", "left out"),
        ("S", "the query B, which is not PromQL", "left out"),
        ("T", "the transformation 'heatmap'", "changed"),
    ]
    assert (report.panels, report.supported) == (3, 2)


KEYS = st.sampled_from(
    [
        "type",
        "title",
        "gridPos",
        "targets",
        "fieldConfig",
        "defaults",
        "overrides",
        "matcher",
        "properties",
        "options",
        "custom",
        "id",
        "value",
        "rows",
        "panels",
        "templating",
        "list",
        "name",
        "query",
        "current",
        "seriesOverrides",
        "yaxes",
        "legend",
        "thresholds",
        "mappings",
        "steps",
        "transformations",
        "xaxis",
        "gauge",
        "expr",
        "span",
        "uid",
        "x",
        "y",
        "w",
        "h",
        "color",
        "mode",
        "unit",
        "repeat",
        "links",
        "url",
        "alias",
    ]
)
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    KEYS,
    st.sampled_from(["graph", "singlestat", "timeseries", "row", "table", "byName", "query", "byRegexp"]),
)
ANYTHING = st.recursive(
    LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=8)),
    max_leaves=40,
)


@given(st.lists(st.dictionaries(KEYS, ANYTHING, max_size=9), max_size=3), st.booleans(), ANYTHING)
def test_any_json_is_imported_or_refused(panels: list[object], is_old: bool, further: object) -> None:
    content = {"rows": [{"panels": panels}]} if is_old else {"panels": panels}
    try:
        raw = orjson.dumps(content | {"templating": further, "time": further, "title": "x"})
    except TypeError:  # an integer of more than 64 bits
        return

    with suppress(InputError):
        parse(to_yaml(import_grafana(raw).dashboard))
