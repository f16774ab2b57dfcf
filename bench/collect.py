"""What a pass of the node collector costs: read /proc and /sys, name, encode, compress.

    python -m bench.collect [passes]

Prints medians of the wall clock and of the process's own CPU seconds, and the collectors by cost.
"""

from __future__ import annotations

import resource
import statistics
import sys
import time
from collections.abc import Callable

from collector.collect import pusher
from collector.node.reader import DURATION
from collector.push import Pusher
from collector.settings import NodeSettings


def milliseconds(work: Callable[[], object], passes: int) -> tuple[float, float]:
    """Medians of (wall, CPU)."""
    walls, cpus = [], []
    for _ in range(passes):
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return statistics.median(walls) * 1000, statistics.median(cpus) * 1000


def by_collector(push: Pusher, passes: int) -> dict[str, float]:
    """Median microseconds of each collector."""
    seconds: dict[str, list[float]] = {}
    for _ in range(passes):
        for reading in push.read().readings:
            if reading.family is DURATION:
                for (name,), value in zip(reading.label_values, reading.values, strict=True):
                    seconds.setdefault(name, []).append(value)
    return {name: statistics.median(values) * 1e6 for name, values in seconds.items()}


def main(passes: int) -> None:
    """Measure this machine."""
    push = pusher(NodeSettings())
    body = push.next_body(0)
    print(f"{body.samples} samples, {len(body.content)} bytes compressed with metadata")
    print(f"{len(push.next_body(1).content)} bytes without")
    for name, work in (("read", push.read), ("read, name, encode, compress", lambda: push.next_body(2))):
        wall, cpu = milliseconds(work, passes)
        print(f"{name}: {wall:.2f} ms, CPU {cpu:.2f} ms")
    costs = by_collector(push, passes)
    print(", ".join(f"{name} {us:.0f}" for name, us in sorted(costs.items(), key=lambda row: -row[1])), "µs")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
