"""Kubernetes's Events: each time one occurs is a happening, and counts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import msgspec

from collector.families import Reading, counter
from collector.kube.change import Change, Kind, Metadata, Resource
from collector.kube.happening import Happening, time_ms

_MOST_SERIES: Final = 2_000
_OTHER: Final = "other"
_OCCURRED: Final = counter(
    "swell_kube_events_total",
    "Occurrences of Kubernetes's Events since this collector watches.",
    "type",
    "reason",
    "kind",
    "namespace",
)


class Involved(msgspec.Struct, frozen=True):
    """The object that an Event is about."""

    kind: str = ""
    namespace: str = ""
    name: str = ""


class Reporter(msgspec.Struct, frozen=True):
    """Who saw it."""

    component: str = ""
    host: str = ""


class Series(msgspec.Struct, rename="camel", frozen=True):
    """Occurrences of an Event of the newer API."""

    count: int = 0
    last_observed_time: str | None = None


class Event(msgspec.Struct, rename="camel", frozen=True):
    """An Event as the core API gives it, of the older or the newer kind. Any time may be null."""

    metadata: Metadata = Metadata()
    involved_object: Involved = Involved()
    reason: str = ""
    message: str = ""
    type: str = ""
    count: int | None = None
    first_timestamp: str | None = None
    last_timestamp: str | None = None
    event_time: str | None = None
    series: Series | None = None
    source: Reporter = Reporter()
    reporting_component: str = ""
    reporting_instance: str = ""

    @property
    def occurrences(self) -> int:
        """How often it has occurred."""
        return max(1, self.count or 0, self.series.count if self.series else 0)

    @property
    def last_ms(self) -> int:
        """When it last did."""
        times = (
            self.series.last_observed_time if self.series else None,
            self.last_timestamp,
            self.event_time,
            self.first_timestamp,
            self.metadata.creation_timestamp,
        )
        return next((at for at in map(time_ms, times) if at), 0)


EVENTS: Final = Resource("v1", "events", Event)


@dataclass(slots=True)
class Events:
    """Counts occurrences; what had occurred before the first list was whole is told, and not counted.

    Series are bounded: beyond 2,000, reasons and namespaces are counted as `other`.
    """

    _known: dict[str, int] = field(default_factory=dict)
    _counts: dict[tuple[str, ...], float] = field(default_factory=dict)
    _is_listed: bool = False

    def take(self, change: Change[Event]) -> Happening | None:
        """One step of the watch; what happened, if something new did."""
        event = change.object
        if event is None:
            self._is_listed = True
            return None
        key = event.metadata.uid or f"{event.metadata.namespace}/{event.metadata.name}"
        if change.kind is Kind.GONE:
            self._known.pop(key, None)
            return None
        more = event.occurrences - self._known.get(key, 0)
        self._known[key] = event.occurrences
        self._count(event, more if self._is_listed else 0)
        return _happening(event) if more > 0 and event.last_ms else None

    def readings(self) -> list[Reading]:
        """The counters."""
        return [_OCCURRED.rows(self._counts)] if self._counts else []

    def _count(self, event: Event, more: int) -> None:
        about = event.involved_object
        series = (event.type, event.reason, about.kind, about.namespace)
        if series not in self._counts and len(self._counts) >= _MOST_SERIES:
            series = (event.type, _OTHER, about.kind if len(about.kind) < 40 else _OTHER, _OTHER)
            if series not in self._counts and len(self._counts) >= 2 * _MOST_SERIES:
                series = (_OTHER, _OTHER, _OTHER, _OTHER)
        self._counts[series] = self._counts.get(series, 0) + max(0, more)


def _happening(event: Event) -> Happening:
    about = event.involved_object
    annotations = {
        "namespace": about.namespace,
        "object": about.name,
        "object_kind": about.kind,
        "reason": event.reason,
        "component": event.reporting_component or event.source.component,
        "count": str(event.occurrences),
    }
    return Happening(
        name=f"{event.reason or event.type}: {about.kind} {about.namespace}/{about.name}",
        at_ms=event.last_ms,
        kind="kubernetes-event",
        severity="info" if event.type == "Normal" else "warn",
        details=event.message,
        annotations=annotations,
        host=event.source.host,
    )
