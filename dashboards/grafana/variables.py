"""Grafana's variables to ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from dashboards.documents.model import Variable
from dashboards.grafana.content import Object, flag, inner, text, texts, whole
from dashboards.grafana.report import Report

_SORTS: Final[tuple[Any, ...]] = (
    "none",
    "text",
    "text-desc",
    "number",
    "number-desc",
    "text",
    "text-desc",
    "natural",
    "natural-desc",
)
_KINDS: Final[Mapping[str, Any]] = {
    "query": "query",
    "custom": "custom",
    "constant": "constant",
    "interval": "interval",
    "textbox": "textbox",
}


def variable_of(raw: Object, report: Report) -> Variable | None:
    """A variable; None, and a note, where there is none of its kind."""
    name, kind = text(raw, "name"), _KINDS.get(text(raw, "type"))
    if text(raw, "type") == "datasource":
        report.ignored(f"variable {name}", "a choice of data sources: there is one")
        return None
    if kind is None:
        report.left_out(f"variable {name}", f"a variable of the kind {text(raw, 'type')!r}")
        return None
    query = _query(raw)
    order = whole(raw, "sort", 0)
    chosen = _chosen(raw)
    return Variable(
        name=name,
        kind=kind,
        label=text(raw, "label"),
        query=query,
        regex=text(raw, "regex"),
        multi=flag(raw, "multi"),
        has_all=flag(raw, "includeAll"),
        all_value=text(raw, "allValue"),
        chosen=chosen or ([query] if kind in ("textbox", "constant") and query else []),
        sort=_SORTS[order] if 0 <= order < len(_SORTS) else "none",
        hidden=whole(raw, "hide", 0) == 2 or kind == "constant",
        description=text(raw, "description"),
    )


def _query(raw: Object) -> str:
    query = raw.get("query")
    if isinstance(query, Mapping):
        return text(query, "query") or text(query, "expr")
    return text(raw, "query") or text(raw, "definition")


def _chosen(raw: Object) -> list[str]:
    values = [value for value in texts(inner(raw, "current").get("value")) if value]
    is_all = "$__all" in values or ("All" in values and flag(raw, "includeAll"))
    return ["$__all"] if is_all else values
