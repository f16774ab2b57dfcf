"""What a scraper says of a scrape: `up` and its companions, as Prometheus makes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from collector.scrape.naming import Naming
from storage.model import Metadata

_ALWAYS: Final = (
    Metadata("up", "gauge", "1 where the last scrape of the target succeeded, else 0.", ""),
    Metadata("scrape_duration_seconds", "gauge", "How long the scrape took.", "seconds"),
    Metadata("scrape_samples_scraped", "gauge", "Samples that the target exposed.", ""),
    Metadata("scrape_samples_post_metric_relabeling", "gauge", "Samples that relabelling left.", ""),
    Metadata("scrape_series_added", "gauge", "Series that the scrape before did not have.", ""),
)
_EXTRA: Final = (
    Metadata("scrape_timeout_seconds", "gauge", "How long a scrape of the target may take.", "seconds"),
    Metadata("scrape_sample_limit", "gauge", "Samples that a page may have, 0 for no limit.", ""),
    Metadata("scrape_body_size_bytes", "gauge", "Size of the page, no longer compressed; -1 too large.", ""),
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one scrape came to. body_bytes: -1 where the page was longer than its limit."""

    is_up: bool
    duration_s: float
    scraped: int
    kept: int
    added: int
    body_bytes: int


@dataclass(frozen=True, slots=True)
class Report:
    """The series of a target's outcomes. lines: their encoded labels, in the order of `values`."""

    lines: tuple[bytes, ...]
    metadata: tuple[Metadata, ...]
    further: tuple[float, ...]

    @classmethod
    def of(cls, naming: Naming, has_extra: bool) -> Report:
        """has_extra: those that Prometheus makes where it is asked for extra scrape metrics."""
        metadata = _ALWAYS + (_EXTRA if has_extra else ())
        target = naming.target
        further = (target.timeout_ms / 1000, float(target.bounds.samples)) if has_extra else ()
        return cls(tuple(naming.report(one.metric) for one in metadata), metadata, further)

    def values(self, outcome: Outcome) -> Sequence[float]:
        """A value a line."""
        return (
            float(outcome.is_up),
            outcome.duration_s,
            float(outcome.scraped),
            float(outcome.kept),
            float(outcome.added),
            *self.further,
            *((float(outcome.body_bytes),) if self.further else ()),
        )
