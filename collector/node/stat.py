"""Boot time, context switches, interrupts, forks and processes: the totals of /proc/stat."""

from __future__ import annotations

from collector.families import Family, Reading, counter, gauge
from collector.node.roots import Roots

FAMILIES: dict[str, Family] = {
    "intr": counter("node_intr_total", "Total number of interrupts serviced."),
    "ctxt": counter("node_context_switches_total", "Total number of context switches."),
    "btime": gauge("node_boot_time_seconds", "Node boot time, in unixtime."),
    "processes": counter("node_forks_total", "Total number of forks."),
    "procs_running": gauge("node_procs_running", "Number of processes in runnable state."),
    "procs_blocked": gauge("node_procs_blocked", "Number of processes blocked waiting for I/O to complete."),
}


def parse(text: str) -> list[Reading]:
    """/proc/stat to its totals. The first number of `intr` is the sum of the others."""
    found = []
    for line in text.splitlines():
        name, _, rest = line.partition(" ")
        if name in FAMILIES:
            found.append(FAMILIES[name].one(float(rest.split(" ", 1)[0])))
    return found


def read(roots: Roots) -> list[Reading]:
    """One reading. Raises OSError."""
    return parse(roots.proc_text("stat"))
