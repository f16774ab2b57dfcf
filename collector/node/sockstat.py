"""Sockets in use by protocol."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from collector.families import Family, Reading, gauge
from collector.node.roots import Roots

_PAGED = {"TCP", "UDP"}
"""Protocols whose `mem` counts pages."""


def parse(text: str, page_bytes: int) -> list[Reading]:
    """/proc/net/sockstat or sockstat6 to one family a protocol and field."""
    found = []
    for line in text.splitlines():
        protocol, _, rest = line.partition(":")
        words = rest.split()
        for name, number in zip(words[::2], words[1::2], strict=True):
            found.append(_family(protocol, name).one(float(number)))
            if name == "mem" and protocol in _PAGED:
                found.append(_family(protocol, "mem_bytes").one(float(number) * page_bytes))
    return found


@cache
def _family(protocol: str, name: str) -> Family:
    state = "IPv4 sockets in use" if protocol == "sockets" else f"{protocol} sockets in state {name}"
    return gauge(f"node_sockstat_{protocol}_{name}", f"Number of {state}.")


@dataclass(frozen=True, slots=True)
class SockStat:
    """Reads both families of addresses."""

    page_bytes: int

    def __call__(self, roots: Roots) -> list[Reading]:
        """One reading. Raises OSError; a machine without IPv6 has no sockstat6."""
        found = parse(roots.net_text("sockstat"), self.page_bytes)
        try:
            text = roots.net_text("sockstat6")
        except FileNotFoundError:
            return found
        return found + parse(text, self.page_bytes)
