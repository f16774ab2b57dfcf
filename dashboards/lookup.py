"""What variables of dashboards ask for, in one range of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dashboards.services import InstantQuery
from query.block import Block
from query.parser import parse_matchers
from storage.interface import SeriesCatalogue
from storage.model import METRIC_NAME, Matcher, TimeRange


@dataclass(frozen=True, slots=True)
class StoreLookup:
    """`dashboards.documents.variables.Lookup` over the store's series."""

    catalogue: SeriesCatalogue
    instant: InstantQuery
    time_range: TimeRange

    def label_values(self, name: str, selector: str, /) -> Sequence[str]:
        """Sorted values of a label."""
        return self.catalogue.label_values(name, self._matchers(selector), self.time_range)

    def label_names(self, selector: str, /) -> Sequence[str]:
        """Sorted names of labels."""
        return self.catalogue.label_names(self._matchers(selector), self.time_range)

    def query_result(self, expression: str, /) -> Sequence[str]:
        """Lines of an instant vector, as the text format would write them."""
        result = self.instant(expression, self.time_range.end_ms)
        block = result.value
        if not isinstance(block, Block):
            return []
        found = []
        for labels, values in zip(block.labels.rows(), block.values, strict=True):
            name = labels.get(METRIC_NAME, "")
            pairs = ",".join(f'{key}="{value}"' for key, value in labels.items() if key != METRIC_NAME)
            found.append(f"{name}{{{pairs}}} {float(values[-1]):g} {self.time_range.end_ms}")
        return found

    def _matchers(self, selector: str) -> list[Sequence[Matcher]]:
        return [parse_matchers(selector).matchers] if selector else []
