"""The distribution; node_exporter's collector `os`."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field

from collector.families import Reading, gauge
from collector.node.roots import Roots, read_text

_INFO_LABELS = (
    "build_id",
    "id",
    "id_like",
    "image_id",
    "image_version",
    "name",
    "pretty_name",
    "variant",
    "variant_id",
    "version",
    "version_codename",
    "version_id",
)
INFO = gauge(
    "node_os_info",
    "A metric with a constant '1' value labeled by " + ", ".join(_INFO_LABELS) + ".",
    *_INFO_LABELS,
)
VERSION = gauge(
    "node_os_version", "Metric containing the major.minor part of the OS version.", "id", "id_like", "name"
)
_NUMBER = re.compile(r"^\d+(\.\d+)?")


def parse(text: str) -> dict[str, str]:
    """os-release(5) to its variables."""
    found = {}
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found[name.strip()] = "".join(shlex.split(value))
    return found


def readings(variables: Mapping[str, str]) -> list[Reading]:
    """The variables as labels, and the version as a number where it has one."""
    labels = {label: variables.get(label.upper(), "") for label in _INFO_LABELS}
    found = [INFO.rows({tuple(labels.values()): 1.0})]
    number = _NUMBER.match(labels["version_id"])
    if number:
        found.append(VERSION.rows({(labels["id"], labels["id_like"], labels["name"]): float(number[0])}))
    return found


@dataclass(slots=True)
class Release:
    """Reads the file each time, and parses it when it has changed."""

    text: str = ""
    found: list[Reading] = field(default_factory=list)

    def __call__(self, roots: Roots) -> list[Reading]:
        """One reading. Raises OSError."""
        text = _text(roots)
        if text != self.text:
            self.text, self.found = text, readings(parse(text))
        return self.found


def _text(roots: Roots) -> str:
    try:
        return read_text(f"{roots.rootfs}/etc/os-release")
    except FileNotFoundError:
        return read_text(f"{roots.rootfs}/usr/lib/os-release")
