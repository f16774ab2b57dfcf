"""Neighbours that are known, by network device."""

from __future__ import annotations

from collections import Counter

from collector.families import Reading, gauge
from collector.node.roots import Roots

ENTRIES = gauge("node_arp_entries", "ARP entries by device", "device")


def parse(text: str) -> list[Reading]:
    """/proc/net/arp to entries by its last column."""
    entries = Counter(line.split()[-1] for line in text.splitlines()[1:])
    return [ENTRIES.by({device: float(count) for device, count in entries.items()})]


def read(roots: Roots) -> list[Reading]:
    """One reading. Raises OSError."""
    return parse(roots.net_text("arp"))
