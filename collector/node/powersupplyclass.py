"""Batteries and power supplies (kernel, Documentation/ABI/testing/sysfs-class-power)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from collector.families import Family, Reading, Row, gauge, grouped
from collector.node.roots import Roots, attributes, listing

# Texts that node_power_supply_info carries.
TEXTS = (
    "capacity_level",
    "charge_type",
    "health",
    "manufacturer",
    "model_name",
    "scope",
    "serial_number",
    "status",
    "technology",
    "type",
    "usb_type",
)
INFO = gauge(
    "node_power_supply_info",
    "info of /sys/class/power_supply/<power_supply>.",
    "power_supply",
    *TEXTS,
)


def _as_they_are(names: str) -> dict[str, str]:
    return {name: name for name in names.split()}


_PLAIN = {
    "cycle_count": "cyclecount",
    "time_to_empty_now": "time_to_empty_seconds",
    "time_to_full_now": "time_to_full_seconds",
    **_as_they_are("authentic calibrate capacity capacity_alert_max capacity_alert_min online present"),
}
_MICRO = {
    "current_now": "current_ampere",
    "energy_now": "energy_watthour",
    "voltage_now": "voltage_volt",
    "charge_now": "charge_ampere",
    "power_now": "power_watt",
    **_as_they_are(
        "current_boot current_max energy_empty energy_empty_design energy_full energy_full_design"
    ),
    **_as_they_are("voltage_boot voltage_max voltage_max_design voltage_min voltage_min_design voltage_ocv"),
    **_as_they_are("charge_control_limit charge_control_limit_max charge_counter charge_empty"),
    **_as_they_are("charge_empty_design charge_full charge_full_design charge_term_current"),
    **_as_they_are("constant_charge_current constant_charge_current_max constant_charge_voltage"),
    **_as_they_are("constant_charge_voltage_max precharge_current input_current_limit"),
}
_TENTHS = {
    name: f"{name}_celsius"
    for limit in ("", "_alert_max", "_alert_min", "_ambient", "_ambient_max", "_ambient_min", "_max", "_min")
    for name in (f"temp{limit}",)
}


def _family(name: str) -> Family:
    return gauge(
        f"node_power_supply_{name}",
        f"{name} value of /sys/class/power_supply/<power_supply>.",
        "power_supply",
    )


NUMBERS: Mapping[str, tuple[Family, float]] = {
    attribute: (_family(name), divisor)
    for names, divisor in ((_PLAIN, 1.0), (_MICRO, 1e6), (_TENTHS, 10.0))
    for attribute, name in names.items()
}
"""Attribute to its family and what divides it."""


def read(roots: Roots) -> list[Reading]:
    """One reading. Raises OSError where the kernel knows no such class, ValueError."""
    return grouped(_rows(f"{roots.sys}/class/power_supply"))


def _rows(directory: str) -> Iterator[Row]:
    for supply in listing(directory):
        path = f"{directory}/{supply}"
        there = set(listing(path))
        texts = attributes(path, [name for name in (*NUMBERS, *TEXTS) if name in there])
        for name, (family, divisor) in NUMBERS.items():
            if texts.get(name):
                yield family, (supply,), float(texts[name]) / divisor
        yield INFO, (supply, *(texts.get(name, "") for name in TEXTS)), 1.0
