"""Events, and what senders say of sources: few, and read as they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

VERSION_BITS: Final = 20


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened. `id` is a hash of all the rest, so that an event that comes again is one.

    Times are milliseconds since the epoch; both are the same for what took no time.
    """

    id: int
    start_ms: int
    end_ms: int
    name: str
    severity: str
    type: str
    details: str
    annotations: Mapping[str, str]
    tags: tuple[str, ...]
    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SourceChange:
    """A change of what is said of a source.

    kind: `tag`, which is set or not under the name `text`; `tags`, which takes away all tags of smaller
    versions; or `description`, of which `text` is the text. Of each kind, and of each tag, the change of the
    greatest version counts: milliseconds since the epoch, shifted by `VERSION_BITS`, and a running number.
    """

    source: str
    kind: str
    text: str
    is_set: bool
    version: int


@dataclass(frozen=True, slots=True)
class Source:
    """What is said of a source: tags, sorted, and a description; and when that changed last."""

    source: str
    tags: tuple[str, ...]
    description: str
    updated_ms: int


def sources_of(changes: Iterable[SourceChange]) -> list[Source]:
    """What is left of all changes, sorted by source."""
    by_source: dict[str, list[SourceChange]] = {}
    for change in changes:
        by_source.setdefault(change.source, []).append(change)
    return [_source(name, found) for name, found in sorted(by_source.items())]


def _source(name: str, changes: Sequence[SourceChange]) -> Source:
    ordered = sorted(changes, key=lambda change: (change.version, change.kind != "tags"))
    tags: set[str] = set()
    description = ""
    for change in ordered:
        if change.kind == "tags":
            tags.clear()
        elif change.kind == "description":
            description = change.text
        elif change.is_set:
            tags.add(change.text)
        else:
            tags.discard(change.text)
    return Source(name, tuple(sorted(tags)), description, ordered[-1].version >> VERSION_BITS)
