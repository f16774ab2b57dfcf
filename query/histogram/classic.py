"""Quantiles and fractions of classic histograms: series of cumulated counts, told apart by `le`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from query.annotations import Annotations
from query.ast import Span
from query.block import Block
from query.histogram import kernels
from storage.labels import LabelTable
from storage.model import METRIC_NAME, Float64Array, Int64Array

_LE = "le"
_MANUAL = "https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile"


@dataclass(frozen=True, slots=True, eq=False)
class Buckets:
    """Series that are buckets, by histogram; see `query.histogram.kernels` for order, bounds and uppers.

    `labels` are the histograms' own, the name included.
    """

    block: Block
    labels: LabelTable
    order: Int64Array
    bounds: Int64Array
    uppers: Float64Array

    @property
    def shape(self) -> tuple[int, int]:
        """(histograms, steps)."""
        return self.labels.size, self.block.values.shape[1]


def quantile(phi: Float64Array, block: Block, span: Span, notes: Annotations) -> Block:
    """The quantile of each histogram, under its name; phi, float64 (steps,)."""
    buckets = _buckets(block, span, notes)
    out, found = np.empty(buckets.shape), np.zeros(buckets.shape, np.bool_)
    forced = np.zeros(buckets.labels.size, np.bool_)
    kernels.quantiles(
        buckets.block.values,
        buckets.block.present,
        buckets.order,
        buckets.bounds,
        buckets.uppers,
        phi,
        out,
        found,
        forced,
    )
    for name in sorted(set(buckets.labels.take(np.flatnonzero(forced)).values(METRIC_NAME))):
        notes.info(
            f"input to histogram_quantile needed to be fixed for monotonicity (see {_MANUAL})"
            + _of_metric(name),
            span,
        )
    return Block(buckets.labels, out, found)


def fraction(lower: Float64Array, upper: Float64Array, block: Block, span: Span, notes: Annotations) -> Block:
    """The share of each histogram's observations between two values, both float64 (steps,)."""
    buckets = _buckets(block, span, notes)
    out, found = np.empty(buckets.shape), np.zeros(buckets.shape, np.bool_)
    kernels.fractions(
        buckets.block.values,
        buckets.block.present,
        buckets.order,
        buckets.bounds,
        buckets.uppers,
        lower,
        upper,
        out,
        found,
    )
    return Block(buckets.labels, out, found)


def _buckets(block: Block, span: Span, notes: Annotations) -> Buckets:
    uppers = _uppers(block, span, notes)
    rows = np.flatnonzero(~np.isnan(uppers))
    labels, uppers = block.labels.take(rows), uppers[rows]
    groups = labels.drop((_LE,)).group()
    sizes = np.bincount(groups.ids, minlength=len(groups))
    return Buckets(
        block.take(rows),
        labels.drop((_LE,)).take(groups.first),
        np.lexsort((uppers, groups.ids)).astype(np.int64),
        np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)]).astype(np.int64),
        uppers,
    )


def _uppers(block: Block, span: Span, notes: Annotations) -> Float64Array:
    """The upper bound of each series, NaN where `le` is not a number; float64 (series,)."""
    column = block.labels.columns.get(_LE)
    if column is None:
        uppers = np.full(block.labels.size, np.nan)
    else:
        uppers = np.array([_number(text) for text in column.values])[column.codes]
    answered = block.present.any(axis=1)
    for row in np.flatnonzero(np.isnan(uppers) & answered).tolist():
        labels = block.labels.row(row)
        notes.warn(
            f'bucket label "le" is missing or has a malformed value of "{labels.get(_LE, "")}"'
            + _of_metric(labels.get(METRIC_NAME, "")),
            span,
        )
    return uppers


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return np.nan


def _of_metric(name: str) -> str:
    return f' for metric name "{name}"' if name else ""
