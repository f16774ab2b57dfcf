"""Panels of Grafana's first years, rewritten as those that took their place, so that there is one way in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from dashboards.grafana.content import Object, flag, inner, items, number, text, whole
from dashboards.grafana.report import Report

_CALCULATIONS: Final[Mapping[str, str]] = {
    "avg": "mean",
    "current": "lastNotNull",
    "total": "sum",
    "min": "min",
    "max": "max",
    "first": "first",
    "delta": "delta",
    "diff": "diff",
    "range": "range",
    "name": "name",
}
_ROW_PIXELS: Final = 38
_OLD_COLUMNS: Final = 12
_OLD_HEIGHT: Final = 250


def panels_of_rows(rows: Object) -> list[dict[str, Any]]:
    """Panels of a dashboard that has rows in place of a grid: each with its place, and a row's own panel."""
    found: list[dict[str, Any]] = []
    y = 0
    for row in items(rows, "rows"):
        heading = {"type": "row", "title": text(row, "title"), "repeat": row.get("repeat")}
        closed = flag(row, "collapse")
        inside: list[dict[str, Any]] = []
        if flag(row, "showTitle") or closed or row.get("repeat"):
            heading["gridPos"] = {"x": 0, "y": y, "w": 24, "h": 1}
            y += 1
            found.append(heading | {"collapsed": closed, "panels": inside if closed else []})
        y = _place_row(row, y, inside)
        if not closed or not found:
            found.extend(inside)
    return found


def _place_row(row: Object, y: int, inside: list[dict[str, Any]]) -> int:
    x, line = 0, 0
    for panel in items(row, "panels"):
        width = max(1, min(24, whole(panel, "span", 4) * 24 // _OLD_COLUMNS))
        height = _height(panel, row)
        if x + width > 24:
            x, y, line = 0, y + line, 0
        inside.append(dict(panel) | {"gridPos": {"x": x, "y": y, "w": width, "h": height}})
        x, line = x + width, max(line, height)
    return y + line


def _height(panel: Object, row: Object) -> int:
    for one in (panel, row):
        size = number({"px": text(one, "height").removesuffix("px")}, "px")
        if size:
            return max(3, round(size / _ROW_PIXELS))
    return max(3, round(_OLD_HEIGHT / _ROW_PIXELS))


def upgraded(panel: Object, report: Report) -> Object:
    """The panel as a newer Grafana would have written it; others come back as they are."""
    upgrade = _UPGRADES.get(text(panel, "type"))
    return upgrade(panel, report) if upgrade else panel


def _graph(panel: Object, report: Report) -> Object:
    left, right = ([*items(panel, "yaxes"), {}, {}])[:2]
    mode = text(inner(panel, "xaxis"), "mode", "time")
    custom: dict[str, Any] = {
        "drawStyle": _draw(panel),
        "fillOpacity": whole(panel, "fill", 1) * 10 if flag(panel, "lines", True) else 0,
        "lineWidth": whole(panel, "linewidth", 1),
        "lineInterpolation": "stepAfter" if flag(panel, "steppedLine") else "linear",
        "spanNulls": text(panel, "nullPointMode") == "connected",
        "showPoints": "always" if flag(panel, "points") else "never",
        "axisLabel": text(left, "label"),
        "scaleDistribution": _scale(left),
        "stacking": {"mode": _stacking(panel), "group": "A"},
        "axisPlacement": "auto" if flag(left, "show", True) else "hidden",
    }
    defaults = {
        "unit": text(left, "format"),
        "min": number(left, "min"),
        "max": number(left, "max"),
        "decimals": number(panel, "decimals"),
        "custom": custom,
        **_limits(panel, custom),
    }
    kind = {"time": "timeseries", "histogram": "histogram"}.get(mode, "barchart")
    overrides = [
        *_colours(panel),
        *(_series(one, right, report, text(panel, "title")) for one in items(panel, "seriesOverrides")),
    ]
    return {
        **panel,
        "type": kind,
        "fieldConfig": {"defaults": defaults, "overrides": overrides},
        "options": {"legend": _legend(inner(panel, "legend"))},
    }


def _draw(panel: Object) -> str:
    if flag(panel, "lines", True):
        return "line"
    return "bars" if flag(panel, "bars") else "points"


def _scale(axis: Object) -> Object:
    base = whole(axis, "logBase", 1)
    return {"type": "log", "log": base} if base > 1 else {"type": "linear"}


def _stacking(panel: Object) -> str:
    if not flag(panel, "stack"):
        return "none"
    return "percent" if flag(panel, "percentage") else "normal"


def _limits(panel: Object, custom: dict[str, Any]) -> dict[str, Any]:
    steps = [
        {"value": number(one, "value"), "color": _limit_colour(one)}
        for one in items(panel, "thresholds")
        if number(one, "value") is not None
    ]
    if not steps:
        return {}
    custom["thresholdsStyle"] = {
        "mode": "area" if any(flag(o, "fill") for o in items(panel, "thresholds")) else "line"
    }
    return {"thresholds": {"mode": "absolute", "steps": [{"value": None, "color": "transparent"}, *steps]}}


def _limit_colour(limit: Object) -> str:
    mode = text(limit, "colorMode", "critical")
    known = {"critical": "red", "warning": "orange", "ok": "green"}
    return known.get(mode) or text(limit, "lineColor") or text(limit, "fillColor", "red")


def _colours(panel: Object) -> list[dict[str, Any]]:
    return [
        {"matcher": {"id": "byName", "options": name}, "properties": [_fixed(colour)]}
        for name, colour in inner(panel, "aliasColors").items()
        if isinstance(colour, str)
    ]


def _fixed(colour: str) -> dict[str, Any]:
    return {"id": "color", "value": {"mode": "fixed", "fixedColor": colour}}


def _series(override: Object, right: Object, report: Report, title: str) -> dict[str, Any]:
    alias = text(override, "alias")
    is_pattern = len(alias) > 1 and alias.startswith("/") and alias.rstrip("gi").endswith("/")
    properties: list[dict[str, Any]] = []
    for key, value in override.items():
        made = _property(key, value, right)
        properties.extend(made or ())
        if made is None and key not in ("alias", "$$hashKey", "zindex"):
            report.ignored(title, f"{key} of the series {alias!r}")
    return {
        "matcher": {"id": "byRegexp" if is_pattern else "byName", "options": alias},
        "properties": properties,
    }


def _property(key: str, value: Any, right: Object) -> list[dict[str, Any]] | None:
    if key == "yaxis":
        if value != 2:
            return []
        own = {"unit": text(right, "format"), "min": number(right, "min"), "max": number(right, "max")}
        further = [{"id": name, "value": one} for name, one in own.items() if one not in (None, "")]
        return [{"id": "custom.axisPlacement", "value": "right"}, *further]
    if key == "color" and isinstance(value, str):
        return [_fixed(value)]
    if key in ("fill", "fillBelowTo"):
        return [{"id": "custom.fillOpacity", "value": value * 10}] if isinstance(value, int) else []
    simple = {"linewidth": "custom.lineWidth", "transform": "custom.transform", "dashLength": ""}
    if key in simple:
        return [{"id": simple[key], "value": value}] if simple[key] else []
    if key == "dashes":
        return [{"id": "custom.lineStyle", "value": {"fill": "dash", "dash": [10, 10]}}] if value else []
    if key == "stack":
        group = {"mode": "normal" if value else "none", "group": value if isinstance(value, str) else "A"}
        return [{"id": "custom.stacking", "value": group}]
    if key in ("bars", "points", "lines"):
        return (
            [{"id": "custom.drawStyle", "value": key.removesuffix("s") if key == "lines" else key}]
            if value
            else []
        )
    if key == "legend":
        return []
    if key == "hiddenSeries":
        return [{"id": "custom.hideFrom", "value": {"viz": True}}] if value else []
    if key == "nullPointMode":
        return [{"id": "custom.spanNulls", "value": value == "connected"}]
    return None


def _legend(legend: Object) -> dict[str, Any]:
    shown = [new for old, new in _CALCULATIONS.items() if flag(legend, old)]
    is_table = flag(legend, "alignAsTable")
    return {
        "displayMode": "table" if is_table else "list",
        "placement": "right" if flag(legend, "rightSide") else "bottom",
        "showLegend": flag(legend, "show", True),
        "calcs": shown if flag(legend, "values") else [],
        "sortBy": _CALCULATIONS.get(text(legend, "sort"), ""),
        "sortDesc": flag(legend, "sortDesc"),
    }


def _singlestat(panel: Object, report: Report) -> Object:
    gauge = inner(panel, "gauge")
    is_gauge = flag(gauge, "show")
    for affix in ("prefix", "postfix"):
        if text(panel, affix).strip():
            report.changed(text(panel, "title"), f"{affix} {text(panel, affix)!r}")
    defaults = {
        "unit": text(panel, "format"),
        "decimals": number(panel, "decimals"),
        "noValue": text(panel, "nullText"),
        "min": number(gauge, "minValue") if is_gauge else None,
        "max": number(gauge, "maxValue") if is_gauge else None,
        "thresholds": {"mode": "absolute", "steps": _steps(panel)},
        "color": {"mode": "thresholds"},
        "mappings": _mappings(panel),
    }
    coloured = (
        "background" if flag(panel, "colorBackground") else "value" if flag(panel, "colorValue") else "none"
    )
    options = {
        "reduceOptions": {"calcs": [_CALCULATIONS.get(text(panel, "valueName"), "mean")]},
        "colorMode": coloured,
        "graphMode": "area" if flag(inner(panel, "sparkline"), "show") else "none",
        "textMode": "name" if text(panel, "valueName") == "name" else "value",
        "showThresholdLabels": flag(gauge, "thresholdLabels"),
        "showThresholdMarkers": flag(gauge, "thresholdMarkers", True),
    }
    kind = "gauge" if is_gauge else "stat"
    return {**panel, "type": kind, "fieldConfig": {"defaults": defaults, "overrides": []}, "options": options}


def _steps(panel: Object) -> list[dict[str, Any]]:
    colours = [one for one in panel.get("colors") or () if isinstance(one, str)] or ["green", "orange", "red"]
    bounds = [number({"v": part}, "v") for part in text(panel, "thresholds").split(",") if part.strip()]
    values = [None, *(one for one in bounds if one is not None)]
    return [{"value": v, "color": colours[min(i, len(colours) - 1)]} for i, v in enumerate(values)]


def _mappings(panel: Object) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for one in items(panel, "valueMaps"):
        value, shown = text(one, "value"), {"text": text(one, "text")}
        if value == "null":
            found.append({"type": "special", "options": {"match": "null", "result": shown}})
        else:
            found.append({"type": "value", "options": {value: shown}})
    for one in items(panel, "rangeMaps"):
        if text(one, "from") != "null":
            limits = {"from": number(one, "from"), "to": number(one, "to")}
            found.append({"type": "range", "options": {**limits, "result": {"text": text(one, "text")}}})
    return found


def _old_table(panel: Object, report: Report) -> Object:
    for style in items(panel, "styles"):
        if text(style, "type") not in ("hidden", "date", "number", "string"):
            report.ignored(text(panel, "title"), f"the style of the column {text(style, 'pattern')!r}")
    hidden = {text(one, "pattern"): True for one in items(panel, "styles") if text(one, "type") == "hidden"}
    renamed = {text(o, "pattern"): text(o, "alias") for o in items(panel, "styles") if text(o, "alias")}
    steps = [{"id": "organize", "options": {"excludeByName": hidden, "renameByName": renamed}}]
    return {
        **panel,
        "type": "table",
        "fieldConfig": {"defaults": {}, "overrides": []},
        "transformations": steps,
    }


def _pie(panel: Object, _: Report) -> Object:
    calculation = _CALCULATIONS.get(text(panel, "valueName"), "lastNotNull")
    return {
        **panel,
        "type": "piechart",
        "fieldConfig": {"defaults": {"unit": text(panel, "format")}, "overrides": _colours(panel)},
        "options": {
            "pieType": text(panel, "pieType", "pie"),
            "reduceOptions": {"calcs": [calculation]},
            "legend": {"showLegend": flag(inner(panel, "legend"), "show", True)},
        },
    }


def _old_text(panel: Object, _: Report) -> Object:
    if "options" in panel:
        return panel
    return {**panel, "options": {"mode": text(panel, "mode", "markdown"), "content": text(panel, "content")}}


def _old_heatmap(panel: Object, _: Report) -> Object:
    if "dataFormat" not in panel:
        return panel
    options = {
        "calculate": text(panel, "dataFormat") == "timeseries",
        "yAxis": {"unit": text(inner(panel, "yAxis"), "format")},
        "color": {"scheme": text(inner(panel, "color"), "colorScheme").removeprefix("interpolate")},
    }
    return {**panel, "options": options}


_UPGRADES: Final[Mapping[str, Callable[[Object, Report], Object]]] = {
    "graph": _graph,
    "singlestat": _singlestat,
    "grafana-singlestat-panel": _singlestat,
    "table-old": _old_table,
    "grafana-piechart-panel": _pie,
    "text": _old_text,
    "heatmap": _old_heatmap,
}
