"""Btrfs file systems (kernel, fs/btrfs/sysfs.c)."""

from __future__ import annotations

from collections.abc import Iterator

from collector.families import Reading, Row, counter, gauge, grouped
from collector.node.roots import Roots, attributes, listing, listing_if_any, optional_text

INFO = gauge("node_btrfs_info", "Filesystem information", "uuid", "label")
GLOBAL = gauge("node_btrfs_global_rsv_size_bytes", "Size of global reserve.", "uuid")
DEVICE = gauge(
    "node_btrfs_device_size_bytes", "Size of a device that is part of the filesystem.", "uuid", "device"
)
RESERVED = gauge(
    "node_btrfs_reserved_bytes", "Amount of space reserved for a data type", "uuid", "block_group_type"
)
_LAYOUT = ("uuid", "block_group_type", "mode")
SIZE = gauge("node_btrfs_size_bytes", "Amount of space allocated for a layout/data type", *_LAYOUT)
USED = gauge("node_btrfs_used_bytes", "Amount of used space by a layout/data type", *_LAYOUT)
RATIO = gauge("node_btrfs_allocation_ratio", "Data allocation ratio for a layout/data type", *_LAYOUT)
COMMITS = counter("node_btrfs_commits_total", "The total number of commits that have occurred.", "uuid")
# Line of commit_stats, in ms -> family.
COMMIT_TIMES = {
    "last_commit_ms": gauge(
        "node_btrfs_last_commit_seconds", "Duration of the most recent commit, in seconds.", "uuid"
    ),
    "max_commit_ms": gauge(
        "node_btrfs_max_commit_seconds", "Duration of the slowest commit, in seconds.", "uuid"
    ),
    "total_commit_ms": counter(
        "node_btrfs_commit_seconds_total", "Sum of the duration of all commits, in seconds.", "uuid"
    ),
}

_SECTOR_BYTES = 512.0
_TYPES = ("data", "metadata", "mixed", "system")
# Bytes of disk a byte of data; where a stripe has parity it depends on the number of devices.
_COPIES = {"single": 1, "raid0": 1, "dup": 2, "raid1": 2, "raid10": 2, "raid1c3": 3, "raid1c4": 4}
_PARITY = {"raid5": 1, "raid6": 2}


def ratio(mode: str, devices: int) -> float | None:
    """Bytes of disk that a byte of data takes, None for a layout that is not known."""
    if mode in _PARITY and devices > _PARITY[mode]:
        return devices / (devices - _PARITY[mode])
    return float(_COPIES[mode]) if mode in _COPIES else None


def read(roots: Roots) -> list[Reading]:
    """One reading, empty where there is none. Raises OSError, ValueError."""
    return grouped(_rows(f"{roots.sys}/fs/btrfs"))


def _rows(directory: str) -> Iterator[Row]:
    for uuid in listing_if_any(directory):
        path = f"{directory}/{uuid}"
        # The module's own directories lie beside the file systems.
        allocation = listing_if_any(f"{path}/allocation")
        if not allocation:
            continue
        devices = listing_if_any(f"{path}/devices")
        yield INFO, (uuid, optional_text(f"{path}/label") or ""), 1.0
        yield GLOBAL, (uuid,), float(optional_text(f"{path}/allocation/global_rsv_size") or 0)
        for device in devices:
            size = optional_text(f"{path}/devices/{device}/size")
            yield DEVICE, (uuid, device), float(size or 0) * _SECTOR_BYTES
        for kind in allocation:
            if kind in _TYPES:
                yield from _allocation(f"{path}/allocation/{kind}", uuid, kind, len(devices))
        yield from _commits(optional_text(f"{path}/commit_stats") or "", uuid)


def _allocation(path: str, uuid: str, kind: str, devices: int) -> Iterator[Row]:
    yield RESERVED, (uuid, kind), float(optional_text(f"{path}/bytes_reserved") or 0)
    for mode in listing(path):
        found = ratio(mode, devices)
        if found is not None:
            texts = attributes(f"{path}/{mode}", ("total_bytes", "used_bytes"))
            yield SIZE, (uuid, kind, mode), float(texts.get("total_bytes", 0))
            yield USED, (uuid, kind, mode), float(texts.get("used_bytes", 0))
            yield RATIO, (uuid, kind, mode), found


def _commits(text: str, uuid: str) -> Iterator[Row]:
    """Zeroes where the kernel is older than 6.0, as node_exporter has it."""
    known = dict(line.split() for line in text.splitlines())
    yield COMMITS, (uuid,), float(known.get("commits", 0))
    for name, family in COMMIT_TIMES.items():
        yield family, (uuid,), float(known.get(name, 0)) / 1000.0
