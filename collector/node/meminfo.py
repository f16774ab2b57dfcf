"""Memory: every field of /proc/meminfo."""

from __future__ import annotations

from collector.families import Reading, counter, gauge
from collector.node.roots import Roots

_KIB = 1024


def parse(text: str) -> list[Reading]:
    """/proc/meminfo to one family a field; kB become bytes, which the name then says."""
    return [_reading(line) for line in text.splitlines() if line]


def _reading(line: str) -> Reading:
    key, _, rest = line.partition(":")
    number, *unit = rest.split()
    name = key.replace("(", "_").replace(")", "")
    value = float(number)
    if unit:
        name, value = f"{name}_bytes", value * _KIB
    make = counter if name.endswith("_total") else gauge
    return make(f"node_memory_{name}", f"Field {name} of /proc/meminfo.").one(value)


def read(roots: Roots) -> list[Reading]:
    """One reading. Raises OSError."""
    return parse(roots.proc_text("meminfo"))
