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

from collector.body import Body
from collector.node.reader import DURATION
from collector.parts import node_passes
from collector.passes import Passes
from collector.requests import Requests
from collector.settings import CollectorSettings, NodeSettings


def milliseconds(work: Callable[[], object], passes: int) -> tuple[float, float]:
    """Medians of (wall, CPU)."""
    walls, cpus = [], []
    for _ in range(passes):
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return statistics.median(walls) * 1000, statistics.median(cpus) * 1000


def by_collector(push: Passes, passes: int) -> dict[str, float]:
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
    push, requests = node_passes(NodeSettings(), CollectorSettings().node_labels), Requests()

    def send(now_ms: int) -> Body:
        return requests.bodies(push.next(now_ms), 2)[0]

    body = send(0)
    print(f"{body.samples} samples, {len(body.content)} bytes compressed")
    for name, work in (
        ("read", push.read),
        ("read, name, encode, compress", lambda: send(1_700_000_000_000)),
    ):
        wall, cpu = milliseconds(work, passes)
        print(f"{name}: {wall:.2f} ms, CPU {cpu:.2f} ms")
    costs = by_collector(push, passes)
    print(", ".join(f"{name} {us:.0f}" for name, us in sorted(costs.items(), key=lambda row: -row[1])), "µs")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
