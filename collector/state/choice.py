"""What of the cluster's state is told: which resources, families, labels and annotations."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Final

_ANY: Final = "*"
_ENTRY: Final = re.compile(r"\s*([a-z*]+)=\[([^\]]*)\]\s*(?:,|$)")


@dataclass(frozen=True, slots=True)
class Allowed:
    """Keys by resource in the plural. The resource `*` is all that are not named, in a key `*` is any."""

    keys: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> Allowed:
        """Read `pods=[app,team],nodes=[*]`. Raises `ValueError`."""
        keys: dict[str, frozenset[str]] = {}
        at = 0
        while at < len(text):
            match = _ENTRY.match(text, at)
            if match is None:
                raise ValueError(f"allow-list: {text[at:]!r} does not begin with resource=[key,key]")
            keys[match[1]] = frozenset(filter(None, map(str.strip, match[2].split(","))))
            at = match.end()
        return cls(keys)

    def of(self, resource: str) -> frozenset[str]:
        """The keys of a resource, none where it has no family of them."""
        return self.keys.get(resource, self.keys.get(_ANY, frozenset()))


@dataclass(frozen=True, slots=True)
class StateChoice:
    """resources: in the plural, None for the usual ones. opt_in: families off by default that are wanted.

    exclude: a regular expression of whole names of families that are not wanted.
    """

    resources: frozenset[str] | None = None
    opt_in: frozenset[str] = frozenset()
    exclude: str = ""
    labels: Allowed = Allowed()
    annotations: Allowed = Allowed()

    def has_family(self, name: str, is_opt_in: bool) -> bool:
        """Whether a family is wanted."""
        if is_opt_in and name not in self.opt_in:
            return False
        return not (self.exclude and re.fullmatch(self.exclude, name))


def picked(pairs: Mapping[str, str] | None, keys: frozenset[str]) -> Mapping[str, str]:
    """The pairs with these keys. In a key `*` stands for any text."""
    if not pairs or _ANY in keys:
        return pairs or {}
    wide = [key for key in keys if _ANY in key]
    return {
        key: value
        for key, value in pairs.items()
        if key in keys or any(fnmatchcase(key, each) for each in wide)
    }
