"""What a rule writes at one evaluation: samples of now, and a staleness marker for each series that ended."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass

import numpy as np

from storage.model import STALE_NAN_BITS, Float64Array, Labels


@dataclass(frozen=True, slots=True, eq=False)
class RuleSamples:
    """One sample a series. values: float64 (series,); the staleness marker ends a series."""

    series: tuple[Labels, ...]
    values: Float64Array

    def __len__(self) -> int:
        return len(self.series)


def rule_samples(live: Mapping[Labels, float], before: Set[Labels]) -> RuleSamples:
    """The live samples, then markers for the series of `before` that are live no more."""
    ended = sorted(before - live.keys())
    values = np.fromiter(live.values(), np.float64, len(live))
    markers = np.full(len(ended), STALE_NAN_BITS, np.uint64).view(np.float64)
    return RuleSamples((*live, *ended), np.concatenate([values, markers]))
