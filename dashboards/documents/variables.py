"""What the variables of a dashboard offer, and what is chosen. One may need others, so they have an order."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from dashboards.documents.interpolation import ALL, Chosen, interpolate, names_in
from dashboards.documents.model import Dashboard, Variable
from storage.errors import Error
from storage.patterns import compile_regex

_CALL: Final = re.compile(r"\s*(label_values|label_names|metrics|query_result)\s*\((.*)\)\s*", re.DOTALL)
_LAST_NAME: Final = re.compile(r"(?:(?P<selector>.*),)?\s*(?P<name>[a-zA-Z_][\w]*)\s*", re.DOTALL)
_DIGITS: Final = re.compile(r"(\d+(?:\.\d+)?)")
_MOST_VALUES: Final = 10_000


class Lookup(Protocol):
    """What a store knows, in the time range that is looked at. All raise `storage.errors.Error`."""

    def label_values(self, name: str, selector: str, /) -> Sequence[str]:
        """Values of a label among the series of a selector, '' for all series."""

    def label_names(self, selector: str, /) -> Sequence[str]:
        """Names of labels, likewise."""

    def query_result(self, expression: str, /) -> Sequence[str]:
        """An instant vector as `name{label="value"} 1 1700000000000` lines."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """One variable: what it offers and what is chosen of it. error: why there is nothing to choose from."""

    variable: Variable
    options: tuple[str, ...]
    chosen: Chosen
    is_all: bool
    error: str = ""


def resolve(dashboard: Dashboard, wanted: Mapping[str, Sequence[str]], lookup: Lookup) -> dict[str, Resolved]:
    """Every variable by name, those first that others need.

    wanted: what a viewer chose, by name. A value that is not offered gives way to the first that is.
    """
    found: dict[str, Resolved] = {}
    for variable in in_order(dashboard.variables):
        known = {name: one.chosen for name, one in found.items()}
        try:
            options, error = _options(variable, known, lookup), ""
        except Error as problem:
            options, error = (), str(problem)
        found[variable.name] = _chosen(variable, options, wanted.get(variable.name), error)
    return {variable.name: found[variable.name] for variable in dashboard.variables}


def in_order(variables: Sequence[Variable]) -> list[Variable]:
    """Each behind those that its query and its pattern name; of a circle the first goes first."""
    by_name = {variable.name: variable for variable in variables}
    done: dict[str, Variable] = {}

    def visit(variable: Variable, above: frozenset[str]) -> None:
        for name in names_in(variable.query) + names_in(variable.regex):
            if name in by_name and name not in done and name not in above:
                visit(by_name[name], above | {name})
        done.setdefault(variable.name, variable)

    for variable in variables:
        visit(variable, frozenset({variable.name}))
    return list(done.values())


def _options(variable: Variable, known: Mapping[str, Chosen], lookup: Lookup) -> tuple[str, ...]:
    if variable.kind in ("custom", "interval"):
        return tuple(_listed(interpolate(variable.query, known)))
    if variable.kind in ("constant", "textbox"):
        return (variable.query,) if variable.query else ()
    values = _asked(interpolate(variable.query, known, is_query=True), lookup)
    if variable.regex:
        values = _filtered(values, interpolate(variable.regex, known, is_query=True))
    distinct = list(dict.fromkeys(value for value in values if value))
    return tuple(_sorted(distinct, variable.sort)[:_MOST_VALUES])


def _listed(text: str) -> list[str]:
    r"""Values with commas between; `\,` is a comma, `label : value` stands for its value."""
    parts = [part.replace("\\,", ",").strip() for part in re.split(r"(?<!\\),", text)]
    return [part.split(" : ", 1)[-1].strip() for part in parts if part]


def _asked(query: str, lookup: Lookup) -> Sequence[str]:
    call = _CALL.fullmatch(query)
    if call is None:
        return lookup.query_result(query) if query.strip() else ()
    function, inside = call[1], call[2].strip()
    if function == "query_result":
        return lookup.query_result(inside)
    if function == "label_names":
        return lookup.label_names(inside)
    if function == "metrics":
        names = lookup.label_values("__name__", "")
        pattern = compile_regex(inside)
        return [name for name in names if pattern.search(name.encode())]
    parts = _LAST_NAME.fullmatch(inside)
    if parts is None:
        return ()
    return lookup.label_values(parts["name"], (parts["selector"] or "").strip())


def _filtered(values: Sequence[str], regex: str) -> list[str]:
    """Values that match, as their group `value`, else their first group, else whole."""
    plain = re.fullmatch(r"/(.*)/[gimsuy]*", regex, re.DOTALL)
    text = plain[1] if plain else f"^{regex}$"
    named = re.sub(r"\(\?<(?=[A-Za-z])", "(?P<", text)
    pattern = compile_regex(named, captures=True)
    found = []
    for value in values:
        match = pattern.search(value.encode())
        if match is None:
            continue
        groups = match.groupdict()
        part = groups.get("value", match.group(1) if pattern.groups else match.group(0))
        found.append((part or b"").decode())
    return found


def _sorted(values: list[str], order: str) -> list[str]:
    keys = {"text": str.casefold, "number": _first_number, "natural": _natural}
    name, _, down = order.partition("-")
    return values if name == "none" else sorted(values, key=keys[name], reverse=bool(down))  # type: ignore[arg-type]


def _first_number(value: str) -> float:
    found = _DIGITS.search(value)
    return float(found[1]) if found else float("inf")


def _natural(value: str) -> list[tuple[float, str]]:
    parts = _DIGITS.split(value.casefold())
    return [(float(part), "") if i % 2 else (-1.0, part) for i, part in enumerate(parts)]


def _chosen(
    variable: Variable, options: tuple[str, ...], wanted: Sequence[str] | None, error: str
) -> Resolved:
    asked = tuple(wanted if wanted is not None else variable.chosen)
    if variable.kind == "constant":
        asked = options
    if variable.has_all and ALL in asked:
        return Resolved(variable, options, Chosen(options, variable.all_value, True), True, error)
    free = variable.kind == "textbox" or wanted is not None or error
    kept = tuple(value for value in asked if free or value in options)
    if not variable.multi:
        kept = kept[:1]
    if not kept and variable.has_all:
        return Resolved(variable, options, Chosen(options, variable.all_value, True), True, error)
    kept = kept or options[:1]
    return Resolved(variable, options, Chosen(kept, is_list=variable.multi or variable.has_all), False, error)
