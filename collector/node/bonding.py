"""Bonded network devices and how many of their members work."""

from __future__ import annotations

from collector.families import Reading, gauge
from collector.node.roots import Roots, optional_text, read_text

SLAVES = gauge("node_bonding_slaves", "Number of configured slaves per bonding interface.", "master")
ACTIVE = gauge("node_bonding_active", "Number of active slaves per bonding interface.", "master")


def read(roots: Roots) -> list[Reading]:
    """One reading. Raises OSError where there is no bond."""
    directory = f"{roots.sys}/class/net"
    members = {
        master: (optional_text(f"{directory}/{master}/bonding/slaves") or "").split()
        for master in read_text(f"{directory}/bonding_masters").split()
    }
    return [
        SLAVES.by({master: float(len(names)) for master, names in members.items()}),
        ACTIVE.by(
            {
                master: float(sum(_is_up(f"{directory}/{master}", name) for name in names))
                for master, names in members.items()
            }
        ),
    ]


def _is_up(directory: str, name: str) -> bool:
    """Linux has called the link to a member lower_* since 3.11, and slave_* before."""
    states = (
        optional_text(f"{directory}/{link}_{name}/bonding_slave/mii_status") for link in ("lower", "slave")
    )
    return "up" in states
