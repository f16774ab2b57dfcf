"""One dashboard: its variables, and its panels, which the browser asks for and draws (assets/board.js)."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import dash_mantine_components as dmc
import msgspec
from dash import ALL as EVERY
from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html, no_update
from dash.development.base_component import Component

from dashboards.documents.drawing import Section, sections_of
from dashboards.documents.interpolation import ALL
from dashboards.documents.model import Dashboard, Panel
from dashboards.documents.variables import Resolved, resolve
from dashboards.lookup import StoreLookup
from dashboards.messages import empty, failure
from dashboards.services import Services
from dashboards.state import View
from dashboards.timerange import resolve_range
from storage.errors import Error

_SHOWN_OPTIONS = 1_000


def layout(uid: str) -> Component:
    """The page, with a skeleton where the dashboard will be."""
    return html.Div(
        [
            dcc.Store(id="board-uid", data=uid),
            dcc.Store(id="board-drawn"),
            html.Div(dmc.Skeleton(height=320, radius="md"), id="board"),
        ]
    )


def register(app: Dash, services: Services) -> None:
    """Draw the dashboard anew when what is drawn changes: not for every zoom."""

    async def show(search: str, uid: str, drawn: str | None) -> tuple[Any, Any]:
        try:
            content, state = await asyncio.to_thread(_content, services, uid, View.parse(search))
        except Error as error:
            return failure(error), None
        return (no_update, no_update) if state == drawn else (content, state)

    app.callback(
        Output("board", "children"),
        Output("board-drawn", "data"),
        Input("url", "search"),
        Input("board-uid", "data"),
        State("board-drawn", "data"),
    )(show)
    app.clientside_callback(
        ClientsideFunction("swell", "choose"),
        Output({"type": "variable", "name": EVERY}, "aria-busy"),
        Input({"type": "variable", "name": EVERY}, "value"),
        State({"type": "variable", "name": EVERY}, "id"),
        prevent_initial_call=True,
    )


def _content(services: Services, uid: str, view: View) -> tuple[Component, str]:
    kept = services.library.get(uid)
    time_range = resolve_range(view.start, view.end, services.now_ms())
    lookup = StoreLookup(services.catalogue, services.instant, time_range)
    variables = resolve(kept.dashboard, dict(view.variables), lookup)
    sections = sections_of(kept.dashboard, variables)
    raw = msgspec.json.encode([[one.title, one.panels] for one in sections]) + repr(variables).encode()
    state = hashlib.sha256(uid.encode() + raw).hexdigest()
    return content(kept.dashboard, variables, sections), state


def content(
    dashboard: Dashboard, variables: Mapping[str, Resolved], sections: Sequence[Section]
) -> Component:
    """The whole dashboard."""
    chosen = [variable_choice(one) for one in variables.values() if not one.variable.hidden]
    head = html.Div(
        [
            html.H1(dashboard.title, className="board-title"),
            html.Div(chosen, className="variables"),
            html.Div(className="spring"),
            _menu(dashboard.uid),
        ],
        className="board-head",
    )
    if not any(section.panels for section in sections):
        return html.Div([head, empty("Nothing to draw", "This dashboard has no panels yet.")])
    return html.Div([head, *(_section(i, section) for i, section in enumerate(sections))])


def variable_choice(found: Resolved) -> Component:
    """Where a viewer chooses the value of one variable."""
    variable = found.variable
    common: dict[str, Any] = {
        "id": {"type": "variable", "name": variable.name},
        "label": variable.label or variable.name,
        "description": found.error or None,
        "error": bool(found.error),
        "size": "xs",
    }
    if variable.kind == "textbox":
        return dmc.TextInput(value="".join(found.chosen.values), debounce=400, **common)
    names = list(dict.fromkeys([*found.chosen.values, *found.options]))[:_SHOWN_OPTIONS]
    data = [{"value": name, "label": name} for name in names]
    if variable.has_all:
        data.insert(0, {"value": ALL, "label": "All"})
    if variable.multi:
        values = [ALL] if found.is_all else list(found.chosen.values)
        return dmc.MultiSelect(data=data, value=values, searchable=True, limit=200, **common)
    value = ALL if found.is_all else next(iter(found.chosen.values), None)
    return dmc.Select(data=data, value=value, searchable=True, limit=200, allowDeselect=False, **common)


def _menu(uid: str) -> Component:
    base = f"/api/v1/dashboards/{uid}"
    links = (("YAML", f"{base}?format=yaml"), ("Grafana JSON", f"{base}?format=grafana"))
    items = [
        dmc.MenuItem(html.A(title, href=address, download=""), className="plain-item")
        for title, address in links
    ]
    button = dmc.Button("Export", variant="default", size="xs")
    return dmc.Menu([dmc.MenuTarget(button), dmc.MenuDropdown(items)], position="bottom-end", shadow="md")


def _section(number: int, section: Section) -> Component:
    grid = html.Div(
        [_panel(f"board-{number}-{i}", panel) for i, panel in enumerate(section.panels)],
        className="board-grid",
    )
    if not section.title:
        return grid
    return html.Details(
        [html.Summary(html.H2(section.title)), grid], open=not section.closed, className="board-section"
    )


def _panel(panel_id: str, panel: Panel) -> Component:
    at = panel.at
    heading: list[Component] = []
    if panel.title:
        note = [html.Span("i", className="hint-mark", title=panel.description)] if panel.description else []
        links = [
            html.A("↗", href=link.url, title=link.title, target="_blank" if link.new_tab else "_self")
            for link in panel.links
            if link.url.startswith(("https://", "http://", "/"))
        ]
        heading = [
            html.H3([html.Span(panel.title, title=panel.title), *note, *links], className="panel-title")
        ]
    place = {"gridColumn": f"{at.x + 1} / span {at.w}", "gridRow": f"{at.y + 1} / span {at.h}"}
    style = f"card board-panel is-{panel.kind}"
    if panel.kind == "text":
        body = dcc.Markdown(panel.look.markdown, className="board-text", link_target="_blank")
        return html.Section([*heading, body], className=style, style=place)
    canvas = html.Div(
        id=panel_id,
        className="panel-canvas board-canvas",
        role="img",
        **{"aria-label": panel.title or panel.kind, "data-panel": _told(panel)},
    )
    return html.Section([*heading, canvas], className=style, style=place)


def _told(panel: Panel) -> str:
    """What the browser needs of a panel, as JSON."""
    found = msgspec.to_builtins(panel)
    for key in ("title", "description", "at", "links", "repeat", "repeat_across"):
        found.pop(key)
    found["style"] = {key: value for key, value in found["style"].items() if value is not None}
    for override in found["overrides"]:
        override["style"] = {key: value for key, value in override["style"].items() if value is not None}
    return msgspec.json.encode(found).decode()
