"""What the pages need from the rest of Swell, passed in once by the composition root."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from dashboards.library import Library
from query.block import Result
from storage.interface import SeriesCatalogue


class InstantQuery(Protocol):
    """PromQL at one time."""

    def __call__(self, text: str, at_ms: int, /) -> Result:
        """Evaluate `text` at `at_ms`. Raises `storage.errors.Error`."""


class RangeQuery(Protocol):
    """PromQL over a range."""

    def __call__(self, text: str, start_ms: int, end_ms: int, step_ms: int, /) -> Result:
        """Evaluate `text` at start, start + step, …, not beyond `end_ms`. Raises `storage.errors.Error`."""


@dataclass(frozen=True, slots=True)
class Services:
    """Blocking callables; the pages run them on threads.

    rules: the `data` of Prometheus's `/api/v1/rules` answer (`{"groups": […]}`), None where no rules are
    evaluated. now_ms: the clock, milliseconds since the epoch. ingest_url: where collectors push to.
    catalogue: which series there are. library: the dashboards.
    """

    instant: InstantQuery
    range: RangeQuery
    rules: Callable[[], Mapping[str, Any]] | None
    now_ms: Callable[[], int]
    ingest_url: str
    catalogue: SeriesCatalogue
    library: Library
