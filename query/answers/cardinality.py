"""How many series there are, and of what: Prometheus's `status/tsdb`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from query.deadline import Deadline
from storage.interface import SeriesCatalogue, SeriesSelection
from storage.model import METRIC_NAME, Matcher, TimeRange


def cardinality_of(
    catalogue: SeriesCatalogue,
    matchers: Sequence[Matcher],
    time_range: TimeRange,
    limit: int,
    deadline: Deadline,
) -> dict[str, Any]:
    """Counts over the series that match and were seen on a day of `time_range`; the `limit` largest of each.

    The bytes of a label are those of its name and values, counted once a series.
    """
    selections = catalogue.select(matchers, time_range, deadline.check)
    by_metric = Counter[str]()
    pairs = Counter[tuple[str, str]]()
    for selection in selections:
        deadline.check()
        by_metric[_name(selection)] += len(selection.series_ids)
        _count_pairs(selection, pairs)
    values, size = Counter[str](), Counter[str]()
    for (name, value), count in pairs.items():
        values[name] += 1
        size[name] += count * (len(name.encode()) + len(value.encode()))
    return {
        "headStats": {
            "numSeries": by_metric.total(),
            "numLabelPairs": len(pairs),
            "chunkCount": 0,
            "minTime": time_range.start_ms,
            "maxTime": time_range.end_ms,
        },
        "seriesCountByMetricName": _largest(by_metric, limit),
        "labelValueCountByLabelName": _largest(values, limit),
        "memoryInBytesByLabelName": _largest(size, limit),
        "seriesCountByLabelValuePair": _largest(
            Counter({f"{name}={value}": count for (name, value), count in pairs.items()}), limit
        ),
    }


def _name(selection: SeriesSelection) -> str:
    return selection.labels.values(METRIC_NAME)[0] if len(selection.labels) else ""


def _count_pairs(selection: SeriesSelection, pairs: Counter[tuple[str, str]]) -> None:
    for name, column in selection.labels.columns.items():
        counts = np.bincount(column.codes, minlength=len(column.values))
        for code in np.flatnonzero(counts[1:]).tolist():
            pairs[name, column.values[code + 1]] += int(counts[code + 1])


def _largest(counts: Counter[str], limit: int) -> list[dict[str, Any]]:
    """Largest first, equal ones by name."""
    ordered = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    return [{"name": name, "value": count} for name, count in ordered[:limit]]
