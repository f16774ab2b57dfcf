"""What a rule writes at one evaluation: samples of now, and a staleness marker for each series that ended."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field

import numpy as np

from query.block import Cells
from storage.histograms import Histograms, no_histograms
from storage.model import STALE_NAN_BITS, Float64Array, Labels


@dataclass(frozen=True, slots=True, eq=False)
class RuleSamples:
    """One sample a series. values: float64 (series,); the staleness marker ends a series.

    `histograms` has one for each of `histogram_series`.
    """

    series: tuple[Labels, ...]
    values: Float64Array
    histogram_series: tuple[Labels, ...] = ()
    histograms: Histograms = field(default_factory=no_histograms)

    def __len__(self) -> int:
        return len(self.series) + len(self.histogram_series)


def rule_samples(
    live: Mapping[Labels, float], before: Set[Labels], cells: Cells | None = None
) -> RuleSamples:
    """The live samples, then markers for the series of `before` that are live no more.

    cells: the histograms among the live ones, in their order.
    """
    ended = sorted(before - live.keys())
    values = np.fromiter(live.values(), np.float64, len(live))
    markers = np.full(len(ended), STALE_NAN_BITS, np.uint64).view(np.float64)
    if cells is None:
        return RuleSamples((*live, *ended), np.concatenate([values, markers]))
    is_float = cells.at < 0
    kinds: dict[bool, list[Labels]] = {True: [], False: []}
    for labels, one in zip(live, is_float.tolist(), strict=True):
        kinds[one].append(labels)
    return RuleSamples(
        (*kinds[True], *ended),
        np.concatenate([values[is_float], markers]),
        tuple(kinds[False]),
        cells.pool.take(cells.at[~is_float]),
    )
