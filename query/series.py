"""Questions about which series exist: labels, their values, metadata."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from query.deadline import Deadline
from query.limits import QueryLimits
from storage.errors import InputError
from storage.interface import SeriesCatalogue, Storage
from storage.model import Matcher, TimeRange

_ESCAPED = re.compile(r"_([0-9a-fA-F]{1,6})_|__")


def labels_of(
    catalogue: SeriesCatalogue,
    selectors: Sequence[Sequence[Matcher]],
    time_range: TimeRange,
    limits: QueryLimits,
    deadline: Deadline,
) -> list[dict[str, str]]:
    """The label sets that match any selector, each once, sorted.

    Raises `LimitError` where they are more series than a query may select.
    """
    selections = [
        one for selector in selectors for one in catalogue.select(selector, time_range, deadline.check)
    ]
    limits.check("series", sum(len(one.series_ids) for one in selections), limits.max_series)
    found: dict[tuple[tuple[str, str], ...], dict[str, str]] = {}
    for selection in selections:
        deadline.check()
        found.update((tuple(row.items()), row) for row in selection.labels.rows())
    return [found[key] for key in sorted(found)]


def values_of(
    catalogue: SeriesCatalogue,
    name: str,
    selectors: Sequence[Sequence[Matcher]],
    time_range: TimeRange,
    deadline: Deadline,
) -> list[str]:
    """Sorted values of a label over the series that match any selector. Raises `InputError` for no name."""
    if not name:
        raise InputError(f"invalid label name: {name!r}")
    return catalogue.label_values(name, selectors, time_range, deadline.check)


def metadata_of(storage: Storage, metric: str, limit: int, limit_per_metric: int) -> dict[str, Any]:
    """Metadata by metric. `metric`: one only, or '' for all; limits: 0 for none."""
    found: dict[str, list[dict[str, str]]] = {}
    for row in storage.read_metadata(metric or None):
        if row.metric not in found and limit and len(found) >= limit:
            continue
        rows = found.setdefault(row.metric, [])
        if not limit_per_metric or len(rows) < limit_per_metric:
            rows.append({"type": row.type, "help": row.help, "unit": row.unit})
    return found


def unescape_name(name: str) -> str:
    """A label's name from its `U__` form, in which `_2e_` is a dot and `__` an underscore.

    Other names, and those that are not of the form, are returned as they are.
    """
    if not name.startswith("U__"):
        return name
    return _ESCAPED.sub(lambda m: chr(int(m.group(1), 16)) if m.group(1) else "_", name[3:])
