"""The line cache: a series' labels are sorted and encoded once, never again each pass."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field

from collector.families import Family, Reading
from ingest.wire.encoding import encode_labels
from storage.model import METRIC_NAME, Labels, canonical


@dataclass(slots=True)
class LineCache:
    """Encoded labels by family (its name and label names) and label values.

    target: the labels that every series carries. A label that a metric has itself wins over the target's.
    """

    target: Mapping[str, str]
    families: dict[tuple[str, tuple[str, ...]], dict[tuple[str, ...], bytes]] = field(default_factory=dict)

    def lines(self, readings: Iterable[Reading]) -> list[bytes]:
        """The encoded labels of every sample, in the order of the readings and of their rows."""
        found: list[bytes] = []
        for reading in readings:
            known = self.families.setdefault((reading.family.name, reading.family.label_names), {})
            for values in reading.label_values:
                line = known.get(values)
                if line is None:
                    line = known[values] = encode_labels(self._labels(reading.family, values))
                found.append(line)
        return found

    def forget(self, lines: Set[bytes]) -> None:
        """Drop series that are gone, so that the cache is bounded by what is there."""
        for family, known in self.families.items():
            self.families[family] = {values: line for values, line in known.items() if line not in lines}

    def _labels(self, family: Family, values: tuple[str, ...]) -> Labels:
        own = zip(family.label_names, values, strict=True)
        return canonical(
            {**self.target, **{name: value for name, value in own if value}, METRIC_NAME: family.name}
        )
