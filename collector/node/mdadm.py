"""Software RAID: /proc/mdstat, and the arrays in /sys/block."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from collector.families import Reading, gauge
from collector.node.roots import Roots, listing, optional_text

BLOCKS = gauge("node_md_blocks", "Total number of blocks on device.", "device")
SYNCED = gauge("node_md_blocks_synced", "Number of blocks synced on device.", "device")
DISKS = gauge("node_md_disks", "Number of active/failed/spare disks of device.", "device", "state")
REQUIRED = gauge("node_md_disks_required", "Total number of disks of device.", "device")
STATE = gauge("node_md_state", "Indicates the state of md-device.", "device", "state")
RAID_DISKS = gauge("node_md_raid_disks", "Number of raid disks on device.", "device")
DEGRADED = gauge("node_md_degraded", "Number of degraded disks on device.", "device")

_STATES = ("active", "inactive", "recovering", "resync", "check")
_SYNC_STATES = {"recovery": "recovering", "resync": "resync", "check": "check"}

_HEAD = re.compile(r"^(md\S*) : (active|inactive)\b(.*)$")
_MEMBER = re.compile(r"\S+\[\d+\]((?:\([A-Z]\))*)")
_BLOCKS = re.compile(r"^\s+(\d+) blocks")
_UP = re.compile(r"\[(\d+)/(\d+)\]")
_SYNC = re.compile(r"\b(recovery|resync|check|reshape) ?= ?(?:DELAYED|PENDING|.*\((\d+)/\d+\))")


@dataclass(frozen=True, slots=True)
class Array:
    """An array as mdstat tells it. Disks: active, failed, spare, and required for all of its data."""

    device: str
    state: str
    blocks: int
    synced: int
    active: int
    failed: int
    spare: int
    required: int


def parse(text: str) -> list[Array]:
    """/proc/mdstat to its arrays, each a head and indented lines below it (kernel, drivers/md/md.c)."""
    lines = text.splitlines()
    heads = [i for i, line in enumerate(lines) if _HEAD.match(line)]
    return [_array(lines[start:end]) for start, end in zip(heads, [*heads[1:], len(lines)], strict=True)]


def _array(lines: Sequence[str]) -> Array:
    head = _HEAD.match(lines[0])
    assert head is not None  # `parse` cut the lines at heads
    device, state, members = head.groups()
    marks = _MEMBER.findall(members)
    failed, spare = (sum(mark in found for found in marks) for mark in ("(F)", "(S)"))
    blocks = next((int(found[1]) for found in map(_BLOCKS.match, lines) if found), 0)
    required, active = _working(lines, len(marks) - failed - spare) if state == "active" else (0, 0)
    state, synced = _progress(lines, state, blocks)
    return Array(device, state, blocks, synced, active, failed, spare, required)


def _working(lines: Sequence[str], members: int) -> tuple[int, int]:
    """(required, active); an array without redundancy does not say, as all of its disks must work."""
    found = next(filter(None, map(_UP.search, lines[1:])), None)
    return (int(found[1]), int(found[2])) if found else (members, members)


def _progress(lines: Sequence[str], state: str, blocks: int) -> tuple[str, int]:
    """(state, blocks in sync); what is delayed or pending has not begun."""
    found = next(filter(None, map(_SYNC.search, lines[1:])), None)
    if found is None:
        return state, blocks
    return _SYNC_STATES.get(found[1], found[1]), int(found[2] or 0)


def readings(arrays: Sequence[Array]) -> list[Reading]:
    """Arrays to readings."""
    disks: dict[tuple[str, ...], float] = {
        (array.device, state): float(count)
        for array in arrays
        for state, count in (("active", array.active), ("failed", array.failed), ("spare", array.spare))
    }
    states: dict[tuple[str, ...], float] = {
        (array.device, state): float(array.state == state) for array in arrays for state in _STATES
    }
    return [
        BLOCKS.by({array.device: float(array.blocks) for array in arrays}),
        SYNCED.by({array.device: float(array.synced) for array in arrays}),
        REQUIRED.by({array.device: float(array.required) for array in arrays}),
        DISKS.rows(disks),
        STATE.rows(states),
    ]


def _in_sysfs(directory: str) -> Iterator[tuple[str, float, float]]:
    """(device, disks it is made for, disks it lacks); kinds without redundancy never lack one."""
    for device in listing(directory):
        if device.startswith("md"):
            made_for = optional_text(f"{directory}/{device}/md/raid_disks")
            if made_for:
                lacks = optional_text(f"{directory}/{device}/md/degraded")
                yield device, float(made_for), float(lacks or 0)


def read(roots: Roots) -> list[Reading]:
    """One reading. Raises OSError where the kernel has no software RAID."""
    arrays = parse(roots.proc_text("mdstat"))
    known = list(_in_sysfs(f"{roots.sys}/block"))
    return [
        *readings(arrays),
        RAID_DISKS.by({device: made_for for device, made_for, _ in known}),
        DEGRADED.by({device: lacks for device, _, lacks in known}),
    ]
