"""Temperatures, voltages, fans and the like (kernel, Documentation/hwmon/sysfs-interface.rst)."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from collector.families import Family, Reading, Row, counter, gauge, grouped
from collector.node.roots import Roots, listing, listing_if_any, optional_text

Sensors = dict[str, dict[str, str]]
"""Texts by sensor, such as 'temp1', and property, such as 'input'; '' is the sensor's own file."""

CHIP = gauge("node_hwmon_chip_names", "Annotation metric for human-readable chip names", "chip", "chip_name")
LABEL = gauge("node_hwmon_sensor_label", "Label for given chip and sensor", "chip", "sensor", "label")
_LABELS = ("chip", "sensor")

_FILE = re.compile(r"^([^0-9]+)([0-9]*)(?:_(.+))?$")
_SINGLES = ("vrm", "beep_enable", "update_interval")
_MEASURED = ("in", "cpu", "fan", "pwm", "temp", "curr", "power", "energy", "humidity", "intrusion", "freq")
_KINDS = frozenset((*_SINGLES, *_MEASURED))
_UNCLEAN = re.compile(r"[^a-z0-9:_]")
_MILLI, _MICRO = 0.001, 1e-6


def clean(text: str) -> str:
    """A text as a part of a metric's or a chip's name."""
    return _UNCLEAN.sub("_", text.lower()).strip("_")


@lru_cache(maxsize=4096)
def _family(kind: str, element: str, *, has_own: bool) -> tuple[Family, float]:
    """The family of a sensor's property, and the factor to its unit."""
    name = f"node_hwmon_{kind}"
    if element == "input":
        name += "_input" if has_own else ""
    elif element:
        name += f"_{clean(element)}"
    if element in ("fault", "alarm"):
        return gauge(name, f"Hardware sensor {element} status ({kind})", *_LABELS), 1.0
    if element == "beep":
        return gauge(f"{name}_enabled", "Hardware monitor sensor has beeping enabled", *_LABELS), 1.0
    return _measured(kind, element, name)


def _measured(kind: str, element: str, name: str) -> tuple[Family, float]:
    if kind in ("in", "cpu"):
        return gauge(f"{name}_volts", f"Hardware monitor for voltage ({element})", *_LABELS), _MILLI
    if kind == "temp" and element != "type":
        text = f"Hardware monitor for temperature ({element or 'input'})"
        return gauge(f"{name}_celsius", text, *_LABELS), _MILLI
    if kind == "curr":
        return gauge(f"{name}_amps", f"Hardware monitor for current ({element})", *_LABELS), _MILLI
    if kind == "energy":
        text = f"Hardware monitor for joules used so far ({element})"
        return counter(f"{name}_joule_total", text, *_LABELS), _MICRO
    if kind == "power":
        return _power(element, name)
    if kind == "humidity":
        text = (
            "Hardware monitor for humidity, as a ratio (multiply with 100.0 to get the humidity as a"
            f" percentage) ({element})"
        )
        return gauge(name, text, *_LABELS), _MICRO
    if kind == "fan" and element in ("input", "min", "max", "target"):
        text = f"Hardware monitor for fan revolutions per minute ({element})"
        return gauge(f"{name}_rpm", text, *_LABELS), 1.0
    if kind == "freq" and element == "input":
        return gauge(f"{name}_freq_mhz", "Hardware monitor for GPU frequency in MHz", *_LABELS), _MICRO
    return gauge(name, f"Hardware monitor {kind} element {element}", *_LABELS), 1.0


def _power(element: str, name: str) -> tuple[Family, float]:
    if element == "accuracy":
        return gauge(name, "Hardware monitor power meter accuracy, as a ratio", *_LABELS), _MICRO
    if element.startswith("average_interval"):
        text = f"Hardware monitor power usage update interval ({element})"
        return gauge(f"{name}_seconds", text, *_LABELS), _MILLI
    text = f"Hardware monitor for power usage in watts ({element})"
    return gauge(f"{name}_watt", text, *_LABELS), _MICRO


# A sensor that is one number: kind -> (family, factor).
_SINGLE: Mapping[str, tuple[Family, float]] = {
    "beep_enable": (gauge("node_hwmon_beep_enabled", "Hardware beep enabled", *_LABELS), 1.0),
    "vrm": (gauge("node_hwmon_voltage_regulator_version", "Hardware voltage regulator", *_LABELS), 1.0),
    "update_interval": (
        gauge("node_hwmon_update_interval_seconds", "Hardware monitor update interval", *_LABELS),
        _MILLI,
    ),
}


@dataclass(frozen=True, slots=True)
class HwMon:
    """Reads the chips whose names match `include`."""

    include: re.Pattern[str] = field(default_factory=lambda: re.compile(""))

    def __call__(self, roots: Roots) -> list[Reading]:
        """One reading. Raises OSError where nothing is monitored."""
        return grouped(self._rows(f"{roots.sys}/class/hwmon"))

    def _rows(self, directory: str) -> Iterator[Row]:
        for path, chip in chips(directory).items():
            if not self.include.search(chip):
                continue
            name = optional_text(f"{path}/name")
            if name:
                yield CHIP, (chip, name), 1.0
            for sensor, texts in sensors(path).items():
                yield from rows(chip, sensor, texts)


def chips(directory: str) -> dict[str, str]:
    """A stable name of each chip by its path: its device, with its own name where a device has several."""
    devices = {path: _device(path) for path in (f"{directory}/{name}" for name in listing(directory))}
    shared = {device for device, count in Counter(devices.values()).items() if device and count > 1}
    found = {}
    for path, device in devices.items():
        own = clean(optional_text(f"{path}/name") or "")
        if device and own and device in shared:
            found[path] = f"{device}_{own}"
        else:
            found[path] = device or own or clean(os.path.basename(os.path.realpath(path)))  # noqa: PTH119
    return found


def _device(path: str) -> str:
    """Names of the device and of what it hangs on, such as 'platform_coretemp_0'; '' where there is none."""
    try:
        parts = os.path.realpath(f"{path}/device", strict=True).split("/")
    except OSError:
        return ""
    return "_".join(filter(None, map(clean, parts[-2:])))


def sensors(path: str) -> Sensors:
    """The files of a chip; old drivers put them into the device's directory."""
    found: Sensors = {}
    for directory in (path, f"{path}/device"):
        for name in listing_if_any(directory):
            match = _FILE.match(name)
            if match and match[1] in _KINDS:
                text = optional_text(f"{directory}/{name}")
                if text is not None:
                    found.setdefault(f"{match[1]}{int(match[2] or 0)}", {})[match[3] or ""] = text
    return found


def rows(chip: str, sensor: str, texts: Mapping[str, str]) -> Iterator[Row]:
    """A sensor's properties; one that is not a number is left out."""
    kind = sensor.rstrip("0123456789")
    if "label" in texts:
        yield LABEL, (chip, sensor, texts["label"]), 1.0
    if kind in _SINGLE:
        family, factor = _SINGLE[kind]
        texts = {"": texts.get("", "")}
    for element, text in texts.items():
        value = _number(text)
        if element == "label" or value is None:
            continue
        if kind not in _SINGLE:
            family, factor = _family(kind, element, has_own="" in texts)
        # The frequencies of graphics processors are told apart by their labels.
        named = texts.get("label", sensor) if kind == "freq" and element == "input" else sensor
        yield family, (chip, named), value * factor


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
