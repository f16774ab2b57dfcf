"""When a group is due: at fixed moments of its interval, spread by its name so that load is even."""

from __future__ import annotations

import xxhash

from alerts.rules import Group


def offset_ms(group: Group) -> int:
    """Where within its interval a group runs; the same in every process."""
    return xxhash.xxh64_intdigest("\xff".join(group.key).encode()) % group.interval_ms


def latest_slot_ms(group: Group, now_ms: int) -> int:
    """The last moment at or before `now_ms` at which the group is due."""
    return now_ms - (now_ms - offset_ms(group)) % group.interval_ms


def next_slot_ms(group: Group, now_ms: int) -> int:
    """The first moment after `now_ms` at which the group is due."""
    return latest_slot_ms(group, now_ms) + group.interval_ms


def missed(group: Group, before_ms: int | None, slot_ms: int) -> int:
    """How many moments between the evaluations at `before_ms` and `slot_ms` passed without one."""
    if before_ms is None:
        return 0
    return max((slot_ms - before_ms) // group.interval_ms - 1, 0)
