"""What is known of a target, for the page of targets and for the collector's own metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from collector.target import Target


class Health(StrEnum):
    """Whether the last scrape succeeded; unknown before the first. Prometheus's words."""

    UNKNOWN = "unknown"
    UP = "up"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Status:
    """One target as of its last scrape.

    last_scrape_ms: when it began, since the epoch, 0 for never. samples, kept: on the last page, before and
    after relabelling. series: that live now, the target's report included. drops: samples of all scrapes that
    were on a page and not kept, by reason: `relabelling`, `duplicate`, `out_of_order`. failures: scrapes that
    failed, by reason.
    """

    target: Target
    health: Health = Health.UNKNOWN
    last_scrape_ms: int = 0
    duration_s: float = 0.0
    error: str = ""
    samples: int = 0
    kept: int = 0
    series: int = 0
    scrapes: int = 0
    drops: Mapping[str, int] = field(default_factory=dict)
    failures: Mapping[str, int] = field(default_factory=dict)
