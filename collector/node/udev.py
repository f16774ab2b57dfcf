"""What udev knows of block devices: models, serial numbers, file systems. A part of `diskstats`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from collector.families import Reading, Row, gauge, grouped
from collector.node.roots import Roots, optional_text, read_text

INFO = gauge(
    "node_disk_info",
    "Info of /sys/block/<block_device>.",
    "device",
    "major",
    "minor",
    "path",
    "wwn",
    "model",
    "serial",
    "revision",
    "rotational",
)
FILESYSTEM = gauge(
    "node_disk_filesystem_info", "Info about disk filesystem.", "device", "type", "usage", "uuid", "version"
)
MAPPER = gauge(
    "node_disk_device_mapper_info",
    "Info about disk device mapper.",
    "device",
    "name",
    "uuid",
    "vg_name",
    "lv_name",
    "lv_layer",
)
ATA = {
    "ID_ATA_WRITE_CACHE": gauge("node_disk_ata_write_cache", "ATA disk has a write cache.", "device"),
    "ID_ATA_WRITE_CACHE_ENABLED": gauge(
        "node_disk_ata_write_cache_enabled", "ATA disk has its write cache enabled.", "device"
    ),
    "ID_ATA_ROTATION_RATE_RPM": gauge(
        "node_disk_ata_rotation_rate_rpm", "ATA disk rotation rate in RPMs (0 for SSDs).", "device"
    ),
}
_FILESYSTEM = ("ID_FS_TYPE", "ID_FS_USAGE", "ID_FS_UUID", "ID_FS_VERSION")
_MAPPER = ("DM_NAME", "DM_UUID", "DM_VG_NAME", "DM_LV_NAME", "DM_LV_LAYER")
_SERIALS = ("SCSI_IDENT_SERIAL", "ID_SERIAL_SHORT", "ID_SERIAL")

Device = tuple[str, str, str]
"""(major, minor, name)."""


def parse(text: str) -> dict[str, str]:
    """An entry of udev's database to its properties: the lines 'E:name=value'."""
    pairs = (line[2:].partition("=") for line in text.splitlines() if line.startswith("E:"))
    return {name: value for name, _, value in pairs}


def rows(device: Device, properties: Mapping[str, str], rotational: str) -> Iterator[Row]:
    """What is known of one device."""
    major, minor, name = device
    serial = next(filter(None, map(properties.get, _SERIALS)), "")
    path, wwn, model, revision = (
        properties.get(key, "") for key in ("ID_PATH", "ID_WWN", "ID_MODEL", "ID_REVISION")
    )
    yield INFO, (name, major, minor, path, wwn, model, serial, revision, rotational), 1.0
    if properties.get("ID_FS_USAGE"):
        yield FILESYSTEM, (name, *(properties.get(key, "") for key in _FILESYSTEM)), 1.0
    if properties.get("DM_NAME"):
        yield MAPPER, (name, *(properties.get(key, "") for key in _MAPPER)), 1.0
    for key, family in ATA.items():
        if properties.get(key):
            yield family, (name,), float(properties[key])


@dataclass(slots=True)
class Udev:
    """Reads the entries; one is parsed again when its file has changed. `known` holds them by path."""

    known: dict[str, tuple[int, dict[str, str]]] = field(default_factory=dict)

    def __call__(self, roots: Roots, devices: Sequence[Device]) -> list[Reading]:
        """One reading. Raises ValueError."""
        self.known, before = {}, self.known
        return grouped(
            row
            for device in devices
            for row in rows(device, self._properties(roots, device, before), _rotational(roots, device))
        )

    def _properties(
        self, roots: Roots, device: Device, before: Mapping[str, tuple[int, dict[str, str]]]
    ) -> dict[str, str]:
        """None for a device that udev does not know, or where its database is not mounted."""
        path = f"{roots.udev}/b{device[0]}:{device[1]}"
        try:
            changed_ns = os.stat(path).st_mtime_ns  # noqa: PTH116 - a third of the time of a Path
            entry = before.get(path)
            if entry is None or entry[0] != changed_ns:
                entry = (changed_ns, parse(read_text(path)))
        except OSError:
            return {}
        self.known[path] = entry
        return entry[1]


def _rotational(roots: Roots, device: Device) -> str:
    """'0' where sysfs does not say, as node_exporter has it."""
    return optional_text(f"{roots.sys}/block/{device[2]}/queue/rotational") or "0"
