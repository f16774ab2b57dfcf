"""Connections that the IP Virtual Server balances."""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Iterator

from collector.families import Reading, counter, gauge
from collector.node.roots import Roots

_LABELS = ("local_address", "local_port", "remote_address", "remote_port", "proto", "local_mark")
ACTIVE = gauge(
    "node_ipvs_backend_connections_active",
    "The current active connections by local and remote address.",
    *_LABELS,
)
INACTIVE = gauge(
    "node_ipvs_backend_connections_inactive",
    "The current inactive connections by local and remote address.",
    *_LABELS,
)
WEIGHT = gauge(
    "node_ipvs_backend_weight", "The current backend weight by local and remote address.", *_LABELS
)
# In the order of the columns of /proc/net/ip_vs_stats.
TOTALS = (
    counter("node_ipvs_connections_total", "The total number of connections made."),
    counter("node_ipvs_incoming_packets_total", "The total number of incoming packets."),
    counter("node_ipvs_outgoing_packets_total", "The total number of outgoing packets."),
    counter("node_ipvs_incoming_bytes_total", "The total amount of incoming data."),
    counter("node_ipvs_outgoing_bytes_total", "The total amount of outgoing data."),
)
_TOTALS_LINE = 2

Backend = tuple[str, str, str, str, str, str]
"""Values of the labels."""


def parse_totals(text: str) -> list[Reading]:
    """/proc/net/ip_vs_stats: two lines of names, then the totals in hexadecimal."""
    columns = text.splitlines()[_TOTALS_LINE].split()
    return [family.one(float(int(cell, 16))) for family, cell in zip(TOTALS, columns, strict=True)]


def parse_backends(text: str) -> Iterator[tuple[Backend, tuple[int, int, int]]]:
    """/proc/net/ip_vs to each backend's weight, active and inactive connections.

    A line '-> address:port' belongs to the service above it, which is an address or a mark of the firewall.
    """
    service = ("", "", "", "")
    for line in text.splitlines():
        words = line.split()
        if line.startswith(("TCP ", "UDP ", "SCTP ")):
            service = (words[0], *_address(words[1]), "")
        elif line.startswith("FWM "):
            service = ("FWM", "", "0", words[1])
        elif words[:1] == ["->"] and words[1] != "RemoteAddress:Port":
            proto, address, port, mark = service
            weight, active, inactive = map(int, words[3:6])
            yield (address, port, *_address(words[1]), proto, mark), (weight, active, inactive)


def _address(text: str) -> tuple[str, str]:
    """Hexadecimal, such as 'C0A80016:0CEA' or '[2620:0000:...]:0050'. Raises ValueError."""
    host, _, port = text.rpartition(":")
    if host.startswith("["):
        return str(ipaddress.ip_address(host.strip("[]"))), str(int(port, 16))
    return str(ipaddress.IPv4Address(int(host, 16))), str(int(port, 16))


def read(roots: Roots) -> list[Reading]:
    """One reading. Raises OSError where the kernel balances nothing, ValueError."""
    totals = parse_totals(roots.net_text("ip_vs_stats"))
    weights: Counter[Backend] = Counter()
    active: Counter[Backend] = Counter()
    inactive: Counter[Backend] = Counter()
    for backend, (weight, busy, idle) in parse_backends(roots.net_text("ip_vs")):
        weights[backend] += weight
        active[backend] += busy
        inactive[backend] += idle
    return [
        *totals,
        *(
            family.rows({labels: float(value) for labels, value in counts.items()})
            for family, counts in ((WEIGHT, weights), (ACTIVE, active), (INACTIVE, inactive))
        ),
    ]
