"""What a dashboard is. Pure values; `dashboards.documents.text` reads and writes them as YAML or JSON."""

from __future__ import annotations

from typing import Any, Final, Literal

from msgspec import Struct, field

FORMAT: Final = "dashboard/1"
"""What the key `swell` of a document says: its kind, and the version of this layout."""

COLUMNS: Final = 24
"""Panels are placed on a grid of so many columns; a row is 30 pixels high."""

Kind = Literal[
    "timeseries",
    "stat",
    "gauge",
    "bargauge",
    "table",
    "heatmap",
    "histogram",
    "pie",
    "bar",
    "state-timeline",
    "text",
]
Calculation = Literal[
    "last", "lastNotNull", "first", "mean", "min", "max", "sum", "count", "range", "delta", "diff", "name"
]


StepName = Literal[
    "organize",
    "groupBy",
    "labelsToFields",
    "joinByField",
    "filterFieldsByName",
    "filterByValue",
    "calculateField",
    "sortBy",
    "merge",
    "reduce",
    "limit",
    "renameByRegex",
]


class Place(Struct, frozen=True, forbid_unknown_fields=True):
    """Left, top, width and height, in columns and rows of the grid."""

    x: int = 0
    y: int = 0
    w: int = 12
    h: int = 8


class Query(Struct, frozen=True, forbid_unknown_fields=True):
    """What is asked. legend: a template as `{{instance}}`, empty for all labels.

    shape: `series` over time, `table` of the newest values with their labels, or `buckets` of a histogram.
    min_step: the finest resolution that makes sense, as `30s`.
    """

    expr: str
    legend: str = ""
    ref: str = "A"
    instant: bool = False
    shape: Literal["series", "table", "buckets"] = "series"
    min_step: str = ""
    hidden: bool = False


class Threshold(Struct, frozen=True, forbid_unknown_fields=True):
    """From `value` on the colour is `color`; None is below all others."""

    value: float | None
    color: str


class ValueText(Struct, frozen=True, forbid_unknown_fields=True):
    """Values that are shown as a text: one value, those in [low, high], of a pattern, or special ones."""

    text: str = ""
    color: str = ""
    value: str | None = None
    low: float | None = None
    high: float | None = None
    regex: str | None = None
    special: Literal["null", "nan", "null+nan", "true", "false", "empty"] | None = None


class Link(Struct, frozen=True, forbid_unknown_fields=True):
    """Where a click leads; the address may hold variables."""

    url: str
    title: str = ""
    new_tab: bool = False


class Style(Struct, frozen=True, forbid_unknown_fields=True):
    """How values look. What is None is as the panel's kind has it, or, in an override, as it was.

    unit: one of `dashboards.units`. name: in place of the series' own. soft_min, soft_max: the scale reaches
    there at least.
    draw, width, fill, points, curve, dash: of a line; fill in percent, dash as `10,5`. joins_gaps: a line
    goes on over missing samples. stack: series of one group stand on each other. negative: drawn below zero.
    axis: where the scale is; log: its base, 0 for linear. shown: whether it is drawn at all.
    cell: how a table shows it.
    """

    unit: str | None = None
    decimals: int | None = None
    min: float | None = None
    max: float | None = None
    soft_min: float | None = None
    soft_max: float | None = None
    no_value: str | None = None
    name: str | None = None
    color: str | None = None
    color_by: Literal["series", "thresholds", "value"] | None = None
    thresholds: list[Threshold] | None = None
    thresholds_in_percent: bool | None = None
    thresholds_drawn: Literal["off", "line", "area"] | None = None
    texts: list[ValueText] | None = None
    links: list[Link] | None = None
    draw: Literal["line", "bars", "points"] | None = None
    width: float | None = None
    fill: float | None = None
    points: Literal["auto", "always", "never"] | None = None
    curve: Literal["linear", "smooth", "before", "after"] | None = None
    dash: str | None = None
    joins_gaps: bool | None = None
    stack: Literal["none", "normal", "percent"] | None = None
    stack_group: str | None = None
    negative: bool | None = None
    axis: Literal["auto", "left", "right", "hidden"] | None = None
    axis_label: str | None = None
    log: int | None = None
    shown: bool | None = None
    cell: Literal["text", "color", "background", "gauge", "sparkline"] | None = None
    cell_width: int | None = None


class Override(Struct, frozen=True, forbid_unknown_fields=True):
    """A style for some series: `by` says what `of` is compared with."""

    by: Literal["name", "names", "regex", "type", "query"]
    of: str | list[str]
    style: Style


class Step(Struct, frozen=True, forbid_unknown_fields=True):
    """One change of the tables that queries gave, in order; `options` are as Grafana has them."""

    do: StepName
    options: dict[str, Any] = {}


class Legend(Struct, frozen=True, forbid_unknown_fields=True):
    """Where the legend is, and which statistics stand beside the names."""

    place: Literal["bottom", "right", "hidden"] = "bottom"
    table: bool = False
    shows: list[Calculation] = []
    sort: str = ""
    descending: bool = True


class Reduce(Struct, frozen=True, forbid_unknown_fields=True):
    """How a series becomes one number; all_values: every row is shown, none is reduced."""

    by: Calculation = "lastNotNull"
    fields: str = ""
    all_values: bool = False


class Look(Struct, frozen=True, forbid_unknown_fields=True):
    """What only some kinds of panels have.

    color, graph, shows: of stat. vertical: bars stand. fill: how a bar gauge is filled. labels, markers: of a
    gauge's thresholds. scheme: the colours of a heatmap. donut: a pie has a hole. joins: equal states in a
    row are one. markdown: the content of a text panel. sort: the column of a table.
    """

    color: Literal["value", "background", "none"] = "value"
    graph: Literal["area", "none"] = "none"
    shows: Literal["auto", "value", "name", "value_and_name", "none"] = "auto"
    vertical: bool = False
    fill: Literal["basic", "gradient", "lcd"] = "basic"
    labels: bool = False
    markers: bool = True
    scheme: str = ""
    donut: bool = False
    joins: bool = True
    markdown: str = ""
    is_html: bool = False
    sort: str = ""
    descending: bool = False
    footer: list[Calculation] = []


class Panel(Struct, frozen=True, forbid_unknown_fields=True):
    """One panel. repeat: the variable for each of whose values it is drawn.

    back, from_: the time range is moved back, or begins so long ago, as `1h`.
    """

    kind: Kind
    title: str = ""
    at: Place = field(default_factory=Place)
    queries: list[Query] = []
    style: Style = field(default_factory=Style)
    overrides: list[Override] = []
    steps: list[Step] = []
    reduce: Reduce = field(default_factory=Reduce)
    legend: Legend = field(default_factory=Legend)
    look: Look = field(default_factory=Look)
    description: str = ""
    links: list[Link] = []
    repeat: str = ""
    repeat_across: bool = True
    back: str = ""
    span: str = ""
    min_step: str = ""


class Row(Struct, frozen=True, forbid_unknown_fields=True):
    """A heading at `y`, under which panels stand up to the next; a closed one keeps its panels to itself."""

    title: str = ""
    y: int = 0
    closed: bool = False
    panels: list[Panel] = []
    repeat: str = ""


class Variable(Struct, frozen=True, forbid_unknown_fields=True):
    """What a viewer can choose.

    query: of kind `query`, one of `label_values(name)`, `label_values(selector, name)`, `metrics(regex)`,
    `label_names()` and `query_result(expression)`; the values of `custom` and `interval`, with commas
    between; the value of `constant` and `textbox`. regex: keeps values that match, and their first group.
    all_value: what All stands for, else every value. chosen: at first; `$__all` for All.
    """

    name: str
    kind: Literal["query", "custom", "constant", "interval", "textbox"] = "query"
    label: str = ""
    query: str = ""
    regex: str = ""
    multi: bool = False
    has_all: bool = False
    all_value: str = ""
    chosen: list[str] = []
    sort: Literal["none", "text", "text-desc", "number", "number-desc", "natural", "natural-desc"] = "none"
    hidden: bool = False
    description: str = ""


class Dashboard(Struct, frozen=True, forbid_unknown_fields=True):
    """One dashboard. swell: `FORMAT`. uid: what addresses it; letters, digits, `-` and `_`, 40 at most."""

    uid: str
    title: str
    swell: str = FORMAT
    description: str = ""
    tags: list[str] = []
    variables: list[Variable] = []
    panels: list[Panel] = []
    rows: list[Row] = []
    start: str = "now-1h"
    end: str = "now"
    refresh: str = ""
    links: list[Link] = []

    def every_panel(self) -> list[Panel]:
        """All panels, those of rows among them, in reading order of each."""
        return [*self.panels, *(panel for row in self.rows for panel in row.panels)]
