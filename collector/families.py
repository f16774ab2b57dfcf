"""What a collector reads: metric families and their samples as columns. Pure values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, TypeAlias


class MetricType(StrEnum):
    """The type of a family, by the name that remote write's metadata uses."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"
    SUMMARY = "summary"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Family:
    """A metric family: all of its series carry the labels `label_names`, in that order.

    name: what its samples bear. part_of: the metric that type and help speak of, where that is another, such
    as `x` for the samples `x_bucket` of a histogram.
    """

    name: str
    type: MetricType
    help: str
    label_names: tuple[str, ...] = ()
    part_of: str = ""

    @property
    def metric(self) -> str:
        """The metric that type and help speak of."""
        return self.part_of or self.name

    def one(self, value: float) -> Reading:
        """A reading of the only series of a family without labels."""
        return Reading(self, [()], [value])

    def rows(self, rows: Mapping[tuple[str, ...], float]) -> Reading:
        """A reading of many series: label values, in the order of `label_names`, to the sample's value."""
        return Reading(self, list(rows), list(rows.values()))

    def by(self, values: Mapping[str, float]) -> Reading:
        """A reading of a family with one label: its value to the sample's value."""
        return Reading(self, [(value,) for value in values], list(values.values()))


class Reading(NamedTuple):
    """Samples of one family at one moment; two columns of one length. A tuple, since a pass makes hundreds.

    label_values: a tuple a series, as long as `family.label_names`; an empty string is an absent label.
    """

    family: Family
    label_values: Sequence[tuple[str, ...]]
    values: Sequence[float]


Row: TypeAlias = tuple[Family, tuple[str, ...], float]
"""A sample with its family: label values in the order of `Family.label_names`, then the value."""


def grouped(rows: Iterable[Row]) -> list[Reading]:
    """Rows of many families to one reading each. Of rows with equal labels the first counts."""
    families: dict[str, tuple[Family, dict[tuple[str, ...], float]]] = {}
    for family, labels, value in rows:
        known = families.get(family.name)
        if known is None:
            known = families[family.name] = (family, {})
        known[1].setdefault(labels, value)
    return [family.rows(found) for family, found in families.values()]


def counter(name: str, help_text: str, *label_names: str) -> Family:
    """A family that only grows, but for restarts."""
    return Family(name, MetricType.COUNTER, help_text, label_names)


def gauge(name: str, help_text: str, *label_names: str) -> Family:
    """A family that goes up and down."""
    return Family(name, MetricType.GAUGE, help_text, label_names)


def unknown(name: str, help_text: str, *label_names: str) -> Family:
    """A family whose type the kernel does not tell."""
    return Family(name, MetricType.UNKNOWN, help_text, label_names)
