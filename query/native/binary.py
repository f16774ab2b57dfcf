"""Binary operators on vectors in which native histograms stand."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from query.annotations import Annotations
from query.ast import Binary
from query.block import Cells, stacked_cells
from query.native.compare import equal_rows
from query.native.merge.apply import Plan, divided, gauges, merge, scaled
from query.native.remarks import Remarks
from query.native.trim.apply import trimmed
from storage.histograms import Histograms, no_histograms
from storage.model import BoolArray, Float64Array, Int32Array, Int64Array

_WORDS: Final = {"+": "addition", "-": "subtraction"}
TRIMS: Final = ("</", ">/")
_BY_FLOAT: Final = frozenset(("*", "/", *TRIMS))


@dataclass(frozen=True, slots=True, eq=False)
class Operand:
    """One side: values, float64 (series, steps), and the histograms among them."""

    values: Float64Array
    cells: Cells | None

    @property
    def is_histogram(self) -> BoolArray:
        """Bool (series, steps)."""
        if self.cells is None:
            return np.zeros(self.values.shape, np.bool_)
        found: BoolArray = self.cells.at >= 0
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What an operator gave where at least one side is a histogram.

    is_handled: bool (series, steps), where that is. present: whether anything came of it: a histogram where
    `cells` has one, else the float in `values`.
    """

    is_handled: BoolArray
    present: BoolArray
    values: Float64Array
    cells: Cells


def operated(node: Binary, left: Operand, right: Operand, present: BoolArray, notes: Annotations) -> Outcome:
    """Apply an operator wherever `present`, bool (series, steps), and one side is a histogram."""
    shape = present.shape
    left, right = _spread(left, shape), _spread(right, shape)
    lefts, rights = left.is_histogram & present, right.is_histogram & present
    outcome = Outcome(
        lefts | rights,
        np.zeros(shape, np.bool_),
        np.zeros(shape),
        Cells(np.full(shape, -1, np.int32), no_histograms()),
    )
    if node.op in TRIMS:
        outcome = replace(outcome, is_handled=present)
    _refuse(node, lefts, rights, present, notes)
    if node.op in ("+", "-"):
        return _added(node, left, right, lefts & rights, outcome, notes)
    if node.op in ("==", "!="):
        return _compared(node, left, right, lefts & rights, outcome)
    if node.op in _BY_FLOAT:
        return _by_float(node, left, right, lefts, rights, present, outcome)
    return outcome


def _spread(operand: Operand, shape: tuple[int, ...]) -> Operand:
    cells = operand.cells
    if cells is not None:
        cells = Cells(np.broadcast_to(cells.at, shape), cells.pool)
    return Operand(np.broadcast_to(operand.values, shape), cells)


def _refuse(
    node: Binary, lefts: BoolArray, rights: BoolArray, present: BoolArray, notes: Annotations
) -> None:
    """Tell of pairs of kinds that the operator does not take."""
    both, left_only, right_only = lefts & rights, lefts & ~rights & present, rights & ~lefts & present
    refused = [
        (present & ~lefts & ~rights, "float", "float", node.op in TRIMS),
        (both, "histogram", "histogram", node.op not in ("+", "-", "==", "!=")),
        (left_only, "histogram", "float", node.op not in _BY_FLOAT),
        (right_only, "float", "histogram", node.op != "*"),
    ]
    for where, one, other, is_refused in refused:
        if is_refused and where.any():
            notes.info(
                f'incompatible sample types encountered for binary operator "{node.op}": '
                f"{one} {node.op} {other}",
                node.span,
            )


def _added(
    node: Binary, left: Operand, right: Operand, both: BoolArray, outcome: Outcome, notes: Annotations
) -> Outcome:
    joined = stacked_cells([left.cells, right.cells], [both.shape, both.shape])
    if joined is None:
        return outcome
    ones, others = joined.at[: len(both)][both], joined.at[len(both) :][both]
    n = len(ones)
    sign = 1.0 if node.op == "+" else -1.0
    plan = Plan(
        2 * np.arange(n + 1),
        np.stack([ones, others], axis=1).ravel().astype(np.int64),
        np.tile([1.0, sign], n),
    )
    merged = merge(joined.pool, plan)
    if merged.is_mixed.any():
        notes.warn(f"incompatible bucket layout encountered for binary operator {node.op}", node.span)
    remarks = Remarks(notes, node.span)
    remarks.collided(merged.has_collision, _WORDS[node.op])
    remarks.reconciled(merged.has_added_bounds | merged.has_subtracted_bounds, _WORDS[node.op])
    found = merged.histograms if node.op == "+" else gauges(merged.histograms)
    return _with(outcome, both, found, ~merged.is_mixed)


def _compared(node: Binary, left: Operand, right: Operand, both: BoolArray, outcome: Outcome) -> Outcome:
    joined = stacked_cells([left.cells, right.cells], [both.shape, both.shape])
    if joined is None or left.cells is None:
        return outcome
    ones, others = joined.at[: len(both)][both], joined.at[len(both) :][both]
    holds = equal_rows(joined.pool, ones, others) == (node.op == "==")
    outcome.present[both] = True if node.bool_modifier else holds
    outcome.values[both] = holds
    if not node.bool_modifier:
        outcome.cells.at[both] = np.where(holds, left.cells.at[both], -1)
        return Outcome(
            outcome.is_handled, outcome.present, outcome.values, Cells(outcome.cells.at, left.cells.pool)
        )
    return outcome


def _by_float(
    node: Binary,
    left: Operand,
    right: Operand,
    lefts: BoolArray,
    rights: BoolArray,
    present: BoolArray,
    outcome: Outcome,
) -> Outcome:
    """A histogram by a float; `*` takes them in any order."""
    parts = [_changed(node.op, left, right, lefts & ~rights & present)]
    if node.op == "*":
        parts.append(_changed(node.op, right, left, rights & ~lefts & present))
    for where, found in parts:
        outcome = _with(outcome, where, found, np.ones(len(found), np.bool_))
    return outcome


def _changed(op: str, one: Operand, other: Operand, where: BoolArray) -> tuple[BoolArray, Histograms]:
    if one.cells is None:
        return where, no_histograms()
    pool, by = one.cells.pool.take(one.cells.at[where]), other.values[where]
    if op in TRIMS:
        return where, trimmed(pool, by, keeps_lower=op == "</")
    return where, (scaled if op == "*" else divided)(pool, by)


def _with(outcome: Outcome, where: BoolArray, found: Histograms, kept: BoolArray) -> Outcome:
    """The outcome with one histogram more for each cell of `where`, unless it is not kept."""
    own = Cells(np.full(where.shape, -1, np.int32), found)
    own.at[where] = _numbered(kept)
    joined = stacked_cells([outcome.cells, own], [where.shape, where.shape])
    assert joined is not None
    at = np.where(own.at >= 0, joined.at[len(where) :], joined.at[: len(where)])
    present = outcome.present | (own.at >= 0)
    return Outcome(outcome.is_handled, present, outcome.values, Cells(at, joined.pool))


def _numbered(kept: BoolArray) -> Int32Array | Int64Array:
    return np.where(kept, np.arange(len(kept)), -1).astype(np.int32)
