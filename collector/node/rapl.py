"""Energy that the processors used (kernel, Documentation/power/powercap). For root alone on most machines."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache

from collector.families import Family, Reading, Row, counter, grouped
from collector.node.roots import Roots, listing, read_text

_NAME = re.compile(r"^(.*?)(?:-(\d+))?$")
_UNCLEAN = re.compile(r"[^a-zA-Z0-9_]")


@lru_cache(maxsize=256)
def _family(name: str) -> Family:
    clean = _UNCLEAN.sub("_", name)
    return counter(f"node_rapl_{clean}_joules_total", f"Current RAPL {name} value in joules", "index", "path")


def read(roots: Roots) -> list[Reading]:
    """One reading. Raises OSError where the energy is not counted or is not for us."""
    return grouped(_rows(f"{roots.sys}/class/powercap"))


def _rows(directory: str) -> Iterator[Row]:
    """A zone's index is the number in its name, or counts those of the same name."""
    seen: Counter[str] = Counter()
    for zone in listing(directory):
        if zone.startswith("intel-rapl:"):
            path = f"{directory}/{zone}"
            found = _NAME.match(read_text(f"{path}/name").strip())
            assert found is not None  # the pattern matches every line
            name, index = found.groups()
            labels = (index or str(seen[name]), path)
            seen[name] += 1
            yield _family(name), labels, float(read_text(f"{path}/energy_uj")) / 1e6
