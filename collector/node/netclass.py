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
    "Addresses and states of the device; always 1.",
    "device",
    "address",
    "broadcast",
    "duplex",
    "operstate",
    "adminstate",
    "ifalias",
)
UP = gauge("node_network_up", "1 when the device's operstate is up.", "device")
SPEED = gauge(
    "node_network_speed_bytes", "Speed of the device in bytes a second, where it is known.", "device"
)

# sysfs attribute -> family (kernel, Documentation/ABI/testing/sysfs-class-net).
ATTRIBUTES: Mapping[str, Family] = {
    "addr_assign_type": gauge("node_network_address_assign_type", "How the address was assigned.", "device"),
    "carrier": gauge("node_network_carrier", "1 when a carrier is detected.", "device"),
    "carrier_changes": counter("node_network_carrier_changes_total", "Changes of the carrier.", "device"),
    "carrier_down_count": counter(
        "node_network_carrier_down_changes_total", "How often the carrier was lost.", "device"
    ),
    "carrier_up_count": counter(
        "node_network_carrier_up_changes_total", "How often the carrier came back.", "device"
    ),
    "dev_id": gauge("node_network_device_id", "The device's id among those that share an address.", "device"),
    "dormant": gauge("node_network_dormant", "1 when the device waits for something to come up.", "device"),
    "flags": gauge("node_network_flags", "The device's flags, a bit set.", "device"),
    "ifindex": gauge("node_network_iface_id", "The device's number.", "device"),
    "iflink": gauge("node_network_iface_link", "Number of the device that this one rests on.", "device"),
    "link_mode": gauge("node_network_iface_link_mode", "The device's link mode.", "device"),
    "mtu": gauge("node_network_mtu_bytes", "Largest packet in bytes.", "device"),
    "name_assign_type": gauge("node_network_name_assign_type", "How the name was assigned.", "device"),
    "netdev_group": gauge("node_network_net_dev_group", "The device's group.", "device"),
    "tx_queue_len": gauge("node_network_transmit_queue_length", "Packets that the queue holds.", "device"),
    "type": gauge("node_network_protocol_type", "The device's protocol, a number.", "device"),
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
