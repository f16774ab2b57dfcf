"""Something that happened in a cluster, as the service takes it: an event on charts, and in lists."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Happening:
    """Times are milliseconds since the epoch. severity: info, warn or severe. kind: what charts filter by.

    The same thing told twice must be equal to the last letter: the service knows it by its content.
    """

    name: str
    at_ms: int
    kind: str
    severity: str = "info"
    details: str = ""
    annotations: Mapping[str, str] = field(default_factory=dict)
    host: str = ""


def encoded(happenings: Iterable[Happening], labels: Mapping[str, str]) -> bytes:
    """The body of a POST to `/api/v2/event`. labels: annotations of every one, such as `cluster`."""
    return json.dumps([_content(one, labels) for one in happenings]).encode()


def _content(one: Happening, labels: Mapping[str, str]) -> dict[str, object]:
    known = {"severity": one.severity, "type": one.kind, "details": one.details}
    annotations = {**labels, **one.annotations, **known}
    return {
        "name": one.name,
        "startTime": one.at_ms,
        "endTime": one.at_ms,
        "annotations": {name: value for name, value in annotations.items() if value},
        "hosts": [one.host] if one.host else [],
    }


def time_ms(text: str | None) -> int:
    """Milliseconds of an RFC 3339 time; 0 for none, or one that is not to be read."""
    if not text:
        return 0
    try:
        return round(datetime.fromisoformat(text).timestamp() * 1000)
    except ValueError:
        return 0
