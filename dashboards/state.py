"""Everything a page shows, as one value that reads from and writes to the URL's query string."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final
from urllib.parse import parse_qs, quote, urlencode

from alerts.links import QUERY_KEY

REFRESH_S: Final = (0, 5, 10, 15, 30, 60, 300)
"""Intervals of auto refresh that are offered; 0 is off."""

TABS: Final = ("graph", "table")

_KEYS: Final[Mapping[str, str]] = {
    "query": QUERY_KEY,
    "start": "from",
    "end": "to",
    "refresh_s": "refresh",
    "node": "node",
    "tab": "tab",
}

_VARIABLE: Final = "var-"

_TEXTS: Final = ("query", "start", "end", "node")


@dataclass(frozen=True, slots=True)
class View:
    """The state of any page. A field that a page does not use keeps its default, which the URL leaves out.

    start, end: times in the grammar of `dashboards.timerange`, as typed. refresh_s: one of `REFRESH_S`.
    node: the instance that charts are narrowed to, empty for all. tab: one of `TABS`. variables: what is
    chosen of a dashboard's variables, by name.
    """

    query: str = ""
    start: str = "now-1h"
    end: str = "now"
    refresh_s: int = 15
    node: str = ""
    tab: str = "graph"
    variables: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def search(self) -> str:
        """The query string with its `?`, or nothing when all is at its default."""
        default = View()
        pairs = {
            _KEYS[field.name]: str(getattr(self, field.name))
            for field in fields(self)
            if field.name in _KEYS and getattr(self, field.name) != getattr(default, field.name)
        }
        chosen = [(_VARIABLE + name, value) for name, values in self.variables for value in values or ("",)]
        every = [*pairs.items(), *chosen]
        return "?" + urlencode(every, quote_via=quote) if every else ""

    def replace(self, **changes: Any) -> View:
        """A copy with some fields changed."""
        return replace(self, **changes)

    @staticmethod
    def parse(search: str | None) -> View:
        """The view a query string describes. Unknown keys and values that are not offered are ignored."""
        given = parse_qs((search or "").removeprefix("?"), keep_blank_values=True)
        found = {name: given[key][-1] for name, key in _KEYS.items() if key in given}
        changes: dict[str, Any] = {name: found[name] for name in _TEXTS if name in found}
        if found.get("tab") in TABS:
            changes["tab"] = found["tab"]
        if found.get("refresh_s") in [str(offer) for offer in REFRESH_S]:
            changes["refresh_s"] = int(found["refresh_s"])
        changes["variables"] = tuple(
            (key.removeprefix(_VARIABLE), tuple(value for value in values if value))
            for key, values in sorted(given.items())
            if key.startswith(_VARIABLE) and len(key) > len(_VARIABLE)
        )
        return View().replace(**changes)
