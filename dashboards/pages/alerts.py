"""What fires, what is about to, and every rule with its health."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import dash_mantine_components as dmc
from dash import Dash, Input, Output, State, dcc, html
from dash.development.base_component import Component

from dashboards.messages import empty, failure
from dashboards.rules import Alert, Group, Rule, active_alerts, read_groups
from dashboards.services import Services
from dashboards.shell import href
from dashboards.state import View
from dashboards.units import format_value
from storage.errors import Error


def layout(view: View) -> Component:
    """The page, with skeletons where its data will be."""
    skeleton = [dmc.Skeleton(height=84, radius="md"), dmc.Skeleton(height=240, radius="md")]
    return html.Div([html.H1("Alerts", className="visually-hidden"), html.Div(skeleton, id="alerts")])


def register(app: Dash, services: Services) -> None:
    """Keep the page current."""

    async def show(_: object, search: str) -> Component:
        try:
            return await asyncio.to_thread(content, services, View.parse(search))
        except Error as error:
            return failure(error)

    app.callback(Output("alerts", "children"), Input("window", "data"), State("url", "search"))(show)


def content(services: Services, view: View) -> Component:
    """Tiles, active alerts and rules as they are now."""
    groups = read_groups(services.rules()) if services.rules is not None else ()
    if not any(group.rules for group in groups):
        return html.Section(_no_rules(services.rules is None), className="card")
    now_ms = services.now_ms()
    alerts = active_alerts(groups)
    return html.Div(
        [
            _tiles(groups, alerts),
            html.Section(
                [html.Div(html.H2("Active alerts"), className="card-head"), active(alerts, now_ms)],
                className="card",
            ),
            *(rule_group(group, view, now_ms) for group in groups),
        ]
    )


def active(alerts: Sequence[Alert], now_ms: int) -> Component:
    """The firing and pending alerts."""
    if not alerts:
        return empty("Nothing fires", "All rules are quiet. Their state is listed below.")
    head = _head("State", "Alert", "Labels", "#Value", "#Active for")
    rows = [
        html.Tr(
            [
                html.Td(_badge(alert.state)),
                html.Th([alert.name, *_note(alert.annotations)], scope="row"),
                html.Td(_chips(alert.labels)),
                html.Td(_value(alert.value), className="number"),
                html.Td(_ago(alert.since_ms, now_ms), className="number"),
            ]
        )
        for alert in alerts
    ]
    return html.Div(html.Table([head, html.Tbody(rows)], className="table"), className="scroll")


def rule_group(group: Group, view: View, now_ms: int) -> Component:
    """The rules of a group; each expression opens in Explore."""
    head = _head("State", "Rule", "Expression", "Health", "#Evaluated", "#Took")
    rows = [_rule_row(rule, view, now_ms) for rule in group.rules]
    interval = f"every {format_value(group.interval_s, 'seconds')}" if group.interval_s else ""
    title = [html.H2(group.name), html.Span(f"{interval} · {group.file}".strip(" ·"), className="muted")]
    scroller = html.Div(html.Table([head, html.Tbody(rows)], className="table"), className="scroll")
    return html.Section([html.Div(title, className="card-head"), scroller], className="card")


def _head(*titles: str) -> Component:
    """A table's head; a title that starts with `#` stands above numbers."""
    cells = [
        html.Th(title.removeprefix("#"), className="number" if title.startswith("#") else "", scope="col")
        for title in titles
    ]
    return html.Thead(html.Tr(cells))


def _rule_row(rule: Rule, view: View, now_ms: int) -> Component:
    link = href("explore", View(query=rule.expr, start=view.start, end=view.end))
    hold = [html.Div(f"for {format_value(rule.for_s, 'seconds')}", className="muted")] if rule.for_s else []
    state = _badge(rule.state) if rule.kind == "alerting" else html.Span("recording", className="badge")
    health = [html.Span(rule.health, className="health" + ("" if rule.health != "err" else " wrong"))]
    if rule.error:
        health.append(html.Div(rule.error, className="wrong", role="alert"))
    return html.Tr(
        [
            html.Td(state),
            html.Th([rule.name, *hold], scope="row"),
            html.Td(dcc.Link(html.Code(rule.expr), href=link, className="expr", title="Open in Explore")),
            html.Td(health),
            html.Td(_ago(rule.evaluated_ms, now_ms, " ago"), className="number"),
            html.Td(format_value(rule.duration_s, "seconds"), className="number"),
        ]
    )


def _tiles(groups: Sequence[Group], alerts: Sequence[Alert]) -> Component:
    rules = [rule for group in groups for rule in group.rules]
    counts = (
        ("Firing", sum(alert.state == "firing" for alert in alerts), True),
        ("Pending", sum(alert.state == "pending" for alert in alerts), False),
        ("Rules", len(rules), False),
        ("Rules in error", sum(rule.health == "err" for rule in rules), True),
    )
    tiles = [
        html.Div(
            [html.Div(title, className="tile-title"), html.Div(str(count), className="tile-value")],
            className="card tile" + (" is-bad" if bad and count else ""),
        )
        for title, count, bad in counts
    ]
    return html.Div(tiles, className="tiles")


def _badge(state: str) -> Component:
    return html.Span(state or "unknown", className=f"badge badge-{state or 'unknown'}")


def _chips(labels: Mapping[str, str]) -> Component:
    return html.Div([html.Span(f"{k}={v}", className="label") for k, v in labels.items()], className="chips")


def _note(annotations: Mapping[str, str]) -> list[Component]:
    text = annotations.get("summary") or annotations.get("description") or ""
    return [html.Div(text, className="muted")] if text else []


def _value(text: str) -> str:
    try:
        return format_value(float(text))
    except ValueError:
        return text


def _ago(then_ms: int, now_ms: int, suffix: str = "") -> str:
    if not then_ms:
        return "-"
    return format_value(round(max(0, now_ms - then_ms) / 1000), "seconds") + suffix


def _no_rules(is_absent: bool) -> Component:
    if is_absent:
        return empty(
            "No rules are evaluated here",
            "This process does not run the alerts part. Start it, or open the process that does.",
            "swell alerts --alerts.rule-files '[\"rules/*.yaml\"]'",
        )
    return empty(
        "No rules yet",
        "Point Swell at Prometheus rule files; alerts then show up here and at your receivers.",
        "swell up --alerts.rule-files '[\"rules/*.yaml\"]'",
    )
