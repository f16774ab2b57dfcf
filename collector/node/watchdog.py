"""Watchdogs that restart the machine (kernel, Documentation/ABI/testing/sysfs-class-watchdog)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from collector.families import Family, Reading, Row, gauge, grouped
from collector.node.roots import Roots, attributes, listing

_SECONDS = ("pretimeout", "timeleft", "timeout")
NUMBERS: Mapping[str, Family] = {
    name: gauge(
        f"node_watchdog_{name}{'_seconds' if name in _SECONDS else ''}",
        f"Value of /sys/class/watchdog/<watchdog>/{name}",
        "name",
    )
    for name in ("access_cs0", "bootstatus", "fw_version", "nowayout", *_SECONDS)
}
TEXTS = ("identity", "options", "pretimeout_governor", "state", "status")
INFO = gauge("node_watchdog_info", "Info of /sys/class/watchdog/<watchdog>", "name", *TEXTS)


def read(roots: Roots) -> list[Reading]:
    """One reading. Raises OSError where the kernel knows no watchdog, ValueError."""
    return grouped(_rows(f"{roots.sys}/class/watchdog"))


def _rows(directory: str) -> Iterator[Row]:
    for watchdog in listing(directory):
        texts = attributes(f"{directory}/{watchdog}", (*NUMBERS, *TEXTS))
        for name, family in NUMBERS.items():
            if texts.get(name):
                yield family, (watchdog,), float(texts[name])
        yield INFO, (watchdog, *(texts.get(name, "") for name in TEXTS)), 1.0
