"""The machine's clock, its zone and its source; node_exporter's collector `time`."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from collector.families import Reading, gauge
from collector.node.roots import Roots, listing, optional_text

SECONDS = gauge("node_time_seconds", "System time in seconds since epoch (1970).")
ZONE = gauge("node_time_zone_offset_seconds", "System time zone offset in seconds.", "time_zone")
AVAILABLE = gauge(
    "node_time_clocksource_available_info",
    "Available clocksources read from '/sys/devices/system/clocksource'.",
    "device",
    "clocksource",
)
CURRENT = gauge(
    "node_time_clocksource_current_info",
    "Current clocksource read from '/sys/devices/system/clocksource'.",
    "device",
    "clocksource",
)


@dataclass(frozen=True, slots=True)
class Clock:
    """Reads the clock; `now` gives seconds since the epoch."""

    now: Callable[[], float] = time.time

    def __call__(self, roots: Roots) -> list[Reading]:
        """One reading. Raises OSError where sysfs names no clock sources."""
        now_s = self.now()
        zone = time.localtime(now_s)
        return [
            SECONDS.one(now_s),
            ZONE.by({zone.tm_zone: float(zone.tm_gmtoff)}),
            *_sources(f"{roots.sys}/devices/system/clocksource"),
        ]


def _sources(directory: str) -> list[Reading]:
    available: dict[tuple[str, ...], float] = {}
    current: dict[tuple[str, ...], float] = {}
    for name in listing(directory):
        if not name.startswith("clocksource"):
            continue
        device = name.removeprefix("clocksource")
        for source in (optional_text(f"{directory}/{name}/available_clocksource") or "").split():
            available[device, source] = 1.0
        for source in (optional_text(f"{directory}/{name}/current_clocksource") or "").split():
            current[device, source] = 1.0
    return [AVAILABLE.rows(available), CURRENT.rows(current)]
