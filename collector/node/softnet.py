"""Packets that the processors took from the network devices."""

from __future__ import annotations

from collections.abc import Mapping

from collector.families import Family, Reading, counter, gauge
from collector.node.roots import Roots

# Column of /proc/net/softnet_stat (kernel, net/core/net-procfs.c) -> family. Each kernel has more of them.
COLUMNS: Mapping[int, Family] = {
    0: counter("node_softnet_processed_total", "Number of processed packets", "cpu"),
    1: counter("node_softnet_dropped_total", "Number of dropped packets", "cpu"),
    2: counter(
        "node_softnet_times_squeezed_total", "Number of times processing packets ran out of quota", "cpu"
    ),
    8: counter(
        "node_softnet_cpu_collision_total",
        "Number of collision occur while obtaining device lock while transmitting",
        "cpu",
    ),
    9: counter("node_softnet_received_rps_total", "Number of times cpu woken up received_rps", "cpu"),
    10: counter("node_softnet_flow_limit_count_total", "Number of times flow limit has been reached", "cpu"),
    11: gauge("node_softnet_backlog_len", "Softnet backlog status", "cpu"),
}
_CPU = 12


def parse(text: str) -> list[Reading]:
    """/proc/net/softnet_stat, a line of hexadecimal numbers a processor, to one family a column.

    Kernels before 5.10 do not say which processor a line is of: then it is the line's number, and there is no
    backlog; node_exporter reads it as 0.
    """
    rows = {}
    for i, line in enumerate(text.splitlines()):
        numbers = [int(cell, 16) for cell in line.split()]
        rows[str(numbers[_CPU] if len(numbers) > _CPU else i)] = numbers
    return [
        family.by({cpu: float(numbers[i]) if i < len(numbers) else 0.0 for cpu, numbers in rows.items()})
        for i, family in COLUMNS.items()
    ]


def read(roots: Roots) -> list[Reading]:
    """One reading. Raises OSError."""
    return parse(roots.net_text("softnet_stat"))
