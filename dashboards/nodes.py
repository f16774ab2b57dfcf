"""Nodes as the overview lists them, read by PromQL from node_exporter's metrics."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np

from dashboards.services import InstantQuery, RangeQuery
from query.block import Block, Result
from storage.model import Float64Array

SEEN_WITHIN: Final = "1h"
"""A node that has not reported for longer than this is no longer listed."""

DOWN_AFTER_S: Final = 90.0
"""A node is down when its last sample is older than this, six passes of a collector."""

_BY: Final = "by (cluster, instance)"
_DISKS: Final = '{fstype!~"tmpfs|ramfs|overlay|squashfs|iso9660|autofs|nsfs"}'
_NICS: Final = '{device!~"lo|veth.*|docker.*|br-.*|cni.*|cali.*"}'

QUERIES: Final[Mapping[str, str]] = {
    # Exact where the node still reports, to half a minute where it is gone.
    "last_seen_s": (
        f"max {_BY} (timestamp(node_boot_time_seconds))"
        f" or max {_BY} (max_over_time(timestamp(node_boot_time_seconds)[{SEEN_WITHIN}:30s]))"
    ),
    "up": f"min {_BY} (up and on (job, instance) node_boot_time_seconds)",
    "cpu_percent": f'100 * (1 - avg {_BY} (rate(node_cpu_seconds_total{{mode="idle"}}[2m])))',
    "cores": f'count {_BY} (node_cpu_seconds_total{{mode="idle"}})',
    "memory_percent": (
        f"100 * (1 - sum {_BY} (node_memory_MemAvailable_bytes) / sum {_BY} (node_memory_MemTotal_bytes))"
    ),
    "load": f"max {_BY} (node_load1)",
    "disk_percent": (
        f"100 * max {_BY} (1 - node_filesystem_avail_bytes{_DISKS} / node_filesystem_size_bytes{_DISKS})"
    ),
    "received_bytes_per_s": f"sum {_BY} (rate(node_network_receive_bytes_total{_NICS}[2m]))",
    "sent_bytes_per_s": f"sum {_BY} (rate(node_network_transmit_bytes_total{_NICS}[2m]))",
    "boot_time_s": f"max {_BY} (node_boot_time_seconds)",
}
"""Instant queries, one a field of `Node`, each grouped by cluster and instance."""

_HISTORY_MS: Final = 3_600_000
_HISTORY_STEP_MS: Final = 60_000

NodeKey = tuple[str, str]


def _no_history() -> Float64Array:
    return np.empty(0)


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """One machine; numbers that are not known are NaN. history: float64 (steps,), CPU percent of an hour."""

    cluster: str
    instance: str
    last_seen_s: float
    up: float = math.nan
    cpu_percent: float = math.nan
    cores: float = math.nan
    memory_percent: float = math.nan
    load: float = math.nan
    disk_percent: float = math.nan
    received_bytes_per_s: float = math.nan
    sent_bytes_per_s: float = math.nan
    boot_time_s: float = math.nan
    history: Float64Array = field(default_factory=_no_history)

    def is_up(self, now_ms: int) -> bool:
        """Whether the node reports and its collector does not say that it is down."""
        return now_ms / 1000 - self.last_seen_s <= DOWN_AFTER_S and self.up != 0


def read_nodes(instant: InstantQuery, ranged: RangeQuery, now_ms: int) -> list[Node]:
    """Nodes seen within the last hour: those that are down first, then by name.

    Raises `storage.errors.Error` when a query cannot be answered.
    """
    columns = {name: dict(_latest(instant(text, now_ms))) for name, text in QUERIES.items()}
    start_ms = now_ms - _HISTORY_MS
    history = dict(_rows(ranged(QUERIES["cpu_percent"], start_ms, now_ms, _HISTORY_STEP_MS)))
    nodes = [_node(key, columns, history.get(key, _no_history())) for key in columns["last_seen_s"]]
    return sorted(nodes, key=lambda node: (node.is_up(now_ms), node.cluster, node.instance))


def _node(key: NodeKey, columns: Mapping[str, Mapping[NodeKey, float]], history: Float64Array) -> Node:
    numbers: dict[str, Any] = {name: column.get(key, math.nan) for name, column in columns.items()}
    return replace(Node(*key, last_seen_s=math.nan, history=history), **numbers)


def _latest(result: Result) -> Iterator[tuple[NodeKey, float]]:
    for key, values in _rows(result):
        yield key, float(values[-1])


def _rows(result: Result) -> Iterator[tuple[NodeKey, Float64Array]]:
    block = result.value
    if not isinstance(block, Block):
        return
    values = np.where(block.floats().present, block.values, np.nan)
    for i, labels in enumerate(block.labels.rows()):
        yield (labels.get("cluster", ""), labels.get("instance", "")), values[i]
