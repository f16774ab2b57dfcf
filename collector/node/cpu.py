"""Time that the processors spent by mode, and throttling."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from collector.families import Reading, counter, gauge
from collector.node.cpuinfo import CpuInfo
from collector.node.roots import Roots, listing, optional_text

SECONDS = counter("node_cpu_seconds_total", "Seconds the CPUs spent in each mode.", "cpu", "mode")
GUEST = counter(
    "node_cpu_guest_seconds_total", "Seconds the CPUs spent in guests (VMs) for each mode.", "cpu", "mode"
)
CORE_THROTTLES = counter(
    "node_cpu_core_throttles_total", "Number of times this CPU core has been throttled.", "package", "core"
)
PACKAGE_THROTTLES = counter(
    "node_cpu_package_throttles_total", "Number of times this CPU package has been throttled.", "package"
)
ISOLATED = gauge(
    "node_cpu_isolated",
    "Whether each core is isolated, information from /sys/devices/system/cpu/isolated.",
    "cpu",
)

MODES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
GUEST_MODES = ("user", "nice")
_IDLE = MODES.index("idle")
_FIELDS = len(MODES) + len(GUEST_MODES)

# A processor that was unplugged and came back starts at zero; a smaller step back is the kernel's rounding.
_RESET_TICKS = 300

# More than any kernel is built for (NR_CPUS).
_MOST = 1 << 16


def parse_ticks(text: str) -> dict[str, list[int]]:
    """/proc/stat to ticks by processor number; ten columns: MODES, then GUEST_MODES."""
    ticks = {}
    for line in text.splitlines():
        if not line.startswith("cpu"):
            break
        name, *columns = line.split()
        if name != "cpu":
            found = [int(column) for column in columns[:_FIELDS]]
            ticks[name[3:]] = found + [0] * (_FIELDS - len(found))
    return ticks


def never_backwards(before: dict[str, list[int]], now: dict[str, list[int]]) -> dict[str, list[int]]:
    """Ticks with each counter at least what it was; a processor whose idle time fell far back starts anew.

    The kernel computes idle and iowait on the fly and lets them fall by a few ticks, which `rate` would take
    for a restart.
    """
    kept = {}
    for cpu, ticks in now.items():
        old = before.get(cpu)
        reset = old is None or old[_IDLE] - ticks[_IDLE] >= _RESET_TICKS
        kept[cpu] = ticks if old is None or reset else [max(pair) for pair in zip(old, ticks, strict=True)]
    return kept


def readings(ticks: dict[str, list[int]], ticks_per_s: int) -> list[Reading]:
    """Seconds by processor and mode."""
    modes: dict[tuple[str, ...], float] = {
        (cpu, mode): column / ticks_per_s
        for cpu, columns in ticks.items()
        for mode, column in zip(MODES, columns, strict=False)
    }
    guests: dict[tuple[str, ...], float] = {
        (cpu, mode): column / ticks_per_s
        for cpu, columns in ticks.items()
        for mode, column in zip(GUEST_MODES, columns[len(MODES) :], strict=True)
    }
    return [SECONDS.rows(modes), GUEST.rows(guests)]


def parse_list(text: str) -> list[str]:
    """A kernel's list of processors, such as '0,3-5', to their numbers. Raises ValueError."""
    numbers: list[str] = []
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        begin, end = int(first), int(last or first) + 1
        if end > _MOST:
            raise ValueError(f"a list of processors names {end - 1}, expected less than {_MOST}")
        numbers += [str(number) for number in range(begin, end)]
    return numbers


@dataclass(slots=True)
class Cpu:
    """Reads the processors; remembers their last ticks, so that no counter falls back.

    info: adds what the processors are; None leaves it out, as node_exporter does by default.
    """

    ticks_per_s: int
    info: CpuInfo | None = None
    before: dict[str, list[int]] = field(default_factory=dict)
    places: dict[str, tuple[str, str] | None] = field(default_factory=dict)

    def __call__(self, roots: Roots) -> list[Reading]:
        """One reading of all families. Raises OSError."""
        self.before = never_backwards(self.before, parse_ticks(roots.proc_text("stat")))
        isolated = optional_text(f"{roots.sys}/devices/system/cpu/isolated") or ""
        return [
            *readings(self.before, self.ticks_per_s),
            *self._throttles(roots),
            ISOLATED.by(dict.fromkeys(parse_list(isolated), 1.0)),
            *(self.info(roots) if self.info else ()),
        ]

    def _throttles(self, roots: Roots) -> Iterator[Reading]:
        cores: dict[tuple[str, ...], float] = {}
        packages: dict[tuple[str, ...], float] = {}
        for directory, (package, core) in self._throttled(roots):
            cores[package, core] = float(
                optional_text(f"{directory}/thermal_throttle/core_throttle_count") or 0
            )
            total = optional_text(f"{directory}/thermal_throttle/package_throttle_count")
            if total:
                packages.setdefault((package,), float(total))
        yield CORE_THROTTLES.rows(cores)
        yield PACKAGE_THROTTLES.rows(packages)

    def _throttled(self, roots: Roots) -> Iterator[tuple[str, tuple[str, str]]]:
        """Directories of processors that count throttling, a core once, with (package, core)."""
        seen = set()
        for name in processors(roots):
            if name not in self.places:
                self.places[name] = _place(f"{roots.sys}/devices/system/cpu/{name}")
            place = self.places[name]
            if place is not None and place not in seen:
                seen.add(place)
                yield f"{roots.sys}/devices/system/cpu/{name}", place


def processors(roots: Roots) -> list[str]:
    """Names of the processors in sysfs, such as 'cpu0'; none where sysfs is not mounted."""
    try:
        names = listing(f"{roots.sys}/devices/system/cpu")
    except OSError:
        return []
    return [name for name in names if name.startswith("cpu") and name[3:].isdigit()]


def _place(directory: str) -> tuple[str, str] | None:
    """(package, core) of a processor, None where throttling is not counted."""
    package = optional_text(f"{directory}/topology/physical_package_id")
    core = optional_text(f"{directory}/topology/core_id")
    if package is None or core is None:
        return None
    if optional_text(f"{directory}/thermal_throttle/core_throttle_count") is None:
        return None
    return package, core
