"""Traffic of the network devices."""

from __future__ import annotations

import re
from dataclasses import dataclass

from collector.families import Reading, counter
from collector.node.roots import Roots, optional_text

_RECEIVE = ("bytes", "packets", "errs", "drop", "fifo", "frame", "compressed", "multicast")
_TRANSMIT = ("bytes", "packets", "errs", "drop", "fifo", "colls", "carrier", "compressed")

COLUMNS = tuple(
    counter(f"node_network_{way}_{field}_total", f"Network device statistic {way}_{field}.", "device")
    for way, fields in (("receive", _RECEIVE), ("transmit", _TRANSMIT))
    for field in fields
)
"""In the order of the columns of /proc/net/dev."""

NOHANDLER = counter(
    "node_network_receive_nohandler_total", "Network device statistic receive_nohandler.", "device"
)


def parse(text: str) -> dict[str, list[float]]:
    """/proc/net/dev to its columns by device."""
    devices = {}
    for line in text.splitlines()[2:]:
        device, _, columns = line.rpartition(":")
        devices[device.strip()] = [float(column) for column in columns.split()]
    return devices


@dataclass(frozen=True, slots=True)
class NetDev:
    """Reads the devices whose names do not match `exclude`; None excludes none."""

    exclude: re.Pattern[str] | None = None

    def __call__(self, roots: Roots) -> list[Reading]:
        """One reading. Raises OSError."""
        devices = {
            device: columns
            for device, columns in parse(roots.net_text("dev")).items()
            if self.exclude is None or not self.exclude.search(device)
        }
        found = [
            family.by({device: columns[i] for device, columns in devices.items()})
            for i, family in enumerate(COLUMNS)
        ]
        return [*found, NOHANDLER.by(_nohandler(roots, devices))]


def _nohandler(roots: Roots, devices: dict[str, list[float]]) -> dict[str, float]:
    """/proc/net/dev lacks this one."""
    found = {}
    for device in devices:
        value = optional_text(f"{roots.sys}/class/net/{device}/statistics/rx_nohandler")
        if value:
            found[device] = float(value)
    return found
