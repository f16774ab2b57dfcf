"""Memory errors that the hardware detected (kernel, Documentation/admin-guide/RAS)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from collector.families import Reading, Row, counter, grouped
from collector.node.roots import Roots, listing, listing_if_any, optional_text, read_text

_ROW = ("controller", "csrow")
_CHANNEL = (*_ROW, "channel", "dimm_label")
CORRECTABLE = counter("node_edac_correctable_errors_total", "Total correctable memory errors.", "controller")
UNCORRECTABLE = counter(
    "node_edac_uncorrectable_errors_total", "Total uncorrectable memory errors.", "controller"
)
ROW_CORRECTABLE = counter(
    "node_edac_csrow_correctable_errors_total", "Total correctable memory errors for this csrow.", *_ROW
)
ROW_UNCORRECTABLE = counter(
    "node_edac_csrow_uncorrectable_errors_total", "Total uncorrectable memory errors for this csrow.", *_ROW
)
CHANNEL_CORRECTABLE = counter(
    "node_edac_channel_correctable_errors_total",
    "Total correctable memory errors for this channel.",
    *_CHANNEL,
)
CHANNEL_UNCORRECTABLE = counter(
    "node_edac_channel_uncorrectable_errors_total",
    "Total uncorrectable memory errors for this channel.",
    *_CHANNEL,
)

_CONTROLLER = re.compile(r"^mc(\d+)$")
_CSROW = re.compile(r"^csrow(\d+)$")
_COUNT = re.compile(r"^ch(\d+)_(ce|ue)_count$")
# What a driver without labels of its own calls a slot.
_DEFAULT_LABEL = re.compile(r"^mc#?(\d+)csrow#?(\d+)channel#?(\d+)$")


def read(roots: Roots) -> list[Reading]:
    """One reading, empty where no driver watches the memory. Raises OSError, ValueError."""
    return grouped(_rows(f"{roots.sys}/devices/system/edac/mc"))


def _rows(directory: str) -> Iterator[Row]:
    for name, controller in _numbered(listing_if_any(directory), _CONTROLLER):
        path = f"{directory}/{name}"
        yield CORRECTABLE, (controller,), _number(f"{path}/ce_count")
        yield UNCORRECTABLE, (controller,), _number(f"{path}/ue_count")
        yield ROW_CORRECTABLE, (controller, "unknown"), _number(f"{path}/ce_noinfo_count")
        yield ROW_UNCORRECTABLE, (controller, "unknown"), _number(f"{path}/ue_noinfo_count")
        for row, csrow in _numbered(listing(path), _CSROW):
            yield from _csrow(f"{path}/{row}", controller, csrow)


def _csrow(path: str, controller: str, csrow: str) -> Iterator[Row]:
    yield ROW_CORRECTABLE, (controller, csrow), _number(f"{path}/ce_count")
    yield ROW_UNCORRECTABLE, (controller, csrow), _number(f"{path}/ue_count")
    for name in listing(path):
        found = _COUNT.match(name)
        if found:
            channel, kind = found.groups()
            label = optional_text(f"{path}/ch{channel}_dimm_label") or ""
            family = CHANNEL_CORRECTABLE if kind == "ce" else CHANNEL_UNCORRECTABLE
            labels = (controller, csrow, channel, _DEFAULT_LABEL.sub(r"mc\1_csrow\2_channel\3", label))
            yield family, labels, _number(f"{path}/{name}")


def _numbered(names: list[str], pattern: re.Pattern[str]) -> Iterator[tuple[str, str]]:
    for name in names:
        found = pattern.match(name)
        if found:
            yield name, found[1]


def _number(path: str) -> float:
    return float(int(read_text(path)))
