"""Tasks that hung, as the kernel's watchdog of tasks counts them since Linux 6.13."""

from __future__ import annotations

from collector.families import Reading, counter
from collector.node.roots import Roots

TASKS = counter(
    "node_kernel_hung_tasks_total",
    "Total number of tasks that have been detected as hung since the system booted.",
)


def read(roots: Roots) -> list[Reading]:
    """One reading. Raises OSError where the kernel does not count them."""
    return [TASKS.one(float(roots.proc_text("sys/kernel/hung_task_detect_count")))]
