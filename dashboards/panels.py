"""A chart on a page: what to ask and how to label it. The browser asks and draws (assets/panel.js)."""

from __future__ import annotations

from dataclasses import dataclass

from dash import html
from dash.development.base_component import Component


@dataclass(frozen=True, slots=True)
class Panel:
    """A time series chart.

    query: PromQL, where `$node` stands for the matcher of the node that is looked at and `$__rate_interval`
    for a window wide enough for `rate` at the chart's step; empty asks the view's own query.
    unit: one of `dashboards.units.UNITS`. legend: a template as `{{instance}}`, empty for all labels.
    most: the scale's top, where the unit has one.
    """

    title: str
    query: str
    unit: str = "none"
    legend: str = ""
    most: float | None = None
    table: bool = False

    def layout(self, panel_id: str) -> Component:
        """The chart's place on the page, drawn into by the browser."""
        data = {
            "data-query": self.query,
            "data-unit": self.unit,
            "data-legend": self.legend,
            "data-most": "" if self.most is None else str(self.most),
            "data-table": "yes" if self.table else "",
            "data-title": self.title,
        }
        heading = [html.H3(self.title, className="panel-title")] if self.title else []
        canvas = html.Div(
            id=panel_id, className="panel-canvas", role="img", **{"aria-label": self.title or "Chart"}, **data
        )
        return html.Section([*heading, canvas], className="card panel")
