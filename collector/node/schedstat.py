"""Time that tasks ran and waited, by processor."""

from __future__ import annotations

from collector.families import Reading, counter
from collector.node.roots import Roots

RUNNING = counter(
    "node_schedstat_running_seconds_total", "Number of seconds CPU spent running a process.", "cpu"
)
WAITING = counter(
    "node_schedstat_waiting_seconds_total",
    "Number of seconds spent by processing waiting for this CPU.",
    "cpu",
)
TIMESLICES = counter("node_schedstat_timeslices_total", "Number of timeslices executed by CPU.", "cpu")

_NANOSECONDS = 1e9


def parse(text: str) -> list[Reading]:
    """/proc/schedstat (kernel, Documentation/scheduler/sched-stats.rst): three columns a processor."""
    rows = {}
    for line in text.splitlines():
        name, *columns = line.split()
        if name.startswith("cpu"):
            rows[name[3:]] = [float(column) for column in columns[6:9]]
    return [
        RUNNING.by({cpu: running / _NANOSECONDS for cpu, (running, _, _) in rows.items()}),
        WAITING.by({cpu: waiting / _NANOSECONDS for cpu, (_, waiting, _) in rows.items()}),
        TIMESLICES.by({cpu: slices for cpu, (_, _, slices) in rows.items()}),
    ]


def read(roots: Roots) -> list[Reading]:
    """One reading. Raises OSError where the kernel keeps none."""
    return parse(roots.proc_text("schedstat"))
