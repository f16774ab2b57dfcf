"""All nodes at a glance, and their charts."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable, Sequence
from typing import Final

import dash_mantine_components as dmc
import numpy as np
from dash import Dash, Input, Output, State, dcc, html
from dash.development.base_component import Component

from dashboards.messages import empty, failure
from dashboards.nodes import SEEN_WITHIN, Node, read_nodes
from dashboards.panels import Panel
from dashboards.rules import active_alerts, read_groups
from dashboards.services import Services
from dashboards.shell import href
from dashboards.sparkline import sparkline
from dashboards.state import View
from dashboards.units import format_value
from storage.errors import Error

_RATE: Final = "[$__rate_interval]"
_NICS: Final = 'device!~"lo|veth.*|docker.*|br-.*|cni.*|cali.*"'

PANELS: Final = (
    Panel(
        "CPU",
        f'100 * (1 - avg by (instance) (rate(node_cpu_seconds_total{{mode="idle",$node}}{_RATE})))',
        "percent",
        "{{instance}}",
        100,
    ),
    Panel(
        "Memory in use",
        "100 * (1 - sum by (instance) (node_memory_MemAvailable_bytes{$node})"
        " / sum by (instance) (node_memory_MemTotal_bytes{$node}))",
        "percent",
        "{{instance}}",
        100,
    ),
    Panel("Load, 1 minute", "max by (instance) (node_load1{$node})", "none", "{{instance}}"),
    Panel(
        "Network received",
        f"sum by (instance) (rate(node_network_receive_bytes_total{{{_NICS},$node}}{_RATE}))",
        "bytes_per_s",
        "{{instance}}",
    ),
    Panel(
        "Network sent",
        f"sum by (instance) (rate(node_network_transmit_bytes_total{{{_NICS},$node}}{_RATE}))",
        "bytes_per_s",
        "{{instance}}",
    ),
    Panel(
        "Disk read and written",
        f"sum by (instance) (rate(node_disk_read_bytes_total{{$node}}{_RATE})"
        f" + rate(node_disk_written_bytes_total{{$node}}{_RATE}))",
        "bytes_per_s",
        "{{instance}}",
    ),
)

_WARN_PERCENT: Final = 80
_BAD_PERCENT: Final = 92
_SHOWN: Final = 200
_COLUMNS: Final = (
    ("Node", ""),
    ("CPU", ""),
    ("CPU, last hour", ""),
    ("Memory", ""),
    ("Load / cores", "number"),
    ("Disk", ""),
    ("Received", "number"),
    ("Sent", "number"),
    ("Uptime", "number wide"),
    ("Seen", "number"),
)


def layout(view: View) -> Component:
    """The page, with skeletons where its data will be."""
    skeleton = html.Div(
        [
            html.Div([dmc.Skeleton(height=84, radius="md") for _ in range(4)], className="tiles"),
            dmc.Skeleton(height=180, radius="md"),
        ]
    )
    return html.Div(
        [
            html.H1("Overview", className="visually-hidden"),
            html.Div(skeleton, id="nodes"),
            html.Div(
                [panel.layout(f"overview-{i}") for i, panel in enumerate(PANELS)], className="panel-grid"
            ),
        ]
    )


def register(app: Dash, services: Services) -> None:
    """Keep the list of nodes current."""

    async def show(_: object, search: str) -> Component:
        try:
            return await asyncio.to_thread(summary, services, View.parse(search))
        except Error as error:
            return failure(error)

    app.callback(Output("nodes", "children"), Input("window", "data"), State("url", "search"))(show)


def summary(services: Services, view: View) -> Component:
    """Tiles and the table of nodes, from live queries."""
    now_ms = services.now_ms()
    nodes = read_nodes(services.instant, services.range, now_ms)
    if not nodes:
        return _no_nodes(services.ingest_url)
    firing = None
    if services.rules is not None:
        firing = sum(alert.state == "firing" for alert in active_alerts(read_groups(services.rules())))
    return html.Div([_tiles(nodes, firing, view, now_ms), table(nodes, view, now_ms)])


def table(nodes: Sequence[Node], view: View, now_ms: int) -> Component:
    """A row a node; a click narrows the charts below to it."""
    header = html.Thead(html.Tr([html.Th(title, scope="col", className=style) for title, style in _COLUMNS]))
    body = html.Tbody([_row(node, view, now_ms) for node in nodes[:_SHOWN]])
    more = [html.P(f"{len(nodes) - _SHOWN} more nodes are not shown.")] if len(nodes) > _SHOWN else []
    heading = [html.H2("Nodes")]
    if view.node:
        heading.append(
            dcc.Link(
                f"{view.node} ✕", href=href("", view.replace(node="")), className="chip", title="Show all"
            )
        )
    scroller = html.Div(html.Table([header, body], className="table"), className="scroll")
    return html.Section([html.Div(heading, className="card-head"), scroller, *more], className="card")


def _row(node: Node, view: View, now_ms: int) -> Component:
    is_up = node.is_up(now_ms)
    chosen = node.instance == view.node
    ago_s = max(0.0, now_ms / 1000 - node.last_seen_s)
    link = dcc.Link(
        node.instance,
        href=href("", view.replace(node="" if chosen else node.instance)),
        className="node-link",
    )
    state = html.Span(className="dot " + ("dot-up" if is_up else "dot-down"), title="up" if is_up else "down")
    cluster = [html.Span(node.cluster, className="muted")] if node.cluster else []
    load = f"{format_value(node.load)} / {format_value(node.cores)}"
    cells = [
        html.Th([state, link, *cluster], scope="row", className="node"),
        html.Td(_bar(node.cpu_percent)),
        html.Td(
            html.Img(src=sparkline(node.history, high=100.0), alt="CPU over the last hour"), className="spark"
        ),
        html.Td(_bar(node.memory_percent)),
        html.Td(load, className="number"),
        html.Td(_bar(node.disk_percent)),
        html.Td(format_value(node.received_bytes_per_s, "bytes_per_s"), className="number"),
        html.Td(format_value(node.sent_bytes_per_s, "bytes_per_s"), className="number"),
        html.Td(format_value(now_ms / 1000 - node.boot_time_s, "seconds"), className="number wide"),
        html.Td(f"{format_value(round(ago_s), 'seconds')} ago", className="number"),
    ]
    return html.Tr(cells, className=("is-chosen" if chosen else "") + ("" if is_up else " is-down"))


def _bar(percent: float) -> Component:
    if math.isnan(percent):
        return html.Span("-", className="number")
    level = "bad" if percent >= _BAD_PERCENT else "warn" if percent >= _WARN_PERCENT else "good"
    fill = html.Span(className=f"bar-fill bar-{level}", style={"width": f"{min(max(percent, 0), 100):.1f}%"})
    text = html.Span(f"{percent:.0f} %", className="number")
    return html.Div([html.Span(fill, className="bar"), text], className="bar-cell")


def _tiles(nodes: Sequence[Node], firing: int | None, view: View, now_ms: int) -> Component:
    up = sum(node.is_up(now_ms) for node in nodes)
    down = len(nodes) - up
    alerts_link = href("alerts", View(start=view.start, end=view.end, refresh_s=view.refresh_s))
    tiles = [
        _tile("Nodes up", f"{up} of {len(nodes)}", f"{down} down" if down else "all report", down > 0),
        _tile("CPU in use", _mean(node.cpu_percent for node in nodes), "mean over nodes"),
        _tile("Memory in use", _mean(node.memory_percent for node in nodes), "mean over nodes"),
    ]
    if firing is not None:
        tile = _tile("Alerts firing", str(firing), "all is quiet" if not firing else "see alerts", firing > 0)
        tiles.append(dcc.Link(tile, href=alerts_link, className="tile-link"))
    return html.Div(tiles, className="tiles")


def _tile(title: str, value: str, note: str, is_bad: bool = False) -> Component:
    parts = [html.Div(title, className="tile-title"), html.Div(value, className="tile-value")]
    return html.Div(
        [*parts, html.Div(note, className="tile-note")], className="card tile" + (" is-bad" if is_bad else "")
    )


def _mean(values: Iterable[float]) -> str:
    known = [value for value in values if not math.isnan(value)]
    return format_value(float(np.mean(known)), "percent") if known else "-"


def _no_nodes(ingest_url: str) -> Component:
    return html.Section(
        empty(
            f"No node has reported within {SEEN_WITHIN}",
            "Start a collector on a machine; it shows up here within half a minute. A Prometheus that "
            "scrapes node_exporter and remote-writes here does as well.",
            f"swell collect node --collect.url {ingest_url}",
        ),
        className="card",
    )
