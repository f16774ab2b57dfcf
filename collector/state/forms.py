"""Label lines of a family: what does not change is encoded once, values are put in their places."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from collector.families import Family
from ingest.wire.encoding import encode_labels, varint
from storage.model import METRIC_NAME, canonical


@dataclass(frozen=True, slots=True)
class Form:
    """A family's labels in the order of their names, as `Sweep.lines` are encoded.

    parts: encoded labels, empty where a value goes. identity_at: the places of the object's identity.
    own: place and encoded name of the family's own labels.
    """

    name: str
    target: Mapping[str, str]
    label_names: tuple[str, ...]
    parts: tuple[bytes, ...]
    identity_at: tuple[int, ...]
    own: tuple[tuple[int, bytes], ...]

    @classmethod
    def of(cls, family: Family, identity: int, target: Mapping[str, str]) -> Form:
        """identity: how many of the family's label names tell objects apart; they come first."""
        fixed = {name: value for name, value in target.items() if name not in family.label_names}
        fixed[METRIC_NAME] = family.name
        names = sorted({*fixed, *family.label_names})
        places = [names.index(name) for name in family.label_names]
        return cls(
            family.name,
            fixed,
            family.label_names,
            tuple(encode_labels([(name, fixed[name])]) if fixed.get(name) else b"" for name in names),
            tuple(places[:identity]),
            tuple(zip(places[identity:], map(_encoded_name, family.label_names[identity:]), strict=True)),
        )

    def line(self, identity: Sequence[bytes], values: Sequence[str]) -> bytes:
        """identity: encoded labels. values: of the family's own labels; an empty one is left out."""
        parts = list(self.parts)
        for place, pair in zip(self.identity_at, identity, strict=True):
            parts[place] = pair
        for (place, name), value in zip(self.own, values, strict=True):
            if value:
                parts[place] = _label(name, value)
        return b"".join(parts)

    def wide_line(self, values: Sequence[str], further: Mapping[str, str]) -> bytes:
        """The same with labels that the object names. values: of all label names, the identity's included."""
        own = dict(zip(self.label_names, values, strict=True))
        return encode_labels(canonical({**further, **self.target, **own}))


def encoded_identity(names: Sequence[str], values: Sequence[str]) -> list[bytes]:
    """Each label encoded, an empty one as nothing."""
    pairs = zip(names, values, strict=True)
    return [encode_labels([(name, value)]) if value else b"" for name, value in pairs]


def _encoded_name(name: str) -> bytes:
    raw = name.encode()
    return b"\x0a" + varint(len(raw)) + raw + b"\x12"


@lru_cache(maxsize=16_384)
def _label(name: bytes, value: str) -> bytes:
    """One label: containers, phases and nodes come again and again."""
    raw = value.encode()
    size = varint(len(raw))
    return b"\x0a" + varint(len(name) + len(size) + len(raw)) + name + size + raw
