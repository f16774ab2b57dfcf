"""Boot time, context switches, interrupts, forks and processes: the totals of /proc/stat."""

from __future__ import annotations

from collector.families import Family, Reading, counter, gauge
from collector.node.roots import Roots

FAMILIES: dict[str, Family] = {
    "intr": counter("node_intr_total", "Interrupts serviced."),
    "ctxt": counter("node_context_switches_total", "Context switches."),
    "btime": gauge("node_boot_time_seconds", "When the machine booted, in seconds since the epoch."),
    "processes": counter("node_forks_total", "Processes and threads created."),
    "procs_running": gauge("node_procs_running", "Processes that are runnable."),
    "procs_blocked": gauge("node_procs_blocked", "Processes that wait for I/O."),
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
