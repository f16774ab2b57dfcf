"""Calls that this machine makes as a client of the Network File System."""

from __future__ import annotations

from collector.families import Reading, counter
from collector.node import rpc
from collector.node.roots import Roots

PACKETS = counter(
    "node_nfs_packets_total",
    "Total NFSd network packets (sent+received) by protocol type.",
    "protocol",
)
CONNECTIONS = counter("node_nfs_connections_total", "Total number of NFSd TCP connections.")
RPCS = counter("node_nfs_rpcs_total", "Total number of RPCs performed.")
RETRANSMISSIONS = counter("node_nfs_rpc_retransmissions_total", "Number of RPC transmissions performed.")
REFRESHES = counter(
    "node_nfs_rpc_authentication_refreshes_total", "Number of RPC authentication refreshes performed."
)
REQUESTS = counter("node_nfs_requests_total", "Number of NFS procedures invoked.", "proto", "method")

_VERSIONS = {"proc2": ("2", rpc.V2), "proc3": ("3", rpc.V3), "proc4": ("4", rpc.V4_CLIENT)}


def parse(text: str) -> list[Reading]:
    """/proc/net/rpc/nfs: packets (all, UDP, TCP, connections), calls (all, again, refreshed), procedures."""
    known = rpc.fields(text)
    _, udp, tcp, connections = (float(number) for number in known["net"])
    count, retransmissions, refreshes = (float(number) for number in known["rpc"][:3])
    return [
        PACKETS.by({"udp": udp, "tcp": tcp}),
        CONNECTIONS.one(connections),
        RPCS.one(count),
        RETRANSMISSIONS.one(retransmissions),
        REFRESHES.one(refreshes),
        REQUESTS.rows(rpc.requests(known, _VERSIONS)),
    ]


def read(roots: Roots) -> list[Reading]:
    """One reading. Raises OSError where this machine is no client."""
    return parse(roots.net_text("rpc/nfs"))
