"""What the processes of a container tell: since when it runs, and its network devices."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from collector.families import Row
from collector.node.containers import metrics
from collector.node.containers.metrics import Group
from collector.node.netdev import parse
from collector.node.roots import Roots, read_text

_START = 19  # columns after the program's name in /proc/<pid>/stat (proc(5)): the 22nd of all
_LOOKED_AT = 64
_NOT_THEIRS = ("lo", "veth", "docker")


@dataclass(slots=True)
class Processes:
    """Reads /proc/<pid>. oldest: the process that a group began with, and its start in seconds since boot."""

    ticks_per_s: int
    oldest: dict[str, tuple[str, float]] = field(default_factory=dict)

    def start(self, roots: Roots, group: Group, pids: list[str], boot_s: float) -> Iterator[Row]:
        """When the oldest process began; nothing for a group without processes."""
        known = self.oldest.get(group.id)
        if known is None or known[0] not in pids:
            starts = {pid: self._started(roots, pid) for pid in pids[:_LOOKED_AT]}
            known = min(
                ((pid, at) for pid, at in starts.items() if at is not None),
                key=lambda row: row[1],
                default=None,
            )
        if known is None:
            self.oldest.pop(group.id, None)
            return
        self.oldest[group.id] = known
        yield metrics.START, group, boot_s + known[1]

    def forget(self, groups: set[str]) -> None:
        """Drop what is known of groups other than these."""
        self.oldest = {group: known for group, known in self.oldest.items() if group in groups}

    def _started(self, roots: Roots, pid: str) -> float | None:
        """Seconds since the machine booted; None for a process that is gone."""
        with suppress(OSError, ValueError, IndexError):
            # A program's name may have blanks and brackets; it ends at the last one.
            columns = roots.proc_text(f"{pid}/stat").rpartition(")")[2].split()
            return int(columns[_START]) / self.ticks_per_s
        return None


def network(roots: Roots, group: Group, pids: list[str], host: str) -> Iterator[Row]:
    """Traffic of a container with a network of its own; `host` names the machine's, '' when not for us."""
    if group.id == "/":
        yield from _traffic(group, roots.net_text("dev"))
    elif host and group.name and pids:
        with suppress(OSError):
            if namespace(roots, pids[0]) != host:
                yield from _traffic(group, read_text(f"{roots.proc}/{pids[0]}/net/dev"))


def namespace(roots: Roots, pid: str) -> str:
    """The network namespace of a process. Raises OSError, also when it is not ours to know."""
    return os.readlink(f"{roots.proc}/{pid}/ns/net")  # noqa: PTH115 - a third of the time of a Path


def _traffic(group: Group, text: str) -> Iterator[Row]:
    devices: Mapping[str, list[float]] = parse(text)
    for device, columns in devices.items():
        if not device.startswith(_NOT_THEIRS):
            for i, family in metrics.NETWORK.items():
                yield family, (*group, device), columns[i]
