"""Aggregations of vectors in which native histograms stand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np

from query.annotations import Annotations
from query.ast import Aggregate
from query.block import Block, Cells
from query.native.merge.apply import Merged, Plan, average, merge
from query.native.remarks import MIXED_KINDS, MIXED_SCHEMAS, Remarks
from storage.histograms import Histograms
from storage.labels import Grouping

_IGNORING: Final = frozenset(("min", "max", "stddev", "stdvar", "topk", "bottomk", "quantile"))


def without_histograms(node: Aggregate, block: Block, notes: Annotations) -> Block:
    """The block for an aggregation of floats alone; it is told where histograms were left out."""
    if node.op not in _IGNORING or block.cells is None:
        return block
    if block.is_histogram.any():
        notes.info(f"ignored histograms in {node.op} aggregation", node.expr.span)
    return block.floats()


def with_totals(node: Aggregate, block: Block, groups: Grouping, floats: Block, notes: Annotations) -> Block:
    """The `sum` or `avg` of each group: `floats`, what its floats come to, or what its histograms do.

    A group with both at one step has neither.
    """
    assert block.cells is not None
    remarks = Remarks(notes, node.expr.span)
    rows, steps = np.nonzero(block.is_histogram)
    places, of_place = np.unique(groups.ids[rows] * block.values.shape[1] + steps, return_inverse=True)
    at = block.cells.at[rows, steps].astype(np.int64)
    plan = Plan.of(len(places), of_place, at, np.ones(len(at)))
    merged = _TOTALS[node.op](block.cells.pool, plan)
    remarks.collided(merged.has_collision, "aggregation")
    remarks.reconciled(merged.has_added_bounds, "aggregation")
    remarks.warn(MIXED_SCHEMAS, block.labels, rows[merged.is_mixed[of_place]])
    cells = Cells(np.full(floats.values.shape, -1, np.int32), merged.histograms)
    cells.at[np.divmod(places, floats.values.shape[1])] = np.arange(len(places))
    both = floats.present & (cells.at >= 0)
    if both.any():
        notes.warn(f"{MIXED_KINDS} for aggregation", node.expr.span)
    refused = np.zeros(len(places) + 1, np.bool_)
    refused[:-1] = merged.is_mixed
    present = (floats.present ^ (cells.at >= 0)) & ~refused[cells.at]
    return replace(floats, present=present, cells=cells)


_TOTALS: Final[dict[str, Callable[[Histograms, Plan], Merged]]] = {"sum": merge, "avg": average}
