"""What the machine's firmware says of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from collector.families import Reading, gauge
from collector.node.roots import Roots, attributes

LABELS = (
    "bios_date",
    "bios_release",
    "bios_vendor",
    "bios_version",
    "board_asset_tag",
    "board_name",
    "board_serial",
    "board_vendor",
    "board_version",
    "chassis_asset_tag",
    "chassis_serial",
    "chassis_vendor",
    "chassis_version",
    "product_family",
    "product_name",
    "product_serial",
    "product_sku",
    "product_uuid",
    "product_version",
    "system_vendor",
)
INFO = gauge(
    "node_dmi_info",
    f"A metric with a constant '1' value labeled by {', '.join(LABELS)} if provided by DMI.",
    *LABELS,
)
_FILES = tuple("sys_vendor" if label == "system_vendor" else label for label in LABELS)


@dataclass(slots=True)
class Dmi:
    """Reads the fields once: they change with a reboot only. Some are for root alone."""

    found: list[Reading] = field(default_factory=list)

    def __call__(self, roots: Roots) -> list[Reading]:
        """One reading. Raises OSError where the firmware has no such table."""
        if not self.found:
            texts = attributes(f"{roots.sys}/class/dmi/id", _FILES)
            self.found = [INFO.rows({tuple(texts.get(name, "") for name in _FILES): 1.0})]
        return self.found
