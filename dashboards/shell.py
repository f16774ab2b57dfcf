"""What surrounds every page: navigation, the time range and refresh controls, the theme toggle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import dash_mantine_components as dmc
from dash import dcc, html
from dash.development.base_component import Component

from alerts.links import BASE, EXPLORE
from dashboards.state import REFRESH_S, View
from dashboards.timerange import PRESETS, describe, is_live

PAGES: Final[Mapping[str, str]] = {
    "": "Overview",
    "dashboards": "Dashboards",
    EXPLORE: "Explore",
    "alerts": "Alerts",
    "targets": "Targets",
}
"""Path below `BASE` and title of each page, in the order of the navigation."""

# From the lightest text to the darkest ground; bluish, as the cards of assets/style.css.
_DARK: Final = [
    "#e4e8ee",
    "#c3cad5",
    "#9aa4b2",
    "#6b7685",
    "#3a4351",
    "#2a313c",
    "#232a34",
    "#1a1f27",
    "#12151b",
    "#0c0e12",
]
_THEME: Final = {
    "primaryColor": "indigo",
    "defaultRadius": "md",
    "colors": {"dark": _DARK},
    "fontFamily": "Inter, system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif",
    "fontFamilyMonospace": "ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace",
}


def page_of(pathname: str | None) -> str:
    """The page that a URL's path names; unknown ones keep their name, so that they can say so."""
    return (pathname or BASE).removeprefix(BASE.rstrip("/")).strip("/")


def href(page: str, view: View) -> str:
    """The URL of a page in a given state."""
    return BASE + page + view.search()


def layout() -> Component:
    """The frame that stays while pages change."""
    return dmc.MantineProvider(
        [
            dcc.Location(id="url", refresh="callback-nav"),
            dcc.Store(id="window"),
            dcc.Store(id="drawn"),
            dcc.Store(id="history", storage_type="local"),
            dcc.Interval(id="tick", interval=15_000),
            dmc.AppShell(
                [
                    dmc.AppShellHeader(_header(), className="header"),
                    dmc.AppShellMain(
                        html.Div(id="page", className="page", children=page_skeleton()), id="main"
                    ),
                ],
                header={"height": 56},
                padding="lg",
            ),
        ],
        theme=_THEME,
        defaultColorScheme="auto",
    )


def page_skeleton() -> Component:
    """What stands in a page's place until it is there."""
    tiles = [dmc.Skeleton(height=84, radius="md") for _ in range(4)]
    return html.Div(
        [html.Div(tiles, className="tiles"), dmc.Skeleton(height=320, radius="md")],
        **{"aria-label": "Loading", "aria-busy": "true"},
    )


def navigation(page: str, view: View) -> list[Component]:
    """Links to the pages. They carry the time range along, not the query."""
    kept = View(start=view.start, end=view.end, refresh_s=view.refresh_s)
    return [
        dcc.Link(
            title,
            href=href(path, kept),
            className="nav-link" + (" is-current" if path == page.partition("/")[0] else ""),
        )
        for path, title in PAGES.items()
    ]


def controls(page: str, view: View, error: str) -> list[Component]:
    """Time range and refresh. `error` says what is wrong with the range in the URL, empty for nothing."""
    if page in ("alerts", "dashboards", "targets"):
        return [_refresh(page, view)]
    return [_range(page, view, error), _refresh(page, view)]


def _header() -> Component:
    return html.Div(
        [
            dcc.Link([html.Span(className="mark"), "Swell"], href=BASE, className="brand"),
            html.Nav(id="navigation", className="nav", **{"aria-label": "Pages"}),
            html.Div(className="spring"),
            html.Div(id="status", className="status", role="status"),
            html.Div(id="controls", className="controls"),
            dmc.ColorSchemeToggle(
                id="theme",
                lightIcon=html.Span(className="icon icon-sun"),
                darkIcon=html.Span(className="icon icon-moon"),
                variant="default",
                size="lg",
                **{"aria-label": "Switch between light and dark"},
            ),
        ],
        className="header-bar",
    )


def _range(page: str, view: View, error: str) -> Component:
    return dmc.Popover(
        [
            dmc.PopoverTarget(
                dmc.Button(
                    describe(view.start, view.end),
                    id="range",
                    variant="default",
                    leftSection=html.Span(className="icon icon-clock"),
                    className="is-wrong" if error else "",
                )
            ),
            dmc.PopoverDropdown(_range_choices(page, view, error)),
        ],
        id="range-popover",
        opened=False,
        width=420,
        position="bottom-end",
        shadow="md",
        trapFocus=True,
    )


def _range_choices(page: str, view: View, error: str) -> Component:
    presets = [
        dcc.Link(
            describe(start, end),
            href=href(page, view.replace(start=start, end=end)),
            className="choice" + (" is-current" if (start, end) == (view.start, view.end) else ""),
        )
        for start, end in PRESETS
    ]
    return html.Div(
        [
            html.Div(presets, className="choices"),
            html.Div(
                [
                    dmc.TextInput(id="range-from", label="From", value=view.start, error=bool(error)),
                    dmc.TextInput(id="range-to", label="To", value=view.end, error=bool(error)),
                    dmc.Button("Apply", id="range-apply"),
                ],
                className="absolute",
            ),
            html.P(
                error or "now-6h, now-1d/d, 2026-03-01 14:05 (UTC)", className="wrong" if error else "hint"
            ),
        ]
    )


def _refresh(page: str, view: View) -> Component:
    title = f"Every {interval_name(view.refresh_s)}" if view.refresh_s else "Paused"
    items = [
        dmc.MenuItem(
            f"Every {interval_name(offer)}" if offer else "Paused",
            href=href(page, view.replace(refresh_s=offer)),
            refresh=False,
            className="is-current" if offer == view.refresh_s else "",
        )
        for offer in REFRESH_S
    ]
    live = view.refresh_s > 0 and is_live(view.end)
    dot = html.Span(className="dot " + ("dot-live" if live else "dot-paused"))
    target = dmc.MenuTarget(dmc.Button(title, id="refresh", variant="default", leftSection=dot))
    return dmc.Menu([target, dmc.MenuDropdown(items)], position="bottom-end", shadow="md")


def interval_name(seconds: int) -> str:
    """An interval of `REFRESH_S` in words."""
    return f"{seconds // 60} min" if seconds >= 60 else f"{seconds} s"
