"""Pairs the series of two vectors by labels; codes of both sides are unified once an operator.

The "one" side has at most one series a match group at any step; which rows those are may change from step
to step, so a pair of rows counts only where both are present.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from query import order
from query.aggregate import kernels
from query.ast import Card, Matching
from query.block import NAME_LABELS, Block, stacked
from query.native.binary import Operand
from query.strings import quote
from storage.errors import ExecutionError
from storage.labels import LabelTable, concat
from storage.model import METRIC_NAME, BoolArray, Int64Array

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_IMPLICIT = "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)"
_AMBIGUOUS = "multiple matches for labels: grouping labels must ensure unique matches"


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Row p is one series of the many side with one of the one side, of the same match group.

    left, right: float64 (pairs, steps), the operands as written, with the histograms among them; present:
    bool, where both sides are.
    groups: int64 (pairs,), the match group. drops_name: of the many side, as of a `Block`.
    """

    left: Operand
    right: Operand
    present: BoolArray
    many_labels: LabelTable
    one_labels: LabelTable
    groups: Int64Array
    is_one_to_one: bool
    drops_name: BoolArray | None

    def require_unique(self, labels: LabelTable, present: BoolArray) -> None:
        """Raise `ExecutionError` where two pairs would give one result. `labels` are the results' own."""
        keys = self.groups
        if not self.is_one_to_one:
            keys = self.groups * (len(keys) + 1) + labels.group().ids
        distinct, dense = np.unique(keys, return_inverse=True)
        if len(distinct) == len(keys):
            return
        if (_counts(present, dense.astype(np.int64), len(distinct)) > 1).any():
            raise ExecutionError(_IMPLICIT if self.is_one_to_one else _AMBIGUOUS)


def signatures(matching: Matching, left: LabelTable, right: LabelTable) -> tuple[Int64Array, Int64Array, int]:
    """The match group of each series of both sides, int64, and how many groups there are."""
    groups = concat([matched_labels(matching, left), matched_labels(matching, right)]).group()
    return groups.ids[: left.size], groups.ids[left.size :], len(groups)


def matched_labels(matching: Matching, labels: LabelTable) -> LabelTable:
    """The labels that decide a series' match group."""
    if matching.on:
        return labels.keep(matching.labels)
    # Prometheus leaves type and unit out of the default match alone, not out of an explicit `ignoring`.
    dropped = (METRIC_NAME,) if matching.labels else NAME_LABELS
    return labels.drop((*matching.labels, *dropped))


def present_groups(present: BoolArray, ids: Int64Array, groups: int) -> BoolArray:
    """Which groups have a series at each step; bool (groups, steps)."""
    found: BoolArray = _counts(present, ids, groups) > 0
    return found


def paired(matching: Matching, lhs: Block, rhs: Block) -> Pairs:
    """Pair the series of two vectors; missing partners are filled where the matching says so.

    Raises `ExecutionError` where the one side has two series of one group at one step.
    """
    is_flipped = matching.card is Card.ONE_TO_MANY
    fills = matching.fill_left is not None or matching.fill_right is not None
    if not fills:
        lhs, rhs = _where_both(lhs, rhs)
    _require_one(matching, lhs if is_flipped else rhs, "left" if is_flipped else "right")
    if fills:
        lhs, rhs = _filled(matching, lhs, rhs)
    many, one = (rhs, lhs) if is_flipped else (lhs, rhs)
    one = _coalesced(matching, one)
    many_ids, one_ids, _ = signatures(matching, many.labels, one.labels)
    many_rows, one_rows = _equal_rows(many_ids, one_ids)
    many_side, one_side = _operand(many, many_rows), _operand(one, one_rows)
    left, right = (one_side, many_side) if is_flipped else (many_side, one_side)
    return Pairs(
        left,
        right,
        many.present[many_rows] & one.present[one_rows],
        many.labels.take(many_rows),
        one.labels.take(one_rows),
        many_ids[many_rows],
        matching.card is Card.ONE_TO_ONE,
        None if many.drops_name is None or METRIC_NAME in matching.include else many.drops_name[many_rows],
    )


def _operand(block: Block, rows: Int64Array) -> Operand:
    return Operand(block.values[rows], None if block.cells is None else block.cells[rows])


def _counts(present: BoolArray, ids: Int64Array, groups: int) -> Int64Array:
    found = np.zeros((groups, present.shape[1]), np.int64)
    kernels.counts(present, ids, found)
    return found


def _where_both(lhs: Block, rhs: Block) -> tuple[Block, Block]:
    """Without the steps at which one side is empty: nothing is paired there, so nothing is wrong either."""
    both = lhs.present.any(axis=0) & rhs.present.any(axis=0)
    if both.all():
        return lhs, rhs
    return lhs.where(lhs.present & both), rhs.where(rhs.present & both)


def _require_one(matching: Matching, block: Block, side: str) -> None:
    labels = matched_labels(matching, block.labels)
    groups = labels.group()
    if len(groups) == labels.size:
        return
    twice = np.argwhere(_counts(block.present, groups.ids, len(groups)) > 1)
    if not len(twice):
        return
    group, step = twice[0]
    rows = np.flatnonzero((groups.ids == group) & block.present[:, step])
    found = [describe(block.labels.row(int(row))) for row in rows[:2]]
    raise ExecutionError(
        f"found duplicate series for the match group {describe(labels.row(int(rows[0])))} on the {side} "
        f"hand-side of the operation: [{found[1]}, {found[0]}];many-to-many matching not allowed: "
        "matching labels must be unique on one side"
    )


def _coalesced(matching: Matching, one: Block) -> Block:
    """The one side with its rows of equal matched and included labels made one."""
    matched = matched_labels(matching, one.labels)
    names = {*matched.columns, *matching.include}
    return order.merged(one.labelled(one.labels.keep(names)), "a group has two series")


def _filled(matching: Matching, lhs: Block, rhs: Block) -> tuple[Block, Block]:
    """Both sides with a series for every group that only the other one has, where a fill is given.

    As Prometheus does it, `fill_left` of group_right fills the many side, which stands on the right.
    """
    fill_left, fill_right = matching.fill_left, matching.fill_right
    if matching.card is Card.ONE_TO_MANY:
        fill_left, fill_right = fill_right, fill_left
    left_ids, right_ids, groups = signatures(matching, lhs.labels, rhs.labels)
    has_left = present_groups(lhs.present, left_ids, groups)
    has_right = present_groups(rhs.present, right_ids, groups)
    names = concat([matched_labels(matching, lhs.labels), matched_labels(matching, rhs.labels)])
    named = names.take(names.group().first)
    left, right = lhs, rhs
    if fill_left is not None:
        left = _with_rows(lhs, named, fill_left, has_right & ~has_left)
    if fill_right is not None:
        right = _with_rows(rhs, named, fill_right, has_left & ~has_right)
    return left, right


def _with_rows(block: Block, labels: LabelTable, value: float, present: BoolArray) -> Block:
    rows = np.flatnonzero(present.any(axis=1))
    present = present[rows]
    return stacked([block, Block(labels.take(rows), np.full(present.shape, value), present)])


def _equal_rows(many: Int64Array, one: Int64Array) -> tuple[Int64Array, Int64Array]:
    """Every pair of rows with equal ids, in the order of the many side."""
    by_id = np.argsort(one, kind="stable")
    ordered = one[by_id]
    first = np.searchsorted(ordered, many, "left")
    counts = np.searchsorted(ordered, many, "right") - first
    many_rows = np.repeat(np.arange(len(many)), counts)
    within = np.arange(len(many_rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    return many_rows, by_id[np.repeat(first, counts) + within]


def describe(labels: dict[str, str]) -> str:
    """A label set as Prometheus prints it in messages: sorted, the name among them (model/labels, String)."""
    inner = (
        f"{name if _PLAIN.fullmatch(name) else quote(name)}={quote(labels[name])}" for name in sorted(labels)
    )
    return "{" + ", ".join(inner) + "}"
