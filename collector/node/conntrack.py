"""Connection tracking of the packet filter."""

from __future__ import annotations

from collector.families import Reading, gauge
from collector.node.roots import Roots

ENTRIES = gauge(
    "node_nf_conntrack_entries", "Number of currently allocated flow entries for connection tracking."
)
LIMIT = gauge("node_nf_conntrack_entries_limit", "Maximum size of connection tracking table.")

# node_exporter gives these counters the type gauge.
STATISTICS = {
    name: gauge(f"node_nf_conntrack_stat_{name}", f"Number of {meaning}.")
    for name, meaning in {
        "found": "searched entries which were successful",
        "invalid": "packets seen which can not be tracked",
        "ignore": "packets seen which are already connected to a conntrack entry",
        "insert": "entries inserted into the list",
        "insert_failed": "entries for which list insertion was attempted but failed",
        "drop": "packets dropped due to conntrack failure",
        "early_drop": "dropped conntrack entries to make room for new ones, if maximum table size was"
        " reached",
        "search_restart": "conntrack table lookups which had to be restarted due to hashtable resizes",
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
