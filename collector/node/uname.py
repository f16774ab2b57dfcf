"""Name and version of the system."""

from __future__ import annotations

import os

from collector.families import Reading, gauge
from collector.node.roots import Roots, optional_text

INFO = gauge(
    "node_uname_info",
    "Labeled system information as provided by the uname system call.",
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
    # A host may be named in bytes that are not UTF-8.
    names = (text.encode("utf-8", "replace").decode() for text in system)
    sysname, nodename, release, version, machine = names
    return [INFO.rows({(sysname, release, version, machine, nodename, domain): 1.0})]
