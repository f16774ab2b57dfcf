"""Paging, swapping and out-of-memory kills."""

from __future__ import annotations

import re

from collector.families import Reading, unknown
from collector.node.roots import Roots

FIELDS = re.compile(r"^(oom_kill|pgpg|pswp|pg.*fault)")
"""node_exporter's default choice of the some 150 fields."""


def parse(text: str, fields: re.Pattern[str] = FIELDS) -> list[Reading]:
    """/proc/vmstat to one family a field that matches."""
    found = []
    for line in text.splitlines():
        name, _, value = line.partition(" ")
        if fields.search(name):
            found.append(unknown(f"node_vmstat_{name}", f"Field {name} of /proc/vmstat.").one(float(value)))
    return found


def read(roots: Roots) -> list[Reading]:
    """One reading. Raises OSError."""
    return parse(roots.proc_text("vmstat"))
