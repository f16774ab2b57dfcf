"""Pressure stall information (kernel, Documentation/accounting/psi.rst)."""

from __future__ import annotations

from collector.families import Family, Reading, counter
from collector.node.roots import Roots

# (resource, line) -> family. The kernel's `full` line of cpu means nothing for a whole machine.
FAMILIES: dict[tuple[str, str], Family] = {
    ("cpu", "some"): counter(
        "node_pressure_cpu_waiting_seconds_total",
        "Total time in seconds that processes have waited for CPU time",
    ),
    ("io", "some"): counter(
        "node_pressure_io_waiting_seconds_total",
        "Total time in seconds that processes have waited due to IO congestion",
    ),
    ("io", "full"): counter(
        "node_pressure_io_stalled_seconds_total",
        "Total time in seconds no process could make progress due to IO congestion",
    ),
    ("memory", "some"): counter(
        "node_pressure_memory_waiting_seconds_total",
        "Total time in seconds that processes have waited for memory",
    ),
    ("memory", "full"): counter(
        "node_pressure_memory_stalled_seconds_total",
        "Total time in seconds no process could make progress due to memory congestion",
    ),
    ("irq", "full"): counter(
        "node_pressure_irq_stalled_seconds_total",
        "Total time in seconds no process could make progress due to IRQ congestion",
    ),
}


def parse(resource: str, text: str) -> list[Reading]:
    """A file of /proc/pressure to its totals in seconds."""
    found = []
    for line in text.splitlines():
        kind, *fields = line.split()
        family = FAMILIES.get((resource, kind))
        if family is not None:
            total_us = next(value for value in fields if value.startswith("total="))[6:]
            found.append(family.one(float(total_us) / 1000.0 / 1000.0))
    return found


def read(roots: Roots) -> list[Reading]:
    """One reading. Raises OSError where the kernel keeps no pressure; `irq` is as new as Linux 6.1."""
    found: list[Reading] = []
    for resource in ("cpu", "io", "memory"):
        found += parse(resource, roots.proc_text(f"pressure/{resource}"))
    try:
        irq = roots.proc_text("pressure/irq")
    except OSError:
        return found
    return found + parse("irq", irq)
