"""Who sends: targets as Prometheus tells of them, read off their `up` series."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import numpy as np

from query.deadline import Deadline
from query.engine import Engine
from storage.interface import Storage
from storage.model import METRIC_NAME, Matcher, MatchOp

_UP: Final = Matcher(METRIC_NAME, MatchOp.EQUAL, "up")
_HEALTH: Final = {1.0: "up", 0.0: "down"}


def targets_of(engine: Engine, at_ms: int, deadline: Deadline, pool: str = "") -> dict[str, Any]:
    """Every target whose `up` was seen within the lookback, of one job or of all."""
    samples = engine.newest([_UP], at_ms, deadline=deadline)
    owners = np.repeat(np.arange(samples.labels.size), np.diff(samples.offsets))
    active = []
    for row, health, seen_ms in zip(
        samples.labels.take(owners).rows(),
        samples.values.tolist(),
        samples.timestamps_ms.tolist(),
        strict=True,
    ):
        labels = {name: value for name, value in row.items() if name != METRIC_NAME}
        if pool in ("", labels.get("job", "")):
            active.append(_target(labels, health, seen_ms / 1000))
    return {"activeTargets": active, "droppedTargets": [], "droppedTargetCounts": {}}


def pools_of(engine: Engine, at_ms: int, deadline: Deadline) -> dict[str, Any]:
    """The jobs of all targets."""
    found = engine.newest([_UP], at_ms, deadline=deadline)
    rows = np.flatnonzero(np.diff(found.offsets))
    return {"scrapePools": sorted(set(filter(None, found.labels.take(rows).values("job"))))}


def target_metadata(storage: Storage, metric: str, limit: int) -> list[dict[str, Any]]:
    """Metadata of one metric or of all; which target sent it is not kept, so `target` is empty."""
    rows = storage.read_metadata(metric or None)
    return [
        {"target": {}, "metric": row.metric, "type": row.type, "help": row.help, "unit": row.unit}
        for row in rows[: limit or None]
    ]


def _target(labels: dict[str, str], health: float, seen_s: float) -> dict[str, Any]:
    moment = datetime.fromtimestamp(seen_s, UTC)
    return {
        "discoveredLabels": {},
        "labels": labels,
        "scrapePool": labels.get("job", ""),
        "scrapeUrl": "",
        "globalUrl": "",
        "lastError": "" if health else "the target says that it is down",
        "lastScrape": f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z",
        "lastScrapeDuration": 0,
        "health": "unknown" if np.isnan(health) else _HEALTH.get(health, "unknown"),
        "scrapeInterval": "",
        "scrapeTimeout": "",
    }
