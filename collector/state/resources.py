"""Amounts of resources (cpu, memory, devices) as samples with a unit."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from collector.state.kind import Row
from collector.state.naming import plain
from collector.state.objects import Quantities
from collector.state.quantity import amount

_BYTES: Final = frozenset({"memory", "storage", "ephemeral-storage"})
_QUALIFIED: Final = re.compile(r"[a-z0-9.-]{1,253}/[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")


def resource_rows(quantities: Quantities | None, *before: str) -> Iterable[Row]:
    """A row for each resource that is known: `before`, the resource, its unit. Raises `ValueError`."""
    for name, quantity in (quantities or {}).items():
        unit = unit_of(name)
        if unit:
            yield (*before, plain(name), unit), amount(str(quantity))


def unit_of(name: str) -> str:
    """core, byte or integer; '' for a resource that nobody counts."""
    if name == "cpu":
        return "core"
    if name in _BYTES or name.startswith(("hugepages-", "attachable-volumes-")):
        return "byte"
    if name == "pods" or _is_extended(name):
        return "integer"
    return ""


def _is_extended(name: str) -> bool:
    """Whether it is a resource that a device plugin or an administrator made."""
    domain, slash, _ = name.partition("/")
    is_own = not slash or domain == "kubernetes.io" or domain.endswith(".kubernetes.io")
    return not is_own and not name.startswith("requests.") and bool(_QUALIFIED.fullmatch(name))
