"""Bytes that wait in the queues of UDP sockets."""

from __future__ import annotations

from collector.families import Reading, gauge
from collector.node.roots import Roots

QUEUES = gauge(
    "node_udp_queues", "Number of allocated memory in the kernel for UDP datagrams in bytes.", "queue", "ip"
)
_COLUMN = 4


def parse(text: str) -> tuple[int, int]:
    """/proc/net/udp or udp6 to bytes (sent and waiting, received and waiting) of all sockets."""
    sent = received = 0
    for line in text.splitlines()[1:]:
        transmit, _, receive = line.split()[_COLUMN].partition(":")
        sent += int(transmit, 16)
        received += int(receive, 16)
    return sent, received


def read(roots: Roots) -> list[Reading]:
    """One reading. Raises OSError where there is neither kind of addresses."""
    rows: dict[tuple[str, ...], float] = {}
    missing: FileNotFoundError | None = None
    for name, ip in (("udp", "v4"), ("udp6", "v6")):
        try:
            sent, received = parse(roots.net_text(name))
        except FileNotFoundError as error:
            missing = error
            continue
        rows["tx", ip] = float(sent)
        rows["rx", ip] = float(received)
    if missing and not rows:
        raise missing
    return [QUEUES.rows(rows)]
