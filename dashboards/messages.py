"""What stands where data would: nothing yet, nothing found, or an error with its place in the query."""

from __future__ import annotations

from collections.abc import Sequence

from dash import html
from dash.development.base_component import Component

from storage.errors import Error, ParseError


def empty(title: str, text: str, command: str = "", links: Sequence[Component] = ()) -> Component:
    """An empty state that says what to do next."""
    parts: list[Component] = [html.H3(title), html.P(text)]
    if command:
        parts.append(html.Pre(command, className="command"))
    return html.Div([*parts, *links], className="empty")


def failure(error: Error, query: str = "") -> Component:
    """An error where it happened. A parse error shows its place in `query`."""
    parts: list[Component] = [html.Strong(str(error))]
    if isinstance(error, ParseError) and query:
        parts.append(html.Pre(mark(query, error.start, error.end), className="marked"))
    return html.Div(parts, className="failure", role="alert")


def mark(query: str, start: int, end: int) -> list[Component | str]:
    """`query` with the characters [start, end) marked, at least one.

    A place on a blank or after the end is where the parser stopped: the character before it is marked.
    """
    text = query + " "
    first = min(max(start, 0), len(query))
    if first and text[first].isspace():
        first -= 1
    last = max(min(end, len(query)), first + 1)
    return [text[:first], html.Mark(text[first:last]), text[last:]]
