"""Where the web pages stand: the one place that messages and the pages themselves take their URLs from."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

BASE: Final = "/ui/"
"""Path that all web pages stand below."""

EXPLORE: Final = "explore"
"""Name of the page that asks a query, below `BASE`."""

QUERY_KEY: Final = "q"
"""Parameter of a page's URL that holds the query."""


def explore_url(external_url: str, expression: str) -> str:
    """Where a person sees `expression` on a chart, '' where nobody said how people reach this server.

    external_url: as set by `alerts.external_url`, with or without a slash at its end.
    """
    if not external_url:
        return ""
    return f"{external_url.rstrip('/')}{BASE}{EXPLORE}?{QUERY_KEY}={quote(expression, safe='')}"
