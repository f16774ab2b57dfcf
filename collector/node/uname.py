"""Name and version of the system."""

from __future__ import annotations

import os

from collector.families import Reading, gauge
from collector.node.roots import Roots, optional_text

INFO = gauge(
    "node_uname_info",
    "What uname(2) says; always 1.",
    "sysname",
    "release",
    "version",
    "machine",
    "nodename",
    "domainname",
)


def read(roots: Roots) -> list[Reading]:
    """One reading."""
    system = os.uname()
    domain = optional_text(f"{roots.proc}/sys/kernel/domainname") or "(none)"
    labels = (system.sysname, system.release, system.version, system.machine, system.nodename, domain)
    return [INFO.rows({labels: 1.0})]
