"""A file of Grafana's to a dashboard of ours."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import orjson

from dashboards.documents.model import Dashboard, Panel, Row, Variable
from dashboards.documents.text import checked
from dashboards.grafana.content import Object, flag, inner, items, text, texts
from dashboards.grafana.fields import links_of
from dashboards.grafana.legacy import panels_of_rows
from dashboards.grafana.panels import panel_of, place_of
from dashboards.grafana.report import Report
from dashboards.grafana.variables import variable_of
from storage.errors import InputError

_NOT_IN_UID: Final = re.compile(r"[^A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of a file."""

    dashboard: Dashboard
    report: Report


def import_grafana(raw: bytes) -> Imported:
    """Read a dashboard's JSON, as exported or as Grafana's API gives it.

    Panels and variables of unknown kinds are left out and noted. Raises `InputError` where there is no
    dashboard in the file at all.
    """
    content = _content(raw)
    report = Report()
    variables = _variables(content, report)
    panels, rows = _panels(content, report)
    times = inner(content, "time")
    found = Dashboard(
        uid=_uid(content, raw),
        title=text(content, "title", "Imported dashboard"),
        description=text(content, "description"),
        tags=texts(content.get("tags")),
        variables=variables,
        panels=panels,
        rows=rows,
        start=text(times, "from", "now-1h"),
        end=text(times, "to", "now"),
        refresh=text(content, "refresh"),
        links=links_of(content),
    )
    for one in items(inner(content, "annotations"), "list"):
        if not text(one, "builtIn") and flag(one, "enable", True):
            report.left_out(f"annotation {text(one, 'name')}", "a query of annotations")
    return Imported(checked(found), report)


def _content(raw: bytes) -> Object:
    try:
        content = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise InputError(f"the file is not JSON: {error}") from None
    if isinstance(content, Mapping) and isinstance(content.get("dashboard"), Mapping):
        content = content["dashboard"]
    if (
        isinstance(content, Mapping)
        and isinstance(content.get("spec"), Mapping)
        and "elements" in content["spec"]
    ):
        raise InputError("the file is in Grafana's schema v2, expected an export in the classic model")
    if not isinstance(content, Mapping) or not isinstance(content.get("panels", content.get("rows")), list):
        raise InputError("the file holds no Grafana dashboard: a list of 'panels' or 'rows' is missing")
    return content


def _uid(content: Object, raw: bytes) -> str:
    uid = _NOT_IN_UID.sub("-", text(content, "uid") or text(content, "title")).strip("-")[:40]
    return uid or hashlib.sha256(raw).hexdigest()[:12]


def _variables(content: Object, report: Report) -> list[Variable]:
    found: dict[str, Variable] = {}
    for one in items(inner(content, "templating"), "list"):
        variable = variable_of(one, report)
        if variable is not None and re.fullmatch(r"[A-Za-z_]\w*", variable.name, re.ASCII):
            found.setdefault(variable.name, variable)
    for one in items(content, "__inputs"):
        name = text(one, "name")
        if text(one, "type") == "constant" and re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII):
            value = text(one, "value")
            constant = Variable(name, "constant", text(one, "label"), value, chosen=[value], hidden=True)
            found.setdefault(name, constant)
    return list(found.values())


def _panels(content: Object, report: Report) -> tuple[list[Panel], list[Row]]:
    panels: list[Panel] = []
    rows: list[Row] = []
    raw = content if content.get("panels") else {"panels": panels_of_rows(content)}
    for one in items(raw, "panels"):
        if text(one, "type") == "row":
            rows.append(_row(one, report))
            continue
        panel = panel_of(one, report)
        if panel is not None:
            panels.append(panel)
    panels.sort(key=lambda panel: (panel.at.y, panel.at.x))
    return panels, rows


def _row(raw: Object, report: Report) -> Row:
    inside = [panel for one in items(raw, "panels") if (panel := panel_of(one, report)) is not None]
    return Row(
        title=text(raw, "title"),
        y=place_of(inner(raw, "gridPos")).y,
        closed=flag(raw, "collapsed"),
        panels=inside,
        repeat=text(raw, "repeat"),
    )
