"""Whether SELinux is enforced, and its cache of decisions."""

from __future__ import annotations

import re
from collections.abc import Iterator

from collector.families import Reading, counter, gauge
from collector.node.roots import Roots, optional_text, read_text

ENABLED = gauge("node_selinux_enabled", "SELinux is enabled, 1 is true, 0 is false")
CONFIG = gauge("node_selinux_config_mode", "Configured SELinux enforcement mode")
CURRENT = gauge("node_selinux_current_mode", "Current SELinux enforcement mode")
COUNTERS = {
    name: counter(f"node_selinux_avc_{name}_total", f"SELinux AVC {name}")
    for name in ("lookups", "hits", "misses", "allocations", "reclaims", "frees")
}
ENTRIES = gauge("node_selinux_avc_hash_entries", "SELinux AVC hash entries")
BUCKETS = gauge("node_selinux_avc_hash_buckets_available", "SELinux AVC hash buckets available")
BUCKETS_USED = gauge("node_selinux_avc_hash_buckets_used", "SELinux AVC hash buckets used")
LONGEST = gauge("node_selinux_avc_hash_longest_chain", "SELinux AVC hash longest chain")
THRESHOLD = gauge("node_selinux_avc_threshold", "SELinux AVC threshold")

_MODES = {"enforcing": 1.0, "permissive": 0.0}
_DISABLED = -1.0
_MODE = re.compile(r"^\s*SELINUX\s*=\s*(\w+)", re.MULTILINE)


def read(roots: Roots) -> list[Reading]:
    """One reading. Raises OSError, ValueError."""
    directory = f"{roots.sys}/fs/selinux"
    current = optional_text(f"{directory}/enforce")
    if current is None:
        return [ENABLED.one(0.0)]
    return [
        ENABLED.one(1.0),
        CONFIG.one(configured(optional_text(f"{roots.rootfs}/etc/selinux/config") or "")),
        CURRENT.one(float(current)),
        *parse_cache(read_text(f"{directory}/avc/cache_stats")),
        *parse_hash(read_text(f"{directory}/avc/hash_stats")),
        THRESHOLD.one(float(read_text(f"{directory}/avc/cache_threshold"))),
    ]


def configured(text: str) -> float:
    """1 enforcing, 0 permissive, -1 neither."""
    found = _MODE.search(text)
    return _MODES.get(found[1].lower(), _DISABLED) if found else _DISABLED


def parse_cache(text: str) -> Iterator[Reading]:
    """A line of names, then a line of numbers a processor; their sums."""
    names, *lines = (line.split() for line in text.splitlines())
    for name, column in zip(names, zip(*lines, strict=True), strict=False):
        if name in COUNTERS:
            yield COUNTERS[name].one(float(sum(map(int, column))))


def parse_hash(text: str) -> list[Reading]:
    """Lines such as 'entries: 503', 'buckets used: 277/512', 'longest chain: 7'. Raises ValueError."""
    known = dict(line.split(": ", 1) for line in text.splitlines() if line)
    used, _, available = known.get("buckets used", "0/0").partition("/")
    return [
        ENTRIES.one(float(known.get("entries", 0))),
        BUCKETS.one(float(available)),
        BUCKETS_USED.one(float(used)),
        LONGEST.one(float(known.get("longest chain", 0))),
    ]
