"""The containers of a machine as one of its collectors."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from collector.families import Reading, Row, grouped
from collector.node import diskstats
from collector.node.containers import metrics, version1, version2
from collector.node.containers.metrics import Group
from collector.node.containers.names import Names
from collector.node.containers.processes import Processes, namespace, network
from collector.node.containers.tree import Hierarchies, groups, hierarchies, texts
from collector.node.roots import Roots

_KIB = 1024


@dataclass(slots=True)
class Containers:
    """Reads the control groups whose id matches `include`: containers, services, slices and '/', the machine.

    A group that goes away while it is read, or whose files are strange, is left out; the others are kept.
    """

    include: re.Pattern[str] = field(default_factory=lambda: re.compile(""))
    now: Callable[[], float] = time.time
    ticks_per_s: int = field(default_factory=lambda: os.sysconf("SC_CLK_TCK"))
    names: Names | None = None
    processes: Processes | None = None

    def __call__(self, roots: Roots) -> list[Reading]:
        """One reading. Raises OSError where control groups are not mounted, ValueError."""
        trees = hierarchies(roots.sys)
        self.names = self.names or Names(roots.rootfs)
        self.processes = self.processes or Processes(self.ticks_per_s)
        chosen = self.names.of([group for group in groups(trees.roots) if self.include.search(group)])
        self.processes.forget({group.id for group in chosen})
        memory = _memory(roots)
        host = ""
        with suppress(OSError):
            host = namespace(roots, "1")
        shared = _Shared(roots, trees, _devices(roots), _boot_s(roots), host)
        return [*grouped(self._rows(shared, chosen, memory)), *_machine(memory)]

    def _rows(self, shared: _Shared, chosen: list[Group], memory: Mapping[str, int]) -> Iterator[Row]:
        for group in chosen:
            with suppress(ValueError, KeyError, IndexError):
                found = list(self._group(shared, group))
                if group.id == "/":
                    found += _root(found, group, memory)
                if found:
                    yield from found
                    yield metrics.LAST_SEEN, group, float(int(self.now()))

    def _group(self, shared: _Shared, group: Group) -> Iterator[Row]:
        trees = shared.trees
        if trees.unified:
            yield from version2.rows(trees.unified, group, shared.devices)
        else:
            yield from version1.rows(trees.controllers, group, shared.devices, self.ticks_per_s)
        assert self.processes is not None  # the call has made it
        pids = shared.pids(group)
        if group.id != "/":
            yield from self.processes.start(shared.roots, group, pids, shared.boot_s)
        yield from network(shared.roots, group, pids, shared.host)


@dataclass(frozen=True, slots=True)
class _Shared:
    """What a pass finds out once. devices: paths by 'major:minor'. host: the machine's network namespace."""

    roots: Roots
    trees: Hierarchies
    devices: Mapping[str, str]
    boot_s: float
    host: str

    def pids(self, group: Group) -> list[str]:
        tree = self.trees.unified or self.trees.controllers.get("memory") or self.trees.roots[0]
        return texts(f"{tree}{group.id}", ("cgroup.procs",)).get("cgroup.procs", "").split()


def _root(found: list[Row], group: Group, memory: Mapping[str, int]) -> Iterator[Row]:
    """The root of version 2 does not say what memory is used; the machine does, and runtimes take that."""
    if any(family is metrics.MEMORY_USAGE for family, _, _ in found):
        return
    inactive = next((value for family, _, value in found if family is metrics.INACTIVE_FILE), 0.0)
    usage = float(memory["MemTotal"] - memory["MemFree"])
    yield metrics.MEMORY_USAGE, group, usage
    yield metrics.WORKING_SET, group, max(0.0, usage - inactive)
    yield metrics.SWAP, group, float(memory.get("SwapTotal", 0) - memory.get("SwapFree", 0))


def _machine(memory: Mapping[str, int]) -> list[Reading]:
    return [
        metrics.CORES.one(float(os.cpu_count() or 0)),
        metrics.MACHINE_MEMORY.one(float(memory["MemTotal"])),
        metrics.MACHINE_SWAP.one(float(memory.get("SwapTotal", 0))),
    ]


def _memory(roots: Roots) -> dict[str, int]:
    """Bytes by field of /proc/meminfo."""
    lines = (line.split() for line in roots.proc_text("meminfo").splitlines())
    return {words[0].rstrip(":"): int(words[1]) * _KIB for words in lines if words}


def _devices(roots: Roots) -> dict[str, str]:
    known = diskstats.parse(roots.proc_text("diskstats"))
    return {f"{major}:{minor}": f"/dev/{name}" for major, minor, name in known}


def _boot_s(roots: Roots) -> float:
    lines = roots.proc_text("stat").splitlines()
    return next((float(line.split()[1]) for line in lines if line.startswith("btime ")), 0.0)
