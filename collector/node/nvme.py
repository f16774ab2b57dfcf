"""NVMe drives and their namespaces."""

from __future__ import annotations

import re
from collections.abc import Iterator

from collector.families import Reading, Row, gauge, grouped
from collector.node.roots import Roots, attributes, listing

_DRIVE = ("cntlid", "firmware_rev", "model", "serial", "state")
INFO = gauge(
    "node_nvme_info",
    "Non-numeric data from /sys/class/nvme/<device>, value is always 1.",
    "device",
    "cntlid",
    "firmware_revision",
    "model",
    "serial",
    "state",
)
_LABELS = ("device", "nsid")
NAMESPACE = gauge(
    "node_nvme_namespace_info",
    "Information about NVMe namespaces. Value is always 1",
    *_LABELS,
    "ana_state",
)
CAPACITY = gauge(
    "node_nvme_namespace_capacity_bytes",
    "Capacity of the NVMe namespace in bytes. Computed as namespace_size * namespace_logical_block_size",
    *_LABELS,
)
BLOCK = gauge(
    "node_nvme_namespace_logical_block_size_bytes",
    "Logical block size of the NVMe namespace in bytes. Usually 4Kb. Available in"
    " /sys/class/nvme/<device>/<namespace>/queue/logical_block_size",
    *_LABELS,
)
SIZE = gauge(
    "node_nvme_namespace_size_bytes",
    "Size of the NVMe namespace in bytes. Available in /sys/class/nvme/<device>/<namespace>/size",
    *_LABELS,
)
USED = gauge(
    "node_nvme_namespace_used_bytes",
    "Used space of the NVMe namespace in bytes. Available in /sys/class/nvme/<device>/<namespace>/nuse",
    *_LABELS,
)
_SPACE = re.compile(r"^nvme\d+(?:c\d+)?n(\d+)$")


def read(roots: Roots) -> list[Reading]:
    """One reading. Raises OSError where there is no drive, ValueError."""
    return grouped(_rows(f"{roots.sys}/class/nvme"))


def _rows(directory: str) -> Iterator[Row]:
    for device in listing(directory):
        path = f"{directory}/{device}"
        texts = attributes(path, _DRIVE)
        yield INFO, (device, *(texts.get(name, "") for name in _DRIVE)), 1.0
        for name in listing(path):
            found = _SPACE.match(name)
            if found:
                yield from _namespace(f"{path}/{name}", (device, found[1]))


def _namespace(path: str, labels: tuple[str, str]) -> Iterator[Row]:
    """Sizes are multiplied by the logical block, as node_exporter does."""
    texts = attributes(path, ("ana_state", "nuse", "size", "queue/logical_block_size"))
    block = float(texts.get("queue/logical_block_size", 0))
    size = float(texts.get("size", 0)) * block
    yield NAMESPACE, (*labels, texts.get("ana_state", "unknown")), 1.0
    yield BLOCK, labels, block
    yield SIZE, labels, size
    yield CAPACITY, labels, size
    yield USED, labels, float(texts.get("nuse", 0)) * block
