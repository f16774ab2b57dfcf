"""Exemplars of the series that a query selects, as Prometheus's `query_exemplars` gives them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from query.ast import Expr, VectorSelector, children
from query.deadline import Deadline
from query.render.histograms import number_texts
from storage.exemplars import ExemplarBatch
from storage.interface import SeriesCatalogue, SeriesSelection, Storage
from storage.model import Int64Array, TimeRange, decode_labels


def exemplars_of(
    catalogue: SeriesCatalogue, storage: Storage, expr: Expr, time_range: TimeRange, deadline: Deadline
) -> list[dict[str, Any]]:
    """The exemplars of every selector of `expr` in [start, end], by series; each series once."""
    found: dict[int, dict[str, Any]] = {}
    for selector in _selectors(expr):
        for selection in catalogue.select(selector.matchers, time_range, deadline.check):
            deadline.check()
            wanted = None if selection.is_whole else selection.series_ids
            batch = storage.read_exemplars(selection.metric_id, wanted, time_range)
            found.update(_by_series(selection, batch))
    return sorted(found.values(), key=lambda one: sorted(one["seriesLabels"].items()))


def _selectors(expr: Expr) -> Iterator[VectorSelector]:
    if isinstance(expr, VectorSelector):
        yield expr
    for child in children(expr):
        yield from _selectors(child)


def _by_series(selection: SeriesSelection, batch: ExemplarBatch) -> Iterator[tuple[int, dict[str, Any]]]:
    ids, begins = np.unique(batch.series_ids, return_index=True)
    ends = np.append(begins[1:], len(batch))
    rows = np.searchsorted(selection.series_ids, ids)
    for i, row in enumerate(rows.tolist()):
        at = np.arange(begins[i], ends[i])
        yield (
            int(ids[i]),
            {"seriesLabels": selection.labels.row(row), "exemplars": _exemplars(batch, at)},
        )


def _exemplars(batch: ExemplarBatch, at: Int64Array) -> list[dict[str, Any]]:
    texts = number_texts(batch.values[at])
    return [
        {
            "labels": dict(decode_labels(batch.labels[i])),
            "value": text,
            "timestamp": int(batch.timestamps_ms[i]) / 1000,
        }
        for i, text in zip(at.tolist(), texts, strict=True)
    ]
