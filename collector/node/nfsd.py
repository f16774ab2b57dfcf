"""Calls that this machine serves as a server of the Network File System."""

from __future__ import annotations

from collector.families import Reading, counter, gauge
from collector.node import rpc
from collector.node.roots import Roots

CACHE = (
    counter(
        "node_nfsd_reply_cache_hits_total",
        "Total number of NFSd Reply Cache hits (client lost server response).",
    ),
    counter(
        "node_nfsd_reply_cache_misses_total",
        "Total number of NFSd Reply Cache an operation that requires caching (idempotent).",
    ),
    counter(
        "node_nfsd_reply_cache_nocache_total",
        "Total number of NFSd Reply Cache non-idempotent operations (rename/delete/…).",
    ),
)
STALE = counter("node_nfsd_file_handles_stale_total", "Total number of NFSd stale file handles")
READ = counter("node_nfsd_disk_bytes_read_total", "Total NFSd bytes read.")
WRITTEN = counter("node_nfsd_disk_bytes_written_total", "Total NFSd bytes written.")
THREADS = gauge("node_nfsd_server_threads", "Total number of NFSd kernel threads that are running.")
READ_AHEAD_SIZE = gauge(
    "node_nfsd_read_ahead_cache_size_blocks", "How large the read ahead cache is in blocks."
)
READ_AHEAD_MISSED = counter(
    "node_nfsd_read_ahead_cache_not_found_total", "Total number of NFSd read ahead cache not found."
)
PACKETS = counter(
    "node_nfsd_packets_total", "Total NFSd network packets (sent+received) by protocol type.", "proto"
)
CONNECTIONS = counter("node_nfsd_connections_total", "Total number of NFSd TCP connections.")
ERRORS = counter("node_nfsd_rpc_errors_total", "Total number of NFSd RPC errors by error type.", "error")
RPCS = counter("node_nfsd_server_rpcs_total", "Total number of NFSd RPCs.")
REQUESTS = counter(
    "node_nfsd_requests_total", "Total number NFSd Requests by method and protocol.", "proto", "method"
)

# node_exporter tells calls of `Null` for the client only.
_VERSIONS = {
    "proc2": ("2", (rpc.UNTOLD, *rpc.V2[1:])),
    "proc3": ("3", (rpc.UNTOLD, *rpc.V3[1:])),
    "proc4ops": ("4", rpc.V4_SERVER),
}
_READ_AHEAD_MISSED = 11
_DELEGATED = "wdeleg_getattr"


def parse(text: str) -> list[Reading]:
    """/proc/net/rpc/nfsd (kernel, fs/nfsd/stats.c)."""
    known = rpc.fields(text)
    _, udp, tcp, connections = (float(number) for number in known["net"])
    count, _, formats, authentications, clients = (float(number) for number in known["rpc"])
    requests = rpc.requests(known, _VERSIONS)
    if _DELEGATED in known:
        requests["4", "WdelegGetattr"] = float(known[_DELEGATED][0])
    return [
        *(family.one(float(number)) for family, number in zip(CACHE, known["rc"], strict=True)),
        *_server(known),
        PACKETS.by({"udp": udp, "tcp": tcp}),
        CONNECTIONS.one(connections),
        ERRORS.by({"fmt": formats, "auth": authentications, "cInt": clients}),
        RPCS.one(count),
        REQUESTS.rows(requests),
    ]


def _server(known: dict[str, list[str]]) -> list[Reading]:
    """File handles, bytes, threads and the read-ahead cache, which new kernels no longer have."""
    found = [
        STALE.one(float(known["fh"][0])),
        READ.one(float(known["io"][0])),
        WRITTEN.one(float(known["io"][1])),
        THREADS.one(float(known["th"][0])),
    ]
    if "ra" in known:
        found.append(READ_AHEAD_SIZE.one(float(known["ra"][0])))
        found.append(READ_AHEAD_MISSED.one(float(known["ra"][_READ_AHEAD_MISSED])))
    return found


def read(roots: Roots) -> list[Reading]:
    """One reading. Raises OSError where this machine is no server."""
    return parse(roots.net_text("rpc/nfsd"))
