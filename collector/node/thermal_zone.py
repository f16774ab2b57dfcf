"""Temperatures that the kernel acts on, and what it throttles (Documentation/driver-api/thermal)."""

from __future__ import annotations

from collections.abc import Iterator

from collector.families import Reading, Row, gauge, grouped
from collector.node.roots import Roots, attributes, listing_if_any

TEMPERATURE = gauge("node_thermal_zone_temp", "Zone temperature in Celsius", "zone", "type")
CURRENT = gauge(
    "node_cooling_device_cur_state", "Current throttle state of the cooling device", "name", "type"
)
MAXIMUM = gauge(
    "node_cooling_device_max_state", "Maximum throttle state of the cooling device", "name", "type"
)
_ZONE, _DEVICE = "thermal_zone", "cooling_device"


def read(roots: Roots) -> list[Reading]:
    """One reading, empty where nothing is watched. Raises OSError, ValueError."""
    return grouped(_rows(f"{roots.sys}/class/thermal"))


def _rows(directory: str) -> Iterator[Row]:
    for name in listing_if_any(directory):
        path = f"{directory}/{name}"
        if name.startswith(_ZONE):
            texts = attributes(path, ("type", "temp"))
            # A zone that is switched off has no temperature.
            if texts.get("temp"):
                labels = (name.removeprefix(_ZONE), texts.get("type", ""))
                yield TEMPERATURE, labels, float(texts["temp"]) / 1000.0
        elif name.startswith(_DEVICE):
            texts = attributes(path, ("type", "cur_state", "max_state"))
            labels = (name.removeprefix(_DEVICE), texts.get("type", ""))
            for attribute, family in (("cur_state", CURRENT), ("max_state", MAXIMUM)):
                if texts.get(attribute):
                    yield family, labels, float(texts[attribute])
