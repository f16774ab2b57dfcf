"""Connection tracking of the packet filter."""

from __future__ import annotations

from collector.families import Reading, gauge
from collector.node.roots import Roots

ENTRIES = gauge("node_nf_conntrack_entries", "Connections that are tracked.")
LIMIT = gauge("node_nf_conntrack_entries_limit", "Connections that can be tracked.")

# node_exporter gives these counters the type gauge.
STATISTICS = {
    name: gauge(f"node_nf_conntrack_stat_{name}", f"Connection tracking: {meaning}.")
    for name, meaning in {
        "found": "entries that were searched and found",
        "invalid": "packets that could not be tracked",
        "ignore": "packets of connections that are tracked already",
        "insert": "entries inserted",
        "insert_failed": "entries that were there already when inserted",
        "drop": "packets dropped because tracking failed",
        "early_drop": "entries dropped to make room, at the limit",
        "search_restart": "searches that started anew because the table was resized",
    }.items()
}


def parse_statistics(text: str) -> list[Reading]:
    """/proc/net/stat/nf_conntrack, a line of hexadecimal numbers a processor, to sums."""
    names, *lines = (line.split() for line in text.splitlines())
    sums = dict(
        zip(
            names, (sum(int(cell, 16) for cell in column) for column in zip(*lines, strict=True)), strict=True
        )
    )
    return [family.one(float(sums[name])) for name, family in STATISTICS.items() if name in sums]


def read(roots: Roots) -> list[Reading]:
    """One reading. Raises OSError where the kernel tracks no connections."""
    return [
        ENTRIES.one(float(roots.proc_text("sys/net/netfilter/nf_conntrack_count"))),
        LIMIT.one(float(roots.proc_text("sys/net/netfilter/nf_conntrack_max"))),
        *parse_statistics(roots.net_text("stat/nf_conntrack")),
    ]
