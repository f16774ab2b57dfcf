"""Ask any query: as a graph over the range, or as a table at its end."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

import dash_mantine_components as dmc
import numpy as np
from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html
from dash.development.base_component import Component

from dashboards.messages import empty, failure
from dashboards.panels import Panel
from dashboards.services import Services
from dashboards.shell import href
from dashboards.state import View
from dashboards.timerange import resolve_range
from dashboards.units import format_value
from query.block import Block, Result, Samples, ScalarBlock, StringValue
from query.native.text import texts
from storage.errors import Error

_ROWS: Final = 500
_STARTERS: Final[Sequence[tuple[str, str]]] = (
    ("CPU by mode", "sum by (mode) (rate(node_cpu_seconds_total[$__rate_interval]))"),
    ("Memory available", "node_memory_MemAvailable_bytes"),
    ("Busiest disks", "topk(5, rate(node_disk_io_time_seconds_total[$__rate_interval]))"),
    ("What reports", "up"),
)


def layout(view: View) -> Component:
    """The page for one view."""
    return html.Div(
        [html.H1("Explore", className="visually-hidden"), _editor(view), html.Div(result(view), id="result")]
    )


def register(app: Dash, services: Services) -> None:
    """Follow the URL, run queries, remember them."""

    async def follow(search: str) -> tuple[Component, str]:
        view = View.parse(search)
        return result(view), view.query

    async def instant(_: object, search: str) -> Component:
        return await asyncio.to_thread(answer, services, View.parse(search))

    async def remember(_: object, history: Sequence[str] | None, search: str) -> list[Component]:
        return past(history or (), View.parse(search))

    # The layout already shows the view that the page opens with; what is typed meanwhile must stay.
    app.callback(
        Output("result", "children"),
        Output("query", "value"),
        Input("url", "search"),
        prevent_initial_call=True,
    )(follow)
    app.callback(Output("table", "children"), Input("window", "data"), State("url", "search"))(instant)
    # What the browser has kept is loaded without a change of `data`; its time stamp does change.
    app.callback(
        Output("past", "children"),
        Input("history", "modified_timestamp"),
        State("history", "data"),
        State("url", "search"),
    )(remember)
    app.clientside_callback(
        ClientsideFunction("swell", "run"),
        Output("history", "data"),
        Input("run", "n_clicks"),
        State("history", "data"),
        prevent_initial_call=True,
    )


def result(view: View) -> Component:
    """The place of the answer: a graph that the browser draws, or a table."""
    if not view.query.strip():
        starters = [
            dcc.Link(title, href=href("explore", view.replace(query=query)), className="chip", title=query)
            for title, query in _STARTERS
        ]
        links = (html.Div(starters, className="chips"),)
        return html.Section(
            empty(
                "Ask a question",
                "Type PromQL above and press Shift-Enter, or start with one of these.",
                "",
                links,
            ),
            className="card",
        )
    if view.tab == "table":
        loading = dmc.Skeleton(height=160, radius="md")
        return html.Div([_tabs(view), html.Section(html.Div(loading, id="table"), className="card")])
    return html.Div([_tabs(view), Panel("", "", table=True).layout("explore-panel")])


def answer(services: Services, view: View) -> Component:
    """The table of the view's query at the end of its range, or what is wrong with it."""
    query = view.query.replace("$__rate_interval", "5m")
    try:
        end_ms = resolve_range(view.start, view.end, services.now_ms()).end_ms
        found = services.instant(query, min(end_ms, services.now_ms()))
        return html.Div([rows_of(found), html.P(cost_of(found), className="hint")])
    except Error as error:
        return failure(error, query)


def cost_of(found: Result) -> str:
    """What an answer cost, and what the engine remarks on it."""
    stats = found.stats
    took = format_value((stats.fetch_ms + stats.eval_ms) / 1000, "seconds")
    samples = f"{format_value(stats.samples)} samples of {format_value(stats.series)} series read"
    return " · ".join((samples, took, *found.warnings, *found.infos))


def rows_of(found: Result) -> Component:
    """An instant answer as a table, a column a label."""
    value = found.value
    if isinstance(value, StringValue):
        return html.Pre(value.value, className="scalar")
    if isinstance(value, ScalarBlock):
        return html.Pre(_number(float(value.values[-1])), className="scalar")
    if isinstance(value, Samples):
        counts = np.diff(value.offsets)
        last = value.offsets[1:] - 1
        shown = [
            f"{_number(float(value.values[at]))} ({n} samples)" for at, n in zip(last, counts, strict=True)
        ]
        return _table(value.labels.rows(), shown)
    return _vector(value)


def past(history: Sequence[str], view: View) -> list[Component]:
    """Menu entries of the queries that were run, the latest first."""
    if not history:
        return [dmc.MenuLabel("Queries that you run are kept here")]
    return [
        dmc.MenuItem(query, href=href("explore", view.replace(query=query)), refresh=False, className="past")
        for query in history
    ]


def _editor(view: View) -> Component:
    box = dmc.Textarea(
        id="query",
        value=view.query,
        placeholder="sum by (instance) (rate(node_cpu_seconds_total[5m]))",
        autosize=True,
        minRows=1,
        maxRows=12,
        className="query-box",
        spellCheck=False,
        **{"aria-label": "PromQL query"},
    )
    menu = dmc.Menu(
        [
            dmc.MenuTarget(dmc.Button("History", variant="default")),
            dmc.MenuDropdown(id="past", className="past-list", children=past((), view)),
        ],
        position="bottom-end",
        shadow="md",
        width=520,
    )
    run = html.Div(dmc.Button("Run", id="run"), title="Shift-Enter")
    return html.Section([box, menu, run], className="card editor")


def _tabs(view: View) -> Component:
    tabs = [
        dcc.Link(
            title,
            href=href("explore", view.replace(tab=tab)),
            className="view-tab" + (" is-current" if tab == view.tab else ""),
        )
        for tab, title in (("graph", "Graph"), ("table", "Table"))
    ]
    return html.Div(tabs, className="view-tabs")


def _vector(block: Block) -> Component:
    present = block.present[:, -1]
    labels = [row for row, there in zip(block.labels.rows(), present, strict=True) if there]
    shown = [_number(float(value)) for value in block.values[present, -1]]
    if block.cells is not None:
        at = block.cells.at[present, -1]
        held = texts(block.cells.pool, np.maximum(at, 0).astype(np.int64))
        shown = [text if i >= 0 else number for i, text, number in zip(at, held, shown, strict=True)]
    return _table(labels, shown)


def _table(labels: Sequence[dict[str, str]], cells: Sequence[str]) -> Component:
    if not labels:
        return empty(
            "No series", "Nothing matches at this time. Check metric and label names, or widen the range."
        )
    names = sorted({name for row in labels for name in row}, key=lambda name: (name != "__name__", name))
    head = html.Thead(
        html.Tr(
            [html.Th("metric" if n == "__name__" else n) for n in names]
            + [html.Th("value", className="number")]
        )
    )
    body = [
        html.Tr([*(html.Td(row.get(name, "")) for name in names), html.Td(cell, className="number")])
        for row, cell in zip(labels[:_ROWS], cells, strict=False)
    ]
    more = f"{len(labels)} series" + (f", the first {_ROWS} shown" if len(labels) > _ROWS else "")
    scroller = html.Div(html.Table([head, html.Tbody(body)], className="table"), className="scroll")
    return html.Div([scroller, html.P(more, className="hint")])


def _number(value: float) -> str:
    return f"{value:.17g}" if f"{value:.15g}" != repr(value) else f"{value:.15g}"
