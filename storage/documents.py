"""Documents that people keep in the store, with every version: dashboards, rules, silences. Pure values."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Document:
    """One version of a document.

    kind, id: what it is and which one. version: 1 for the first, each later one larger by one. text: the
    content. author: who wrote it, '' where nobody said. written_ms: when. is_deleted: with this version the
    document ended; a later one may begin it again.
    """

    kind: str
    id: str
    version: int
    text: str
    author: str = ""
    written_ms: int = 0
    is_deleted: bool = False
