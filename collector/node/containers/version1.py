"""What a control group of version 1 says (kernel, Documentation/admin-guide/cgroup-v1)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from collector.families import Family, Row
from collector.node.containers import metrics
from collector.node.containers.metrics import Group
from collector.node.containers.tree import limit, numbers, texts

_FILES = {
    "cpu": ("cpu.stat", "cpu.cfs_quota_us", "cpu.cfs_period_us", "cpu.shares"),
    "cpuacct": ("cpuacct.usage", "cpuacct.stat"),
    "pids": ("pids.current", "pids.max", "cgroup.procs"),
    "memory": (
        *("memory.usage_in_bytes", "memory.stat", "memory.max_usage_in_bytes", "memory.failcnt"),
        *("memory.kmem.usage_in_bytes", "memory.limit_in_bytes", "memory.soft_limit_in_bytes"),
        *("memory.memsw.limit_in_bytes", "memory.oom_control", "cgroup.procs"),
    ),
    "blkio": (
        *("blkio.throttle.io_serviced_recursive", "blkio.throttle.io_service_bytes_recursive"),
        *("blkio.throttle.io_serviced", "blkio.throttle.io_service_bytes"),
    ),
}
_NANOSECONDS = 1e9
# Field of memory.stat -> family. The totals count the groups below too.
_STAT = {
    "total_rss": metrics.RSS,
    "total_cache": metrics.CACHE,
    "total_mapped_file": metrics.MAPPED,
    "total_swap": metrics.SWAP,
    "total_active_file": metrics.ACTIVE_FILE,
    "total_inactive_file": metrics.INACTIVE_FILE,
}
_PLAIN = {
    "memory.max_usage_in_bytes": metrics.MAX_USAGE,
    "memory.failcnt": metrics.FAILCNT,
    "memory.kmem.usage_in_bytes": metrics.KERNEL,
    "pids.current": metrics.THREADS,
    "cpu.shares": metrics.SPEC_SHARES,
    "cpu.cfs_period_us": metrics.SPEC_PERIOD,
}
_LIMITS = {
    "memory.limit_in_bytes": metrics.SPEC_MEMORY,
    "memory.soft_limit_in_bytes": metrics.SPEC_RESERVATION,
    "memory.memsw.limit_in_bytes": metrics.SPEC_SWAP,
    "pids.max": metrics.THREADS_MAX,
}
_OPERATIONS: dict[str, tuple[tuple[str, Family], tuple[str, Family]]] = {
    "Read": (("serviced", metrics.READS), ("service_bytes", metrics.READ_BYTES)),
    "Write": (("serviced", metrics.WRITES), ("service_bytes", metrics.WRITTEN_BYTES)),
}


def rows(
    controllers: Mapping[str, str], group: Group, devices: Mapping[str, str], ticks_per_s: int
) -> Iterator[Row]:
    """All samples of a group. `controllers` are their directories, `devices` paths by 'major:minor'.

    Raises ValueError, KeyError.
    """
    files: dict[str, str] = {}
    for controller, root in controllers.items():
        files |= texts(f"{root}{group.id}", _FILES[controller])
    for name, family in _PLAIN.items():
        if name in files:
            yield family, group, float(files[name])
    for name, family in _LIMITS.items():
        if name in files:
            yield family, group, limit(files[name])
    if "cgroup.procs" in files:
        yield metrics.PROCESSES, group, float(files["cgroup.procs"].count("\n"))
    yield from _cpu(files, group, ticks_per_s)
    yield from _memory(files, group)
    yield from _io(files, group, devices)


def _cpu(files: Mapping[str, str], group: Group, ticks_per_s: int) -> Iterator[Row]:
    if "cpuacct.usage" in files:
        ticks = numbers(files["cpuacct.stat"])
        yield metrics.CPU_USAGE, (*group, "total"), float(files["cpuacct.usage"]) / _NANOSECONDS
        yield metrics.CPU_USER, group, ticks["user"] / ticks_per_s
        yield metrics.CPU_SYSTEM, group, ticks["system"] / ticks_per_s
    quota = int(files.get("cpu.cfs_quota_us", -1))
    if quota > 0:
        stat = numbers(files["cpu.stat"])
        yield metrics.SPEC_QUOTA, group, float(quota)
        yield metrics.CFS_PERIODS, group, float(stat["nr_periods"])
        yield metrics.CFS_THROTTLED, group, float(stat["nr_throttled"])
        yield metrics.CFS_SECONDS, group, stat["throttled_time"] / _NANOSECONDS


def _memory(files: Mapping[str, str], group: Group) -> Iterator[Row]:
    if "memory.stat" not in files:
        return
    stat = numbers(files["memory.stat"])
    usage = int(files["memory.usage_in_bytes"])
    yield metrics.MEMORY_USAGE, group, float(usage)
    yield metrics.WORKING_SET, group, float(max(0, usage - stat.get("total_inactive_file", 0)))
    for name, family in _STAT.items():
        yield family, group, float(stat.get(name, 0))
    for kind in ("pgfault", "pgmajfault"):
        yield metrics.FAILURES, (*group, kind, "container"), float(stat[kind])
        yield metrics.FAILURES, (*group, kind, "hierarchy"), float(stat[f"total_{kind}"])
    oom = numbers(files.get("memory.oom_control", ""))
    yield metrics.OOM, group, float(oom.get("oom_kill", 0))


def _io(files: Mapping[str, str], group: Group, devices: Mapping[str, str]) -> Iterator[Row]:
    """Lines such as '254:0 Read 17'. Old kernels count a group alone, new ones those below it too."""
    for kind in ("serviced", "service_bytes"):
        name = f"blkio.throttle.io_{kind}"
        for line in files.get(f"{name}_recursive", files.get(name, "")).splitlines():
            number, operation, *value = line.split()
            if operation not in _OPERATIONS or not value:
                continue
            device = devices.get(number, number)
            yield dict(_OPERATIONS[operation])[kind], (*group, device), float(value[0])
            if kind == "service_bytes":
                major, _, minor = number.partition(":")
                yield metrics.DEVICE_USAGE, (*group, device, major, minor, operation), float(value[0])
