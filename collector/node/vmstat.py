"""Paging, swapping and out-of-memory kills."""

from __future__ import annotations

import re
from functools import cache

from collector.families import Family, Reading, unknown
from collector.node.roots import Roots

FIELDS = re.compile(r"^(oom_kill|pgpg|pswp|pg.*fault)")
"""node_exporter's default choice of the some 150 fields."""


def parse(text: str, fields: re.Pattern[str] = FIELDS) -> list[Reading]:
    """/proc/vmstat to one family a field that matches."""
    found = []
    for line in text.splitlines():
        if fields.match(line):
            name, _, value = line.partition(" ")
            found.append(_family(name).one(float(value)))
    return found


@cache
def _family(name: str) -> Family:
    return unknown(f"node_vmstat_{name}", f"/proc/vmstat information field {name}.")


def read(roots: Roots) -> list[Reading]:
    """One reading. Raises OSError."""
    return parse(roots.proc_text("vmstat"))
