"""What a control group of version 2 says (kernel, Documentation/admin-guide/cgroup-v2.rst)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from collector.families import Row
from collector.node.containers import metrics
from collector.node.containers.metrics import Group
from collector.node.containers.tree import limit, numbers, texts

_FILES = (
    *("cpu.stat", "cpu.max", "cpu.weight", "cgroup.procs", "pids.current", "pids.max", "io.stat"),
    *("memory.current", "memory.stat", "memory.swap.current", "memory.peak", "memory.events"),
    *("memory.max", "memory.low", "memory.swap.max", "cpu.pressure", "memory.pressure", "io.pressure"),
)
_MICROSECONDS = 1e6


def rows(root: str, group: Group, devices: Mapping[str, str]) -> Iterator[Row]:
    """All samples of a group. `devices` are paths by 'major:minor'. Raises ValueError, KeyError."""
    files = texts(f"{root}{group.id}", _FILES)
    yield from _cpu(files, group)
    yield from _memory(files, group)
    yield from _io(files.get("io.stat", ""), group, devices)
    yield from _pressure(files, group)
    if "pids.current" in files:
        yield metrics.THREADS, group, float(files["pids.current"])
        yield metrics.THREADS_MAX, group, limit(files.get("pids.max", ""))
    if "cgroup.procs" in files:
        yield metrics.PROCESSES, group, float(files["cgroup.procs"].count("\n"))


def _cpu(files: Mapping[str, str], group: Group) -> Iterator[Row]:
    stat = numbers(files.get("cpu.stat", ""))
    if "usage_usec" in stat:
        yield metrics.CPU_USAGE, (*group, "total"), stat["usage_usec"] / _MICROSECONDS
        yield metrics.CPU_USER, group, stat["user_usec"] / _MICROSECONDS
        yield metrics.CPU_SYSTEM, group, stat["system_usec"] / _MICROSECONDS
    if "cpu.weight" in files:
        yield metrics.SPEC_SHARES, group, float(shares(int(files["cpu.weight"])))
    if "cpu.max" in files:
        quota, period = files["cpu.max"].split()
        yield metrics.SPEC_PERIOD, group, float(period)
        if quota != "max":
            yield metrics.SPEC_QUOTA, group, float(quota)
            yield metrics.CFS_PERIODS, group, float(stat["nr_periods"])
            yield metrics.CFS_THROTTLED, group, float(stat["nr_throttled"])
            yield metrics.CFS_SECONDS, group, stat["throttled_usec"] / _MICROSECONDS


def shares(weight: int) -> int:
    """Weights of 1 to 10,000 as the shares of 2 to 262,144 that version 1 has, as container runtimes do."""
    return 2 + (weight - 1) * 262142 // 9999


def _memory(files: Mapping[str, str], group: Group) -> Iterator[Row]:
    """The root of the tree has `memory.stat` alone."""
    stat = numbers(files.get("memory.stat", ""))
    if stat:
        yield metrics.RSS, group, float(stat["anon"])
        yield metrics.CACHE, group, float(stat["file"])
        yield metrics.MAPPED, group, float(stat["file_mapped"])
        yield metrics.KERNEL, group, float(stat.get("kernel", 0))
        yield metrics.ACTIVE_FILE, group, float(stat["active_file"])
        yield metrics.INACTIVE_FILE, group, float(stat["inactive_file"])
        for kind in ("pgfault", "pgmajfault"):
            for scope in ("container", "hierarchy"):
                yield metrics.FAILURES, (*group, kind, scope), float(stat[kind])
    if "memory.current" in files:
        usage = int(files["memory.current"])
        yield metrics.MEMORY_USAGE, group, float(usage)
        yield metrics.WORKING_SET, group, float(max(0, usage - stat.get("inactive_file", 0)))
        yield metrics.SWAP, group, float(files.get("memory.swap.current", 0))
        yield metrics.SPEC_MEMORY, group, limit(files.get("memory.max", ""))
        yield metrics.SPEC_RESERVATION, group, limit(files.get("memory.low", ""))
        yield metrics.SPEC_SWAP, group, limit(files.get("memory.swap.max", ""))
    if "memory.peak" in files:
        yield metrics.MAX_USAGE, group, float(files["memory.peak"])
    if "memory.events" in files:
        events = numbers(files["memory.events"])
        yield metrics.OOM, group, float(events.get("oom_kill", 0))
        yield metrics.EVENTS_HIGH, group, float(events.get("high", 0))
        yield metrics.EVENTS_MAX, group, float(events.get("max", 0))


def _io(text: str, group: Group, devices: Mapping[str, str]) -> Iterator[Row]:
    """Lines such as '254:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0'."""
    for line in text.splitlines():
        number, *pairs = line.split()
        counts = {key: float(value) for key, _, value in (pair.partition("=") for pair in pairs)}
        if "rbytes" not in counts:
            continue
        device = devices.get(number, number)
        major, _, minor = number.partition(":")
        yield metrics.READS, (*group, device), counts["rios"]
        yield metrics.WRITES, (*group, device), counts["wios"]
        yield metrics.READ_BYTES, (*group, device), counts["rbytes"]
        yield metrics.WRITTEN_BYTES, (*group, device), counts["wbytes"]
        yield metrics.DEVICE_USAGE, (*group, device, major, minor, "Read"), counts["rbytes"]
        yield metrics.DEVICE_USAGE, (*group, device, major, minor, "Write"), counts["wbytes"]


def _pressure(files: Mapping[str, str], group: Group) -> Iterator[Row]:
    for (name, line), family in metrics.PRESSURE.items():
        for text in files.get(name, "").splitlines():
            kind, *fields = text.split()
            if kind == line:
                total_us = fields[-1].removeprefix("total=")
                yield family, group, float(total_us) / _MICROSECONDS
