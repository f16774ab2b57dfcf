"""Randomness that the kernel has gathered."""

from __future__ import annotations

from collector.families import Reading, gauge
from collector.node.roots import Roots

AVAILABLE = gauge("node_entropy_available_bits", "Bits of available entropy.")
POOL = gauge("node_entropy_pool_size_bits", "Bits of entropy pool.")


def read(roots: Roots) -> list[Reading]:
    """One reading. Raises OSError."""
    return [
        AVAILABLE.one(float(roots.proc_text("sys/kernel/random/entropy_avail"))),
        POOL.one(float(roots.proc_text("sys/kernel/random/poolsize"))),
    ]
