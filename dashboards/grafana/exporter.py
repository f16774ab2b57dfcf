"""A dashboard of ours as Grafana's JSON, for those who go back or look from both."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from msgspec import structs, to_builtins

from dashboards.documents.model import (
    Dashboard,
    Legend,
    Link,
    Override,
    Panel,
    Query,
    Row,
    Style,
    ValueText,
    Variable,
)
from dashboards.grafana.units import grafana_unit

_SCHEMA_VERSION: Final = 39
_SOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}
_KINDS: Final[Mapping[str, str]] = {"pie": "piechart", "bar": "barchart"}
_BY: Final[Mapping[str, str]] = {
    "name": "byName",
    "names": "byNames",
    "regex": "byRegexp",
    "type": "byType",
    "query": "byFrameRefID",
}
_PLAIN: Final[Mapping[str, str]] = {
    "decimals": "decimals",
    "min": "min",
    "max": "max",
    "no_value": "noValue",
    "name": "displayName",
    "draw": "custom.drawStyle",
    "width": "custom.lineWidth",
    "fill": "custom.fillOpacity",
    "points": "custom.showPoints",
    "axis": "custom.axisPlacement",
    "axis_label": "custom.axisLabel",
    "joins_gaps": "custom.spanNulls",
    "cell_width": "custom.width",
    "soft_min": "custom.axisSoftMin",
    "soft_max": "custom.axisSoftMax",
}
_CURVES: Final[Mapping[str, str]] = {"before": "stepBefore", "after": "stepAfter"}
_CELLS: Final[Mapping[str, str]] = {
    "text": "auto",
    "color": "color-text",
    "background": "color-background",
    "gauge": "gauge",
    "sparkline": "sparkline",
}
_SORTS: Final = ("none", "text", "text-desc", "number", "number-desc", "", "", "natural", "natural-desc")


def export_grafana(dashboard: Dashboard) -> dict[str, Any]:
    """The dashboard in Grafana's classic model. Reading it back with `import_grafana` gives it again."""
    panels = [_panel(panel) for panel in dashboard.panels] + [_row(row) for row in dashboard.rows]
    panels.sort(key=lambda panel: (panel["gridPos"]["y"], panel["type"] != "row", panel["gridPos"]["x"]))
    for number, panel in enumerate(panels, 1):
        panel["id"] = number
    source = {"name": "datasource", "type": "datasource", "query": "prometheus", "hide": 2}
    variables = [source, *(_variable(one) for one in dashboard.variables)]
    return {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "description": dashboard.description,
        "tags": dashboard.tags,
        "schemaVersion": _SCHEMA_VERSION,
        "time": {"from": dashboard.start, "to": dashboard.end},
        "refresh": dashboard.refresh,
        "links": [_link(one) | {"type": "link"} for one in dashboard.links],
        "templating": {"list": variables},
        "panels": panels,
    }


def _row(row: Row) -> dict[str, Any]:
    return {
        "type": "row",
        "title": row.title,
        "collapsed": row.closed,
        "gridPos": {"x": 0, "y": row.y, "w": 24, "h": 1},
        "panels": [_panel(panel) for panel in row.panels],
        **({"repeat": row.repeat} if row.repeat else {}),
    }


def _panel(panel: Panel) -> dict[str, Any]:
    found: dict[str, Any] = {
        "type": _KINDS.get(panel.kind, panel.kind),
        "title": panel.title,
        "description": panel.description,
        "gridPos": to_builtins(panel.at),
        "datasource": _SOURCE,
        "targets": [_target(query) for query in panel.queries],
        "fieldConfig": {
            "defaults": _nested(_options(panel.style)),
            "overrides": [_override(one) for one in panel.overrides],
        },
        "options": _look(panel),
        "transformations": [{"id": step.do, "options": step.options} for step in panel.steps],
        "links": [_link(one) for one in panel.links],
    }
    further = {"timeShift": panel.back, "timeFrom": panel.span, "interval": panel.min_step}
    found |= {key: value for key, value in further.items() if value}
    if panel.repeat:
        found |= {"repeat": panel.repeat, "repeatDirection": "h" if panel.repeat_across else "v"}
    return found


def _target(query: Query) -> dict[str, Any]:
    shape = {"table": "table", "buckets": "heatmap"}.get(query.shape, "time_series")
    return {
        "refId": query.ref,
        "expr": query.expr,
        "legendFormat": query.legend or "__auto",
        "instant": query.instant,
        "range": not query.instant,
        "format": shape,
        "interval": query.min_step,
        "hide": query.hidden,
        "datasource": _SOURCE,
    }


def _options(style: Style) -> dict[str, Any]:
    """Field options by their ids, as overrides name them."""
    given = {name: value for name, value in structs.asdict(style).items() if value is not None}
    found = {_PLAIN[name]: value for name, value in given.items() if name in _PLAIN}
    if "color_by" in given or "color" in given:
        found["color"] = _colour(style)
    for name, (key, write) in _WRITTEN.items():
        if name in given:
            found[key] = write(style)
    return found


def _colour(style: Style) -> dict[str, Any]:
    if style.color_by == "thresholds":
        return {"mode": "thresholds"}
    if style.color_by == "value":
        return {"mode": f"continuous-{style.color or 'GrYlRd'}"}
    return {"mode": "fixed", "fixedColor": style.color} if style.color else {"mode": "palette-classic"}


def _mapping(one: ValueText) -> dict[str, Any]:
    shown = {key: value for key, value in (("text", one.text), ("color", one.color)) if value}
    if one.value is not None:
        return {"type": "value", "options": {one.value: shown}}
    if one.regex is not None:
        return {"type": "regex", "options": {"pattern": one.regex, "result": shown}}
    if one.special is not None:
        return {"type": "special", "options": {"match": one.special, "result": shown}}
    return {"type": "range", "options": {"from": one.low, "to": one.high, "result": shown}}


def _nested(options: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {key: value for key, value in options.items() if not key.startswith("custom.")}
    custom = {key.removeprefix("custom."): options[key] for key in options if key.startswith("custom.")}
    return found | ({"custom": custom} if custom else {})


def _override(one: Override) -> dict[str, Any]:
    options: Any = {"mode": "include", "names": one.of} if one.by == "names" else one.of
    properties = [{"id": key, "value": value} for key, value in _options(one.style).items()]
    return {"matcher": {"id": _BY[one.by], "options": options}, "properties": properties}


def _look(panel: Panel) -> dict[str, Any]:
    look = panel.look
    reduce = {"calcs": [panel.reduce.by], "fields": panel.reduce.fields, "values": panel.reduce.all_values}
    return {
        "legend": _legend(panel.legend),
        "reduceOptions": reduce,
        "colorMode": look.color,
        "graphMode": look.graph,
        "textMode": look.shows,
        "orientation": "vertical" if look.vertical else "horizontal",
        "displayMode": look.fill,
        "showThresholdLabels": look.labels,
        "showThresholdMarkers": look.markers,
        "mergeValues": look.joins,
        "mode": "html" if look.is_html else "markdown",
        "content": look.markdown,
        "pieType": "donut" if look.donut else "pie",
        "color": {"mode": "scheme", "scheme": look.scheme},
        "sortBy": [{"displayName": look.sort, "desc": look.descending}] if look.sort else [],
        "footer": {"show": bool(look.footer), "reducer": look.footer},
    }


def _legend(legend: Legend) -> dict[str, Any]:
    return {
        "showLegend": legend.place != "hidden",
        "displayMode": "table" if legend.table else "list",
        "placement": legend.place if legend.place != "hidden" else "bottom",
        "calcs": legend.shows,
        "sortBy": legend.sort,
        "sortDesc": legend.descending,
    }


def _link(link: Link) -> dict[str, Any]:
    return {"url": link.url, "title": link.title, "targetBlank": link.new_tab}


def _variable(variable: Variable) -> dict[str, Any]:
    value: Any = variable.chosen if variable.multi else "".join(variable.chosen[:1])
    query: Any = {"query": variable.query, "refId": "A"} if variable.kind == "query" else variable.query
    return {
        "name": variable.name,
        "type": variable.kind,
        "label": variable.label,
        "query": query,
        "regex": variable.regex,
        "multi": variable.multi,
        "includeAll": variable.has_all,
        "allValue": variable.all_value,
        "current": {"value": value, "text": value},
        "sort": _SORTS.index(variable.sort),
        "hide": 2 if variable.hidden else 0,
        "description": variable.description,
        **({"datasource": _SOURCE, "refresh": 2} if variable.kind == "query" else {}),
    }


def _dash(style: Style) -> dict[str, Any]:
    lengths = [float(part) for part in (style.dash or "").split(",")]
    return {"fill": "dash", "dash": [int(one) if one == int(one) else one for one in lengths]}


_WRITTEN: Final[Mapping[str, tuple[str, Callable[[Style], Any]]]] = {
    "unit": ("unit", lambda style: grafana_unit(style.unit or "")),
    "thresholds": (
        "thresholds",
        lambda style: {
            "mode": "percentage" if style.thresholds_in_percent else "absolute",
            "steps": to_builtins(style.thresholds),
        },
    ),
    "texts": ("mappings", lambda style: [_mapping(one) for one in style.texts or ()]),
    "links": ("links", lambda style: [_link(one) for one in style.links or ()]),
    "curve": ("custom.lineInterpolation", lambda style: _CURVES.get(style.curve or "", style.curve)),
    "dash": ("custom.lineStyle", _dash),
    "stack": ("custom.stacking", lambda style: {"mode": style.stack, "group": style.stack_group or "A"}),
    "negative": ("custom.transform", lambda style: "negative-Y" if style.negative else ""),
    "log": ("custom.scaleDistribution", lambda style: {"type": "log", "log": style.log}),
    "thresholds_drawn": ("custom.thresholdsStyle", lambda style: {"mode": style.thresholds_drawn}),
    "shown": ("custom.hideFrom", lambda style: {"viz": not style.shown}),
    "cell": ("custom.cellOptions", lambda style: {"type": _CELLS[style.cell or "text"]}),
}
"""Field options that are written otherwise than kept, by our name: Grafana's id and how."""
