"""Keys of Kubernetes's labels and annotations as label names: `app.kubernetes.io/partOf` to `…_part_of`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Final

_OTHER: Final = re.compile(r"[^a-zA-Z0-9_]")
_HUMP: Final = re.compile(r"([a-z0-9])([A-Z])")


def plain(key: str) -> str:
    """A key with an underscore for each character that a label's name cannot have."""
    return _OTHER.sub("_", key)


def snake(key: str) -> str:
    """The same in lower case, its words apart."""
    return _HUMP.sub(r"\1_\2", plain(key)).lower()


def label_names(prefix: str, pairs: Mapping[str, str]) -> dict[str, str]:
    """Label names to values. Keys that come to one name get `_conflict1` and on, in the order of the keys."""
    names = {key: f"{prefix}_{snake(key)}" for key in sorted(pairs)}
    count, told = Counter(names.values()), Counter[str]()
    found: dict[str, str] = {}
    for key, name in names.items():
        unique = name
        # A key may be spelled like the name that a conflict is given.
        while count[name] > 1 and (unique == name or unique in count or unique in found):
            told[name] += 1
            unique = f"{name}_conflict{told[name]}"
        found[unique] = pairs[key]
    return found
