"""All dashboards, and the way in for those of Grafana."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import Dash, Input, Output, State, dcc, html, no_update
from dash.development.base_component import Component

from dashboards.grafana.importer import import_grafana
from dashboards.grafana.report import Report
from dashboards.library import Kept, Library
from dashboards.messages import failure
from dashboards.services import Services
from dashboards.shell import href
from dashboards.state import View
from storage.errors import Error, InputError

PATH = "dashboards"


def layout(_: View) -> Component:
    """The page, with a skeleton where the list will be."""
    return html.Div(
        [
            html.H1("Dashboards", className="visually-hidden"),
            html.Div(
                [
                    dmc.TextInput(
                        id="boards-search",
                        placeholder="Search by title or tag",
                        debounce=150,
                        className="grow",
                        **{"aria-label": "Search dashboards"},
                    ),
                    dcc.Upload(
                        dmc.Button("Import from Grafana", variant="default"),
                        id="boards-import",
                        accept=".json,.yaml,.yml",
                        multiple=True,
                    ),
                ],
                className="toolbar",
            ),
            html.Div(id="boards-imported", role="status"),
            html.Div(dmc.Skeleton(height=240, radius="md"), id="boards"),
        ]
    )


def register(app: Dash, services: Services) -> None:
    """Keep the list current, and take files."""

    async def show(text: str | None, _: object, search: str) -> Component:
        try:
            every = await asyncio.to_thread(services.library.every)
        except Error as error:
            return failure(error)
        return listed(every, text or "", View.parse(search))

    async def take(contents: Sequence[str] | None, names: Sequence[str] | None) -> Any:
        if not contents or not names:
            return no_update
        return [
            await asyncio.to_thread(_taken, services.library, *pair)
            for pair in zip(names, contents, strict=True)
        ]

    app.callback(
        Output("boards", "children"),
        Input("boards-search", "value"),
        Input("boards-imported", "children"),
        State("url", "search"),
    )(show)
    app.callback(
        Output("boards-imported", "children"),
        Input("boards-import", "contents"),
        State("boards-import", "filename"),
        prevent_initial_call=True,
    )(take)


def listed(every: Sequence[Kept], text: str, view: View) -> Component:
    """Cards of the dashboards whose title, tag or description holds the text."""
    words = text.casefold().split()
    found = [kept for kept in every if all(word in _searched(kept) for word in words)]
    if not found:
        return html.Section(
            html.Div(
                [html.H3("No dashboard matches"), html.P(f"None has {text!r} in its title or tags.")],
                className="empty",
            ),
            className="card",
        )
    kept_view = View(start=view.start, end=view.end, refresh_s=view.refresh_s)
    return html.Div([_card(kept, kept_view) for kept in found], className="board-list")


def _searched(kept: Kept) -> str:
    dashboard = kept.dashboard
    return " ".join([dashboard.title, dashboard.description, *dashboard.tags]).casefold()


def _card(kept: Kept, view: View) -> Component:
    dashboard = kept.dashboard
    panels = len(dashboard.every_panel())
    origin = "built in" if kept.is_builtin else f"version {kept.version}"
    tags = [html.Span(tag, className="label") for tag in dashboard.tags]
    return dcc.Link(
        [
            html.Strong(dashboard.title),
            html.Span(f"{panels} {'panel' if panels == 1 else 'panels'} · {origin}", className="muted"),
            html.Span(tags, className="chips") if tags else html.Span(),
        ],
        href=href(f"{PATH}/{dashboard.uid}", view),
        className="card board-card",
    )


def _taken(library: Library, name: str, content: str) -> Component:
    """What became of one file."""
    try:
        raw = base64.b64decode(content.partition(",")[2], validate=True)
        imported = import_grafana(raw)
        kept = library.save(imported.dashboard, None)
    except (Error, binascii.Error) as error:
        return failure(
            error if isinstance(error, Error) else InputError(f"{name} did not arrive whole: {error}")
        )
    return _report(name, kept, imported.report)


def _report(name: str, kept: Kept, report: Report) -> Component:
    dashboard = kept.dashboard
    lost = [note for note in report.notes if note.effect != "ignored"]
    rows = [html.Li(f"{note.where}: {note.what} ({note.effect})") for note in lost]
    link = dcc.Link(
        dashboard.title, href=href(f"{PATH}/{dashboard.uid}", View(start=dashboard.start, end=dashboard.end))
    )
    text = f" has {report.supported} of {report.panels} panels"
    return html.Section(
        [
            html.P([html.Strong(f"{name}: "), link, text, "." if not rows else ". Not carried over:"]),
            *([html.Ul(rows)] if rows else []),
        ],
        className="card imported",
    )
