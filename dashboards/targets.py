"""Collectors and their targets, read by PromQL from what collectors tell of themselves."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from dashboards.services import InstantQuery
from query.block import Block, Result

SEEN_WITHIN: Final = "5m"
"""A collector that has said nothing for longer than this is no longer listed."""

_TARGET: Final = ("cluster", "instance", "target_job", "target_instance", "url")
_COLLECTOR: Final = ("cluster", "instance")
_OF_TARGET: Final[Mapping[str, str]] = {
    "up": "swell_collector_target_up",
    "last_scrape_s": "swell_collector_target_last_scrape_timestamp_seconds",
    "duration_s": "swell_collector_target_scrape_seconds",
    "samples": "swell_collector_target_samples",
    "dropped": "sum without (reason) (swell_collector_target_dropped_samples_total)",
}
_OF_COLLECTOR: Final[Mapping[str, str]] = {
    "sent_per_s": 'sum by (cluster, instance) (rate(swell_collector_sent_samples_total{outcome="sent"}[2m]))',
    "lost": (
        "sum by (cluster, instance) (increase(swell_collector_sent_samples_total"
        '{outcome=~"full|refused|unwritable"}[1h]))'
    ),
    "waiting_bytes": "sum by (cluster, instance) (swell_collector_spool_bytes)",
    "resident_bytes": 'max by (cluster, instance) (process_resident_memory_bytes{job="swell-collector"})',
}

TargetKey = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Target:
    """One target as its collector saw it last; numbers that are not known are NaN."""

    cluster: str
    collector: str
    job: str
    instance: str
    url: str
    up: float
    last_scrape_s: float
    duration_s: float
    samples: float
    dropped: float
    error: str

    @property
    def is_up(self) -> bool:
        """Whether its last scrape succeeded."""
        return self.up == 1


@dataclass(frozen=True, slots=True)
class Collector:
    """One collector and its targets, those that are down first. lost: samples of the last hour."""

    cluster: str
    name: str
    sent_per_s: float
    lost: float
    waiting_bytes: float
    resident_bytes: float
    targets: tuple[Target, ...]


def read_collectors(instant: InstantQuery, now_ms: int) -> list[Collector]:
    """Collectors that have told of themselves lately, by cluster and name.

    Raises `storage.errors.Error` when a query cannot be answered.
    """
    of_target = {name: dict(_rows(instant(text, now_ms), _TARGET)) for name, text in _OF_TARGET.items()}
    of_collector = {
        name: dict(_rows(instant(text, now_ms), _COLLECTOR)) for name, text in _OF_COLLECTOR.items()
    }
    errors = _errors(instant("swell_collector_target_error", now_ms))
    targets = [_target(key, of_target, errors.get(key, "")) for key in of_target["up"]]
    names = {key for column in of_collector.values() for key in column}
    names |= {(target.cluster, target.collector) for target in targets}
    return [_collector(key, of_collector, targets) for key in sorted(names)]


def _target(key: TargetKey, columns: Mapping[str, Mapping[TargetKey, float]], error: str) -> Target:
    told: dict[str, Any] = {name: column.get(key, math.nan) for name, column in columns.items()}
    cluster, collector, job, instance, url = key
    return Target(cluster, collector, job, instance, url, **told, error=error)


def _collector(
    key: TargetKey, columns: Mapping[str, Mapping[TargetKey, float]], targets: list[Target]
) -> Collector:
    own = [target for target in targets if (target.cluster, target.collector) == key]
    own.sort(key=lambda target: (target.is_up, target.job, target.url))
    told: dict[str, Any] = {name: column.get(key, math.nan) for name, column in columns.items()}
    cluster, name = key
    return Collector(cluster, name, **told, targets=tuple(own))


def _errors(result: Result) -> dict[TargetKey, str]:
    block = result.value
    if not isinstance(block, Block):
        return {}
    return {
        tuple(labels.get(name, "") for name in _TARGET): labels.get("error", "")
        for labels in block.labels.rows()
    }


def _rows(result: Result, names: tuple[str, ...]) -> Iterator[tuple[TargetKey, float]]:
    block = result.value
    if isinstance(block, Block):
        for i, labels in enumerate(block.labels.rows()):
            yield tuple(labels.get(name, "") for name in names), float(block.values[i][-1])
