"""Open files of the whole machine."""

from __future__ import annotations

from collector.families import Reading, gauge
from collector.node.roots import Roots

ALLOCATED = gauge("node_filefd_allocated", "File descriptor statistics: allocated.")
MAXIMUM = gauge("node_filefd_maximum", "File descriptor statistics: maximum.")


def parse(text: str) -> list[Reading]:
    """/proc/sys/fs/file-nr: allocated, free, maximum."""
    allocated, _, maximum = text.split()
    return [ALLOCATED.one(float(allocated)), MAXIMUM.one(float(maximum))]


def read(roots: Roots) -> list[Reading]:
    """One reading. Raises OSError."""
    return parse(roots.proc_text("sys/fs/file-nr"))
