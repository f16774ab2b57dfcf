"""What Prometheus remarks on histograms (util/annotations), about a place and about metrics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from query.annotations import Annotations
from query.ast import Span
from storage.labels import LabelTable
from storage.model import METRIC_NAME, BoolArray

MIXED_KINDS: Final = "encountered a mix of histograms and floats"
MIXED_SCHEMAS: Final = "vector contains a mix of histograms with exponential and custom buckets schemas"
MIXED_CLASSIC: Final = "vector contains a mix of classic and native histograms"
IGNORED_IN_RANGE: Final = "ignored histograms in a range containing both floats and histograms"
NOT_COUNTER: Final = "this native histogram metric is not a counter"
NOT_GAUGE: Final = "this native histogram metric is not a gauge"
OVERLAPS: Final = "sample has start time that overlaps with previous sample timestamp"
NAN_RESULT: Final = "input to histogram_quantile has NaN observations, result is NaN"
NAN_SKEWED: Final = "input to histogram_quantile has NaN observations, result is skewed higher"
NAN_EXCLUDED: Final = (
    "input to histogram_fraction has NaN observations, which are excluded from all fractions"
)


@dataclass(frozen=True, slots=True)
class Remarks:
    """Remarks on the part of the query at `span`."""

    notes: Annotations
    span: Span

    def warn(self, message: str, labels: LabelTable, rows: npt.NDArray[np.integer | np.bool_]) -> None:
        """Warn once for each metric among some rows of `labels`."""
        for name in _names(labels, rows):
            self.notes.warn(_about(message, name), self.span)

    def info(self, message: str, labels: LabelTable, rows: npt.NDArray[np.integer | np.bool_]) -> None:
        """Tell once for each metric among some rows of `labels`."""
        for name in _names(labels, rows):
            self.notes.info(_about(message, name), self.span)

    def collided(self, found: BoolArray, operation: str) -> None:
        """Warn where counters that were reset met others that were not."""
        if found.any():
            self.notes.warn(f"conflicting counter resets during histogram {operation}", self.span)

    def reconciled(self, found: BoolArray, operation: str) -> None:
        """Tell where custom buckets had other bounds."""
        if found.any():
            self.notes.info(f"mismatched custom buckets were reconciled during {operation}", self.span)


def _names(labels: LabelTable, rows: npt.NDArray[np.integer | np.bool_]) -> list[str]:
    wanted = np.flatnonzero(rows) if rows.dtype == np.bool_ else np.unique(rows)
    return sorted(set(labels.take(wanted.astype(np.int64)).values(METRIC_NAME)))


def _about(message: str, name: str) -> str:
    if message in (NOT_COUNTER, NOT_GAUGE):
        return f'{message}: "{name}"'
    if message == OVERLAPS:
        return f'{message} for metric "{name}"'
    return f'{message} for metric name "{name}"' if name else message
