"""One panel of Grafana to one of ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, get_args

from msgspec import structs

from dashboards.documents.model import (
    COLUMNS,
    Calculation,
    Kind,
    Legend,
    Look,
    Panel,
    Place,
    Query,
    Reduce,
    Step,
    StepName,
    Style,
)
from dashboards.grafana.content import Object, flag, inner, items, span, text, texts, whole
from dashboards.grafana.fields import links_of, override_of, style_of
from dashboards.grafana.legacy import upgraded
from dashboards.grafana.report import Report
from dashboards.grafana.units import unit_of

_KINDS: Final[Mapping[str, Kind]] = {
    "timeseries": "timeseries",
    "trend": "timeseries",
    "stat": "stat",
    "gauge": "gauge",
    "bargauge": "bargauge",
    "table": "table",
    "heatmap": "heatmap",
    "histogram": "histogram",
    "piechart": "pie",
    "barchart": "bar",
    "state-timeline": "state-timeline",
    "status-history": "state-timeline",
    "text": "text",
}
_CALCULATIONS: Final = frozenset(get_args(Calculation))
_STEPS: Final[Mapping[str, str]] = {"seriesToColumns": "joinByField"}
_KNOWN_STEPS: Final = frozenset(get_args(StepName))


def panel_of(raw: Object, report: Report) -> Panel | None:
    """A panel; None, and a note, where there is none of its kind."""
    report.panels += 1
    where = text(raw, "title") or text(raw, "type", "a panel")
    if "libraryPanel" in raw and "type" not in raw:
        report.left_out(where, "a library panel, which is not in this file")
        return None
    kind = _KINDS.get(text(upgraded(raw, report), "type"))
    if kind is None:
        report.left_out(where, f"a panel of the kind {text(raw, 'type')!r}")
        return None
    report.supported += 1
    return _panel(kind, upgraded(raw, report), where, report)


def _panel(kind: Kind, raw: Object, where: str, report: Report) -> Panel:
    options, fields = inner(raw, "options"), inner(raw, "fieldConfig")
    overrides = [override_of(one, where, report) for one in items(fields, "overrides")]
    style = style_of(inner(fields, "defaults"), where, report)
    return Panel(
        kind=kind,
        title=text(raw, "title"),
        at=place_of(inner(raw, "gridPos")),
        queries=_queries(raw, where, report),
        style=_heat(style, options) if kind == "heatmap" else style,
        overrides=[one for one in overrides if one is not None],
        steps=_steps(raw, where, report),
        reduce=_reduce(inner(options, "reduceOptions")),
        legend=_legend(inner(options, "legend")),
        look=_look(raw, options),
        description=text(raw, "description"),
        links=links_of(raw),
        repeat=text(raw, "repeat"),
        repeat_across=text(raw, "repeatDirection", "h") == "h",
        back=span(raw, "timeShift"),
        span=span(raw, "timeFrom"),
        min_step=span(raw, "interval"),
    )


def place_of(raw: Object) -> Place:
    """A place on the grid, moved and cut to be one."""
    x = min(max(0, whole(raw, "x", 0)), COLUMNS - 1)
    width = min(max(1, whole(raw, "w", COLUMNS // 2)), COLUMNS - x)
    height = min(max(1, whole(raw, "h", 8)), COLUMNS * 4)
    return Place(x, max(0, whole(raw, "y", 0)), width, height)


def _queries(raw: Object, where: str, report: Report) -> list[Query]:
    found = []
    for i, target in enumerate(items(raw, "targets")):
        expression = text(target, "expr").strip()
        if not expression:
            if text(target, "type") or text(target, "rawSql") or text(target, "query"):
                report.left_out(where, f"the query {text(target, 'refId')}, which is not PromQL")
            continue
        shape = {"table": "table", "heatmap": "buckets"}.get(text(target, "format"), "series")
        legend = text(target, "legendFormat")
        found.append(
            Query(
                expression,
                legend="" if legend == "__auto" else legend,
                ref=text(target, "refId", chr(65 + i % 26)),
                instant=flag(target, "instant"),
                shape=shape,  # type: ignore[arg-type] # one of the three texts above
                min_step=span(target, "interval"),
                hidden=flag(target, "hide"),
            )
        )
    return found


def _steps(raw: Object, where: str, report: Report) -> list[Step]:
    found = []
    for one in items(raw, "transformations"):
        name = _STEPS.get(text(one, "id"), text(one, "id"))
        if flag(one, "disabled"):
            continue
        if name not in _KNOWN_STEPS:
            report.changed(where, f"the transformation {name!r}")
            continue
        found.append(Step(name, dict(inner(one, "options"))))  # type: ignore[arg-type] # it is one of them
    return found


def _reduce(raw: Object) -> Reduce:
    return Reduce(
        by=_calculation((texts(raw.get("calcs")) or ["lastNotNull"])[0]),
        fields=text(raw, "fields"),
        all_values=flag(raw, "values"),
    )


def _calculation(name: str) -> Calculation:
    return name if name in _CALCULATIONS else "lastNotNull"  # type: ignore[return-value] # checked


def _legend(raw: Object) -> Legend:
    hidden = not flag(raw, "showLegend", flag(raw, "show", True)) or text(raw, "displayMode") == "hidden"
    return Legend(
        place="hidden" if hidden else "right" if text(raw, "placement") == "right" else "bottom",
        table=text(raw, "displayMode") == "table",
        shows=[_calculation(one) for one in texts(raw.get("calcs")) if one in _CALCULATIONS],
        sort=text(raw, "sortBy"),
        descending=flag(raw, "sortDesc", True),
    )


def _look(raw: Object, options: Object) -> Look:
    first = next(items(options, "sortBy"), {})
    coloured = text(options, "colorMode", "value")
    shown = text(options, "textMode", "auto")
    content = text(options, "content")
    filled = text(options, "displayMode", "gradient")
    return Look(
        color="background"
        if coloured.startswith("background")
        else "none"
        if coloured == "none"
        else "value",
        graph="area" if text(options, "graphMode") == "area" else "none",
        shows=shown if shown in ("value", "name", "value_and_name", "none") else "auto",  # type: ignore[arg-type]
        vertical=text(options, "orientation") == "vertical",
        fill=filled if filled in ("gradient", "lcd") else "basic",  # type: ignore[arg-type] # as the line says
        labels=flag(options, "showThresholdLabels"),
        markers=flag(options, "showThresholdMarkers", True),
        scheme=text(inner(options, "color"), "scheme"),
        donut=text(options, "pieType") == "donut",
        joins=flag(options, "mergeValues", True),
        markdown=content,
        is_html=text(options, "mode") == "html",
        sort=text(first, "displayName"),
        descending=flag(first, "desc"),
        footer=[_calculation(one) for one in texts(inner(options, "footer").get("reducer"))]
        if flag(inner(options, "footer"), "show")
        else [],
    )


def _heat(style: Style, options: Object) -> Style:
    unit = text(inner(options, "yAxis"), "unit")
    return structs.replace(style, unit=unit_of(unit)) if unit else style
