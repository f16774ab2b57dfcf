"""Grafana's names of units, and ours. Those without a rule of their own are shown behind the number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_UNITS: Final[Mapping[str, str]] = {
    "": "none",
    "none": "none",
    "short": "none",
    "sishort": "none",
    "string": "none",
    "percent": "percent",
    "percentunit": "ratio",
    "bytes": "bytes",
    "decbytes": "bytes_si",
    "bits": "bits",
    "decbits": "bits_si",
    "binBps": "bytes_per_s",
    "Bps": "bytes_per_s_si",
    "binbps": "bits_per_s",
    "bps": "bits_per_s_si",
    "s": "seconds",
    "dtdurations": "seconds",
    "dthms": "seconds",
    "clocks": "seconds",
    "ms": "milliseconds",
    "dtdurationms": "milliseconds",
    "clockms": "milliseconds",
    "µs": "microseconds",
    "ns": "nanoseconds",
    "m": "minutes",
    "h": "hours",
    "d": "days",
    "hertz": "suffix:Hz",
    "celsius": "suffix:°C",
    "fahrenheit": "suffix:°F",
    "kelvin": "suffix:K",
    "watt": "suffix:W",
    "volt": "suffix:V",
    "amp": "suffix:A",
    "joule": "suffix:J",
    "rotrpm": "suffix:rpm",
    "ops": "suffix:ops/s",
    "reqps": "suffix:req/s",
    "rps": "suffix:reads/s",
    "wps": "suffix:writes/s",
    "iops": "suffix:io/s",
    "pps": "suffix:packets/s",
    "eps": "suffix:events/s",
    "mps": "suffix:msg/s",
    "cps": "suffix:1/s",
    "rowsps": "suffix:rows/s",
    "opm": "suffix:ops/min",
    "reqpm": "suffix:req/min",
    "currencyUSD": "prefix:$",
    "currencyEUR": "prefix:€",
    "currencyGBP": "prefix:£",
    "dateTimeAsIso": "time",
    "dateTimeAsIsoNoDateIfToday": "time",
    "dateTimeAsUS": "time",
    "dateTimeAsLocal": "time",
    "dateTimeFromNow": "time_ago",
    "bool": "bool:true/false",
    "bool_yes_no": "bool:yes/no",
    "bool_on_off": "bool:on/off",
}
_BYTES: Final[Mapping[str, int]] = {"kbytes": 1, "mbytes": 2, "gbytes": 3, "tbytes": 4, "pbytes": 5}


def unit_of(name: str) -> str:
    """Our name of a unit."""
    found = _UNITS.get(name)
    if found is not None:
        return found
    if name in _BYTES:
        return f"bytes*1024^{_BYTES[name]}"
    if name.startswith(("suffix:", "prefix:", "bool:")):
        return name
    if name.startswith(("time:", "si:")):
        return "time" if name.startswith("time:") else f"suffix:{name.removeprefix('si:').strip()}"
    return f"suffix:{name}"


def grafana_unit(unit: str) -> str:
    """Grafana's name of one of our units."""
    if unit.startswith("bytes*1024^"):
        return next(name for name, power in _BYTES.items() if unit.endswith(f"^{power}"))
    return next((name for name, ours in _UNITS.items() if ours == unit and name), unit)
