"""Memory: every field of /proc/meminfo."""

from __future__ import annotations

from functools import cache

from collector.families import Family, Reading, counter, gauge
from collector.node.roots import Roots

_KIB = 1024


def parse(text: str) -> list[Reading]:
    """/proc/meminfo to one family a field; kB become bytes, which the name then says."""
    return [_reading(line) for line in text.splitlines() if line]


def _reading(line: str) -> Reading:
    key, _, rest = line.partition(":")
    number, _, unit = rest.strip().partition(" ")
    return _family(key, unit).one(float(number) * (_KIB if unit else 1))


@cache
def _family(key: str, unit: str) -> Family:
    name = key.replace("(", "_").replace(")", "") + ("_bytes" if unit else "")
    make = counter if name.endswith("_total") else gauge
    return make(f"node_memory_{name}", f"Memory information field {name}.")


def read(roots: Roots) -> list[Reading]:
    """One reading. Raises OSError."""
    return parse(roots.proc_text("meminfo"))
