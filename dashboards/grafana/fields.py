"""Grafana's field options to styles: how values look, and for which series they look otherwise."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from msgspec import structs

from dashboards.documents.model import Link, Override, Style, Threshold, ValueText
from dashboards.grafana.content import Object, flag, inner, items, number, text, texts
from dashboards.grafana.report import Report
from dashboards.grafana.units import unit_of

_BY: Final[Mapping[str, Any]] = {
    "byName": "name",
    "byNames": "names",
    "byRegexp": "regex",
    "byType": "type",
    "byFrameRefID": "query",
}
_DRAW: Final[Mapping[str, Any]] = {"line": "line", "bars": "bars", "points": "points"}
_CURVES: Final[Mapping[str, Any]] = {
    "linear": "linear",
    "smooth": "smooth",
    "stepBefore": "before",
    "stepAfter": "after",
}
_CELLS: Final[Mapping[str, Any]] = {
    "auto": "text",
    "json-view": "text",
    "color-text": "color",
    "color-background": "background",
    "color-background-solid": "background",
    "gradient-gauge": "gauge",
    "lcd-gauge": "gauge",
    "basic": "gauge",
    "gauge": "gauge",
    "sparkline": "sparkline",
}
_SPECIAL: Final = ("null", "nan", "null+nan", "true", "false", "empty")


def style_of(field: Object, where: str, report: Report) -> Style:
    """The style of `fieldConfig.defaults`."""
    found: dict[str, Any] = {}
    for key, value in field.items():
        if key == "custom" and isinstance(value, Mapping):
            for inner_key, one in value.items():
                found.update(_changes(f"custom.{inner_key}", one, where, report))
        else:
            found.update(_changes(key, value, where, report))
    return Style(**found)


def override_of(raw: Object, where: str, report: Report) -> Override | None:
    """One of `fieldConfig.overrides`; None where nothing of it is left."""
    matcher = inner(raw, "matcher")
    by = _BY.get(text(matcher, "id"))
    if by is None:
        report.changed(where, f"an override by {text(matcher, 'id')!r}")
        return None
    found: dict[str, Any] = {}
    for one in items(raw, "properties"):
        found.update(_changes(text(one, "id"), one.get("value"), where, report))
    if not found:
        return None
    options = matcher.get("options")
    if by == "names":
        names = texts(options.get("names") if isinstance(options, Mapping) else options)
        return Override("names", names, Style(**found))
    return Override(by, text(matcher, "options"), Style(**found))


def joined(style: Style, further: Style) -> Style:
    """A style with what another one says put over it."""
    changes = {name: value for name, value in structs.asdict(further).items() if value is not None}
    return structs.replace(style, **changes)


def links_of(raw: Object, key: str = "links") -> list[Link]:
    """Links of a panel, a field or a dashboard that lead somewhere."""
    return [
        Link(url, text(one, "title"), flag(one, "targetBlank"))
        for one in items(raw, key)
        if (url := text(one, "url"))
    ]


def _changes(key: str, value: Any, where: str, report: Report) -> dict[str, Any]:
    read = _PROPERTIES.get(key)
    if read is not None:
        return read(value)
    if key not in _WITHOUT_EFFECT and value not in (None, "", False, [], {}):
        report.ignored(where, f"the field option {key}")
    return {}


def _number(name: str) -> Callable[[Any], dict[str, Any]]:
    def read(value: Any) -> dict[str, Any]:
        found = number({"v": value}, "v")
        return {} if found is None else {name: found}

    return read


def _text(name: str) -> Callable[[Any], dict[str, Any]]:
    return lambda value: {name: value} if isinstance(value, str) and value else {}


def _choice(name: str, known: Mapping[str, Any]) -> Callable[[Any], dict[str, Any]]:
    return lambda value: {name: known[value]} if isinstance(value, str) and value in known else {}


def _whole(name: str) -> Callable[[Any], dict[str, Any]]:
    read = _number(name)
    return lambda value: {key: int(found) for key, found in read(value).items()}


def _colour(value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        return {}
    mode = text(value, "mode")
    if mode in ("fixed", "shades"):
        return {"color": text(value, "fixedColor", "text"), "color_by": "series"}
    if mode == "thresholds":
        return {"color_by": "thresholds"}
    if mode.startswith("continuous-"):
        return {"color_by": "value", "color": mode.removeprefix("continuous-")}
    return {"color_by": "series"} if mode else {}


def _thresholds(value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        return {}
    steps = [Threshold(number(one, "value"), text(one, "color", "green")) for one in items(value, "steps")]
    if not steps:
        return {}
    in_percent = {"thresholds_in_percent": True} if text(value, "mode") == "percentage" else {}
    return {"thresholds": steps, **in_percent}


def _mappings(value: Any) -> dict[str, Any]:
    found: list[ValueText] = []
    for one in items({"v": value}, "v"):
        options = inner(one, "options")
        result = inner(options, "result")
        shown: dict[str, Any] = {"text": text(result, "text"), "color": text(result, "color")}
        kind = text(one, "type")
        if kind == "value":
            found += [
                ValueText(text(each, "text"), text(each, "color"), value=str(key))
                for key, each in options.items()
                if isinstance(each, Mapping)
            ]
        elif kind == "range":
            found.append(ValueText(low=number(options, "from"), high=number(options, "to"), **shown))
        elif kind == "regex":
            found.append(ValueText(regex=text(options, "pattern"), **shown))
        elif kind == "special" and text(options, "match") in _SPECIAL:
            special: Any = text(options, "match")
            found.append(ValueText(special=special, **shown))
        elif "value" in one:  # before Grafana 8
            found.append(ValueText(text(one, "text"), value=text(one, "value")))
    return {"texts": found} if found else {}


def _stacking(value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        return {}
    # An override that takes a series out of the stack says so by a group of false.
    mode = "none" if value.get("group") is False else text(value, "mode", "none")
    group = text(value, "group", "A")
    found: dict[str, Any] = {"stack": mode if mode in ("normal", "percent") else "none"}
    return found | ({"stack_group": group} if group != "A" else {})


def _line(value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping) or text(value, "fill") not in ("dash", "dot"):
        return {}
    return {"dash": ",".join(texts(value.get("dash"))) or "10,10"}


def _scale(value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping) or text(value, "type") not in ("log", "symlog"):
        return {}
    return {"log": int(number(value, "log") or 10)}


def _limits(value: Any) -> dict[str, Any]:
    mode = text(value, "mode", "off") if isinstance(value, Mapping) else "off"
    if mode == "off":
        return {}
    return {"thresholds_drawn": "area" if "area" in mode else "line"}


def _cell(value: Any) -> dict[str, Any]:
    kind = text(value, "type") if isinstance(value, Mapping) else value
    if isinstance(value, Mapping) and kind == "gauge":
        return {"cell": "gauge"}
    return {"cell": _CELLS[kind]} if kind in _CELLS and _CELLS[kind] != "text" else {}


def _hidden(value: Any) -> dict[str, Any]:
    return {"shown": False} if isinstance(value, Mapping) and flag(value, "viz") else {}


def _links(value: Any) -> dict[str, Any]:
    found = links_of({"links": value})
    return {"links": found} if found else {}


_PROPERTIES: Final[Mapping[str, Callable[[Any], dict[str, Any]]]] = {
    "unit": lambda value: {"unit": unit_of(value)} if isinstance(value, str) and value else {},
    "decimals": _whole("decimals"),
    "min": _number("min"),
    "max": _number("max"),
    "noValue": _text("no_value"),
    "displayName": _text("name"),
    "color": _colour,
    "thresholds": _thresholds,
    "mappings": _mappings,
    "links": _links,
    "custom.drawStyle": _choice("draw", _DRAW),
    "custom.lineWidth": _number("width"),
    "custom.fillOpacity": _number("fill"),
    "custom.showPoints": _choice("points", {"auto": "auto", "always": "always", "never": "never"}),
    "custom.lineInterpolation": _choice("curve", _CURVES),
    "custom.lineStyle": _line,
    "custom.spanNulls": lambda value: {"joins_gaps": True} if value else {},
    "custom.stacking": _stacking,
    "custom.transform": lambda value: {"negative": True} if value == "negative-Y" else {},
    "custom.axisPlacement": _choice("axis", {"left": "left", "right": "right", "hidden": "hidden"}),
    "custom.axisLabel": _text("axis_label"),
    "custom.scaleDistribution": _scale,
    "custom.thresholdsStyle": _limits,
    "custom.hideFrom": _hidden,
    "custom.hidden": lambda value: {"shown": False} if value else {},
    "custom.cellOptions": _cell,
    "custom.displayMode": _cell,
    "custom.width": _whole("cell_width"),
    "custom.axisSoftMin": _number("soft_min"),
    "custom.axisSoftMax": _number("soft_max"),
}
_WITHOUT_EFFECT: Final = frozenset(
    {
        "description",
        "fieldMinMax",
        "custom.align",
        "custom.axisBorderShow",
        "custom.axisCenteredZero",
        "custom.axisColorMode",
        "custom.axisGridShow",
        "custom.barAlignment",
        "custom.barWidthFactor",
        "custom.filterable",
        "custom.footer",
        "custom.gradientMode",
        "custom.insertNulls",
        "custom.inspect",
        "custom.minWidth",
        "custom.neutral",
        "custom.pointSize",
        "custom.showValues",
        "custom.wrapText",
    }
)
"""What changes no more than the finish of a drawing here."""
