"""Every collector with its targets: state, last scrape, how long it took, samples, and what is wrong."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from typing import Final

import dash_mantine_components as dmc
from dash import Dash, Input, Output, html
from dash.development.base_component import Component

from dashboards.messages import empty, failure
from dashboards.services import Services
from dashboards.state import View
from dashboards.targets import SEEN_WITHIN, Collector, Target, read_collectors
from dashboards.units import format_value
from storage.errors import Error

_SHOWN: Final = 500
_HEAD: Final = ("State", "Job", "Endpoint", "#Last scrape", "#Took", "#Samples", "#Dropped")


def layout(_: View) -> Component:
    """The page, with skeletons where its data will be."""
    skeleton = [dmc.Skeleton(height=84, radius="md"), dmc.Skeleton(height=240, radius="md")]
    return html.Div([html.H1("Targets", className="visually-hidden"), html.Div(skeleton, id="targets")])


def register(app: Dash, services: Services) -> None:
    """Keep the page current."""

    async def show(_: object) -> Component:
        try:
            return await asyncio.to_thread(content, services)
        except Error as error:
            return failure(error)

    app.callback(Output("targets", "children"), Input("window", "data"))(show)


def content(services: Services) -> Component:
    """Tiles and a table for each collector, as they are now."""
    now_ms = services.now_ms()
    return shown(read_collectors(services.instant, now_ms), now_ms, services.ingest_url)


def shown(collectors: Sequence[Collector], now_ms: int, ingest_url: str) -> Component:
    """The page of these collectors."""
    if not collectors:
        return html.Section(
            empty(
                f"No collector has told of itself within {SEEN_WITHIN}",
                "Start one on a machine, or install them in a cluster from deploy/.",
                f"swell collect node --collect.url {ingest_url}",
            ),
            className="card",
        )
    return html.Div([_tiles(collectors), *(_section(collector, now_ms) for collector in collectors)])


def _tiles(collectors: Sequence[Collector]) -> Component:
    targets = [target for collector in collectors for target in collector.targets]
    down = sum(not target.is_up for target in targets)
    waiting = sum(each.waiting_bytes for each in collectors if not math.isnan(each.waiting_bytes))
    lost = sum(each.lost for each in collectors if not math.isnan(each.lost))
    tiles = (
        ("Collectors", str(len(collectors)), False),
        ("Targets up", f"{len(targets) - down} of {len(targets)}", down > 0),
        ("Waiting to be sent", format_value(waiting, "bytes"), waiting > 0),
        ("Samples lost, last hour", format_value(round(lost)), lost > 0),
    )
    return html.Div(
        [
            html.Div(
                [html.Div(title, className="tile-title"), html.Div(value, className="tile-value")],
                className="card tile" + (" is-bad" if is_bad else ""),
            )
            for title, value, is_bad in tiles
        ],
        className="tiles",
    )


def _section(collector: Collector, now_ms: int) -> Component:
    notes = [
        collector.cluster,
        f"{format_value(round(collector.sent_per_s, 1))} samples/s" if collector.sent_per_s >= 0 else "",
        format_value(collector.resident_bytes, "bytes") if collector.resident_bytes >= 0 else "",
        f"{format_value(collector.waiting_bytes, 'bytes')} waiting" if collector.waiting_bytes > 0 else "",
    ]
    title = [
        html.H2(collector.name),
        html.Span(" · ".join(note for note in notes if note), className="muted"),
    ]
    rows = [_row(target, now_ms) for target in collector.targets[:_SHOWN]]
    hidden = len(collector.targets) - _SHOWN
    more = [html.P(f"{hidden} more targets, all up or further down, are not shown.")] if hidden > 0 else []
    table = html.Table([_head(), html.Tbody(rows)], className="table")
    return html.Section(
        [html.Div(title, className="card-head"), html.Div(table, className="scroll"), *more],
        className="card",
    )


def _head() -> Component:
    cells = [
        html.Th(title.removeprefix("#"), className="number" if title.startswith("#") else "", scope="col")
        for title in _HEAD
    ]
    return html.Thead(html.Tr(cells))


def _row(target: Target, now_ms: int) -> Component:
    state = "up" if target.is_up else "down"
    error = [html.Div(target.error, className="wrong", role="alert")] if target.error else []
    return html.Tr(
        [
            html.Td([html.Span(className=f"dot dot-{state}"), f" {state}"]),
            html.Th([target.job, html.Div(target.instance, className="muted")], scope="row"),
            html.Td([html.Code(target.url), *error]),
            html.Td(_ago(target.last_scrape_s, now_ms), className="number"),
            html.Td(format_value(target.duration_s, "seconds"), className="number"),
            html.Td(_count(target.samples), className="number"),
            html.Td(_count(target.dropped), className="number"),
        ]
    )


def _ago(then_s: float, now_ms: int) -> str:
    if math.isnan(then_s):
        return "-"
    return f"{format_value(round(max(0.0, now_ms / 1000 - then_s)), 'seconds')} ago"


def _count(number: float) -> str:
    return "-" if math.isnan(number) else format_value(number)
