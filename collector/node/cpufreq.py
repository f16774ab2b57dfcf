"""Frequencies that the processors run at and may run at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from collector.families import Family, Reading, Row, gauge, grouped
from collector.node.cpu import processors
from collector.node.roots import Roots, attributes

# sysfs attribute in kHz -> family (kernel, Documentation/admin-guide/pm/cpufreq.rst)
FREQUENCIES: Mapping[str, Family] = {
    "cpuinfo_cur_freq": gauge("node_cpu_frequency_hertz", "Current CPU thread frequency in hertz.", "cpu"),
    "cpuinfo_min_freq": gauge(
        "node_cpu_frequency_min_hertz", "Minimum CPU thread frequency in hertz.", "cpu"
    ),
    "cpuinfo_max_freq": gauge(
        "node_cpu_frequency_max_hertz", "Maximum CPU thread frequency in hertz.", "cpu"
    ),
    "scaling_cur_freq": gauge(
        "node_cpu_scaling_frequency_hertz", "Current scaled CPU thread frequency in hertz.", "cpu"
    ),
    "scaling_min_freq": gauge(
        "node_cpu_scaling_frequency_min_hertz", "Minimum scaled CPU thread frequency in hertz.", "cpu"
    ),
    "scaling_max_freq": gauge(
        "node_cpu_scaling_frequency_max_hertz", "Maximum scaled CPU thread frequency in hertz.", "cpu"
    ),
}
GOVERNOR = gauge("node_cpu_scaling_governor", "Current enabled CPU frequency governor.", "cpu", "governor")

_NAMES = (*FREQUENCIES, "scaling_governor", "scaling_available_governors")
_KILOHERTZ = 1000.0


def read(roots: Roots) -> list[Reading]:
    """One reading, empty where frequencies are not managed. Raises OSError, ValueError."""
    return grouped(_rows(roots))


def _rows(roots: Roots) -> Iterator[Row]:
    for name in processors(roots):
        try:
            texts = attributes(f"{roots.sys}/devices/system/cpu/{name}/cpufreq", _NAMES)
        except FileNotFoundError:
            continue
        cpu = name.removeprefix("cpu")
        for attribute, family in FREQUENCIES.items():
            # Some drivers say "<unknown>".
            if texts.get(attribute, "").isdigit():
                yield family, (cpu,), float(texts[attribute]) * _KILOHERTZ
        current = texts.get("scaling_governor")
        for governor in texts.get("scaling_available_governors", "").split():
            yield GOVERNOR, (cpu, governor), float(governor == current)
