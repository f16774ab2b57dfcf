"""Load averages."""

from __future__ import annotations

from collector.families import Reading, gauge
from collector.node.roots import Roots

FAMILIES = tuple(gauge(f"node_load{minutes}", f"{minutes}m load average.") for minutes in (1, 5, 15))


def parse(text: str) -> list[Reading]:
    """/proc/loadavg to three gauges."""
    averages = text.split()[:3]
    return [family.one(float(average)) for family, average in zip(FAMILIES, averages, strict=True)]


def read(roots: Roots) -> list[Reading]:
    """One reading. Raises OSError."""
    return parse(roots.proc_text("loadavg"))
