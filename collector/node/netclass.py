"""State and configuration of the network devices, from /sys/class/net."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from collector.families import Family, Reading, counter, gauge
from collector.node.roots import Roots, attributes, listing

INFO = gauge(
    "node_network_info",
    "Non-numeric data from /sys/class/net/<iface>, value is always 1.",
    "device",
    "address",
    "broadcast",
    "duplex",
    "operstate",
    "adminstate",
    "ifalias",
)
UP = gauge("node_network_up", "Value is 1 if operstate is 'up', 0 otherwise.", "device")
SPEED = gauge("node_network_speed_bytes", "Network device property: speed_bytes", "device")

# sysfs attribute -> family (kernel, Documentation/ABI/testing/sysfs-class-net).
ATTRIBUTES: Mapping[str, Family] = {
    "addr_assign_type": gauge(
        "node_network_address_assign_type", "Network device property: address_assign_type", "device"
    ),
    "carrier": gauge("node_network_carrier", "Network device property: carrier", "device"),
    "carrier_changes": counter(
        "node_network_carrier_changes_total", "Network device property: carrier_changes_total", "device"
    ),
    "carrier_down_count": counter(
        "node_network_carrier_down_changes_total",
        "Network device property: carrier_down_changes_total",
        "device",
    ),
    "carrier_up_count": counter(
        "node_network_carrier_up_changes_total", "Network device property: carrier_up_changes_total", "device"
    ),
    "dev_id": gauge("node_network_device_id", "Network device property: device_id", "device"),
    "dormant": gauge("node_network_dormant", "Network device property: dormant", "device"),
    "flags": gauge("node_network_flags", "Network device property: flags", "device"),
    "ifindex": gauge("node_network_iface_id", "Network device property: iface_id", "device"),
    "iflink": gauge("node_network_iface_link", "Network device property: iface_link", "device"),
    "link_mode": gauge("node_network_iface_link_mode", "Network device property: iface_link_mode", "device"),
    "mtu": gauge("node_network_mtu_bytes", "Network device property: mtu_bytes", "device"),
    "name_assign_type": gauge(
        "node_network_name_assign_type", "Network device property: name_assign_type", "device"
    ),
    "netdev_group": gauge("node_network_net_dev_group", "Network device property: net_dev_group", "device"),
    "tx_queue_len": gauge(
        "node_network_transmit_queue_length", "Network device property: transmit_queue_length", "device"
    ),
    "type": gauge("node_network_protocol_type", "Network device property: protocol_type", "device"),
}
TEXTS = ("address", "broadcast", "duplex", "operstate", "ifalias")

_NAMES = (*ATTRIBUTES, *TEXTS, "speed")
_BYTES_A_MEGABIT = 125_000.0
_FLAG_UP = 1


def readings(devices: Mapping[str, Mapping[str, str]]) -> list[Reading]:
    """Attributes' texts by device to readings; an attribute that a device lacks is left out."""
    found = [
        family.by({device: _number(texts[name]) for device, texts in devices.items() if texts.get(name)})
        for name, family in ATTRIBUTES.items()
    ]
    speeds = {device: float(texts.get("speed") or -1) for device, texts in devices.items()}
    return [
        *found,
        SPEED.by({device: speed * _BYTES_A_MEGABIT for device, speed in speeds.items() if speed >= 0}),
        UP.by({device: float(texts.get("operstate") == "up") for device, texts in devices.items()}),
        INFO.rows({_info(device, texts): 1.0 for device, texts in devices.items()}),
    ]


def _number(text: str) -> float:
    return float(int(text, 0))


def _info(device: str, texts: Mapping[str, str]) -> tuple[str, ...]:
    address, broadcast, duplex, operstate, alias = (texts.get(name, "") for name in TEXTS)
    up = int(texts.get("flags") or "0", 0) & _FLAG_UP
    return (device, address, broadcast, duplex, operstate, "up" if up else "down", alias)


@dataclass(frozen=True, slots=True)
class NetClass:
    """Reads the devices whose names do not match `exclude`; None excludes none."""

    exclude: re.Pattern[str] | None = None

    def __call__(self, roots: Roots) -> list[Reading]:
        """One reading. Raises OSError."""
        directory = f"{roots.sys}/class/net"
        devices = {}
        for device in listing(directory):
            if self.exclude is None or not self.exclude.search(device):
                # Drivers put plain files beside the devices, and devices go away.
                with suppress(NotADirectoryError, FileNotFoundError):
                    devices[device] = attributes(f"{directory}/{device}", _NAMES)
        return readings(devices)
