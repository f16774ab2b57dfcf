"""Disks that are reached over several paths, made by the device mapper."""

from __future__ import annotations

from collections.abc import Iterator

from collector.families import Reading, Row, gauge, grouped
from collector.node.roots import Roots, listing, listing_if_any, optional_text

_LABELS = ("device", "sysfs_name")
ACTIVE = gauge(
    "node_dmmultipath_device_active",
    "Whether the multipath device-mapper device is active (1) or suspended (0).",
    *_LABELS,
)
INFO = gauge(
    "node_dmmultipath_device_info",
    "Non-numeric information about a DM-multipath device.",
    *_LABELS,
    "uuid",
)
PATHS = gauge("node_dmmultipath_device_paths", "Number of paths for a multipath device.", *_LABELS)
PATHS_ACTIVE = gauge(
    "node_dmmultipath_device_paths_active",
    "Number of paths in active state (SCSI running or NVMe live) for a multipath device.",
    *_LABELS,
)
PATHS_FAILED = gauge(
    "node_dmmultipath_device_paths_failed",
    "Number of paths not in active state for a multipath device.",
    *_LABELS,
)
SIZE = gauge(
    "node_dmmultipath_device_size_bytes",
    "Size of the multipath device in bytes, read from /sys/block/<dm>/size.",
    *_LABELS,
)
PATH_STATE = gauge(
    "node_dmmultipath_path_state",
    "Reports the underlying device state for a multipath path, as read from /sys/block/<dev>/device/state.",
    "device",
    "path",
    "state",
)
_SECTOR_BYTES = 512.0
_WORKING = {"running", "live"}


def read(roots: Roots) -> list[Reading]:
    """One reading, empty where there is none. Raises OSError, ValueError."""
    return grouped(_rows(f"{roots.sys}/block"))


def _rows(blocks: str) -> Iterator[Row]:
    for name in listing(blocks):
        if name.startswith("dm-"):
            uuid = optional_text(f"{blocks}/{name}/dm/uuid") or ""
            if uuid.startswith("mpath-"):
                yield from _device(blocks, name, uuid)


def _device(blocks: str, name: str, uuid: str) -> Iterator[Row]:
    directory = f"{blocks}/{name}"
    device = optional_text(f"{directory}/dm/name") or name
    labels = (device, name)
    states = {
        path: optional_text(f"{blocks}/{path}/device/state") or "unknown"
        for path in listing_if_any(f"{directory}/slaves")
    }
    working = sum(state in _WORKING for state in states.values())
    yield INFO, (*labels, uuid), 1.0
    yield ACTIVE, labels, float(optional_text(f"{directory}/dm/suspended") == "0")
    yield SIZE, labels, float(optional_text(f"{directory}/size") or 0) * _SECTOR_BYTES
    yield PATHS, labels, float(len(states))
    yield PATHS_ACTIVE, labels, float(working)
    yield PATHS_FAILED, labels, float(len(states) - working)
    for path, state in states.items():
        yield PATH_STATE, (device, path, state), 1.0
