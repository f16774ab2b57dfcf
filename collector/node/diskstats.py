"""Work of the block devices: every field of /proc/diskstats."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from collector.families import Family, Reading, counter, gauge
from collector.node.roots import Roots
from collector.node.udev import Udev

_SECTOR_BYTES = 512.0
_MILLISECOND = 0.001

EXCLUDE = r"^(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+$"
"""node_exporter's default: memory disks, loops, floppies and partitions are left out."""

# In the order of the columns (kernel, Documentation/admin-guide/iostats.rst), with the factor to base units.
COLUMNS: tuple[tuple[Family, float], ...] = (
    (
        counter(
            "node_disk_reads_completed_total", "The total number of reads completed successfully.", "device"
        ),
        1.0,
    ),
    (counter("node_disk_reads_merged_total", "The total number of reads merged.", "device"), 1.0),
    (
        counter("node_disk_read_bytes_total", "The total number of bytes read successfully.", "device"),
        _SECTOR_BYTES,
    ),
    (
        counter(
            "node_disk_read_time_seconds_total", "The total number of seconds spent by all reads.", "device"
        ),
        _MILLISECOND,
    ),
    (
        counter(
            "node_disk_writes_completed_total", "The total number of writes completed successfully.", "device"
        ),
        1.0,
    ),
    (counter("node_disk_writes_merged_total", "The number of writes merged.", "device"), 1.0),
    (
        counter("node_disk_written_bytes_total", "The total number of bytes written successfully.", "device"),
        _SECTOR_BYTES,
    ),
    (
        counter(
            "node_disk_write_time_seconds_total",
            "This is the total number of seconds spent by all writes.",
            "device",
        ),
        _MILLISECOND,
    ),
    (gauge("node_disk_io_now", "The number of I/Os currently in progress.", "device"), 1.0),
    (
        counter("node_disk_io_time_seconds_total", "Total seconds spent doing I/Os.", "device"),
        _MILLISECOND,
    ),
    (
        counter(
            "node_disk_io_time_weighted_seconds_total",
            "The weighted # of seconds spent doing I/Os.",
            "device",
        ),
        _MILLISECOND,
    ),
    (
        counter(
            "node_disk_discards_completed_total",
            "The total number of discards completed successfully.",
            "device",
        ),
        1.0,
    ),
    (counter("node_disk_discards_merged_total", "The total number of discards merged.", "device"), 1.0),
    (
        counter(
            "node_disk_discarded_sectors_total",
            "The total number of sectors discarded successfully.",
            "device",
        ),
        1.0,
    ),
    (
        counter(
            "node_disk_discard_time_seconds_total",
            "This is the total number of seconds spent by all discards.",
            "device",
        ),
        _MILLISECOND,
    ),
    (
        counter(
            "node_disk_flush_requests_total",
            "The total number of flush requests completed successfully",
            "device",
        ),
        1.0,
    ),
    (
        counter(
            "node_disk_flush_requests_time_seconds_total",
            "This is the total number of seconds spent by all flush requests.",
            "device",
        ),
        _MILLISECOND,
    ),
)


def parse(text: str) -> dict[tuple[str, str, str], list[float]]:
    """/proc/diskstats to columns in base units, by (major, minor, device). Old kernels give fewer columns."""
    devices = {}
    for line in text.splitlines():
        major, minor, device, *columns = line.split()
        pairs = zip(columns, COLUMNS, strict=False)
        devices[major, minor, device] = [float(column) * factor for column, (_, factor) in pairs]
    return devices


def readings(devices: dict[str, list[float]]) -> list[Reading]:
    """Columns by device to one reading a family."""
    return [
        family.by({device: values[i] for device, values in devices.items() if i < len(values)})
        for i, (family, _) in enumerate(COLUMNS)
    ]


@dataclass(frozen=True, slots=True)
class DiskStats:
    """Reads the block devices whose names do not match `exclude`."""

    exclude: re.Pattern[str] = field(default_factory=lambda: re.compile(EXCLUDE))
    udev: Udev = field(default_factory=Udev)

    def __call__(self, roots: Roots) -> list[Reading]:
        """One reading. Raises OSError."""
        devices = {
            device: columns
            for device, columns in parse(roots.proc_text("diskstats")).items()
            if not self.exclude.search(device[-1])
        }
        named = {device[-1]: columns for device, columns in devices.items()}
        return [*readings(named), *self.udev(roots, list(devices))]
