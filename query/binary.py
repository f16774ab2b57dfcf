"""Binary operators over scalars and blocks, all steps at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final, TypeAlias

import numpy as np

from query import order
from query.annotations import Annotations
from query.ast import Binary
from query.block import NAME_LABELS, Block, Cells, ScalarBlock, Value, stacked
from query.matching import Pairs, paired, present_groups, signatures
from query.native import binary as native
from query.native.binary import Operand
from storage.labels import LabelTable
from storage.model import BoolArray, Float64Array, Int64Array

Operation: TypeAlias = Callable[[Float64Array, Float64Array], Float64Array]
Comparison: TypeAlias = Callable[[Float64Array, Float64Array], BoolArray]

ARITHMETIC: Final[Mapping[str, Operation]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "%": np.fmod,
    "^": np.power,
    "atan2": np.arctan2,
}
COMPARISONS: Final[Mapping[str, Comparison]] = {
    "==": np.equal,
    "!=": np.not_equal,
    "<": np.less,
    ">": np.greater,
    "<=": np.less_equal,
    ">=": np.greater_equal,
}


def binary(node: Binary, lhs: Value, rhs: Value, notes: Annotations) -> Block | ScalarBlock:
    """Evaluate an operator at every step.

    Raises `ExecutionError` where series cannot be paired, or two results would have equal labels.
    """
    with np.errstate(all="ignore"):
        match lhs, rhs:
            case ScalarBlock(), ScalarBlock():
                return ScalarBlock(_number(node.op, lhs.values, rhs.values))
            case Block(), ScalarBlock():
                left, right = Operand(lhs.values, lhs.cells), Operand(rhs.values[None, :], None)
                return _with_scalar(node, lhs, left, right, notes)
            case ScalarBlock(), Block():
                left, right = Operand(lhs.values[None, :], None), Operand(rhs.values, rhs.cells)
                return _with_scalar(node, rhs, left, right, notes)
            case Block(), Block() if node.op in _SETS:
                return _SETS[node.op](node, lhs, rhs)
            case Block(), Block():
                return _vectors(node, lhs, rhs, notes)
    raise AssertionError("the parser lets only scalars and vectors be operands")


def _number(op: str, left: Float64Array, right: Float64Array) -> Float64Array:
    if op in ARITHMETIC:
        return ARITHMETIC[op](left, right)
    return COMPARISONS[op](left, right).astype(np.float64)


def _drops_name(node: Binary) -> bool:
    return node.op in ARITHMETIC or node.bool_modifier


def _operated(
    node: Binary, left: Operand, right: Operand, kept: Operand, present: BoolArray, notes: Annotations
) -> tuple[Float64Array, BoolArray, Cells | None]:
    """(values, presence, histograms) of an operator wherever `present`; a filter keeps those of `kept`."""
    outcome = None
    if left.cells is not None or right.cells is not None or node.op in native.TRIMS:
        outcome = native.operated(node, left, right, present, notes)
    if node.op in native.TRIMS:
        values = kept.values
    elif _drops_name(node):
        values = _number(node.op, left.values, right.values)
    else:
        values, floats = kept.values, COMPARISONS[node.op](left.values, right.values)
        present = present & (floats if outcome is None else floats | outcome.is_handled)
    if outcome is None:
        return values, present, None
    present = np.where(outcome.is_handled, outcome.present, present)
    return np.where(outcome.is_handled, outcome.values, values), present, outcome.cells


def _with_scalar(node: Binary, vector: Block, left: Operand, right: Operand, notes: Annotations) -> Block:
    kept = Operand(vector.values, vector.cells)
    values, present, cells = _operated(node, left, right, kept, vector.present, notes)
    block = replace(vector, values=values, present=present, cells=cells)
    return block.nameless() if _drops_name(node) else block


def _vectors(node: Binary, lhs: Block, rhs: Block, notes: Annotations) -> Block:
    assert node.matching is not None
    pairs = paired(node.matching, lhs, rhs)
    values, present, cells = _operated(node, pairs.left, pairs.right, pairs.left, pairs.present, notes)
    labels = _result_labels(node, pairs)
    pairs.require_unique(labels, present)
    block = Block(labels, values, present, cells, pairs.drops_name)
    return order.merged(block.nameless() if node.bool_modifier else block, order.SAME_LABELS)


def _result_labels(node: Binary, pairs: Pairs) -> LabelTable:
    """Labels of the many side, cut to those matched on when one meets one, with the included ones.

    Arithmetic of two vectors drops the name at once, as Prometheus does it.
    """
    matching = node.matching
    assert matching is not None
    labels = pairs.many_labels
    if node.op in ARITHMETIC:
        labels = labels.drop(NAME_LABELS)
    if pairs.is_one_to_one:
        labels = labels.keep(matching.labels) if matching.on else labels.drop(matching.labels)
    for name in matching.include:
        column = pairs.one_labels.columns.get(name)
        labels = labels.drop((name,)) if column is None else labels.with_column(name, column)
    return labels


def _and(node: Binary, lhs: Block, rhs: Block) -> Block:
    left, seen = _seen(node, lhs, rhs)
    return lhs.where(lhs.present & seen[left])


def _unless(node: Binary, lhs: Block, rhs: Block) -> Block:
    left, seen = _seen(node, lhs, rhs)
    return lhs.where(lhs.present & ~seen[left])


def _seen(node: Binary, lhs: Block, rhs: Block) -> tuple[Int64Array, BoolArray]:
    """The match group of each left series, and at which steps the right side has each group."""
    assert node.matching is not None
    left, right, groups = signatures(node.matching, lhs.labels, rhs.labels)
    return left, present_groups(rhs.present, right, groups)


def _or(node: Binary, lhs: Block, rhs: Block) -> Block:
    assert node.matching is not None
    left, right, groups = signatures(node.matching, lhs.labels, rhs.labels)
    seen = present_groups(lhs.present, left, groups)
    return order.merged(stacked([lhs, rhs.where(rhs.present & ~seen[right])]), order.SAME_LABELS)


_SETS: Final[Mapping[str, Callable[[Binary, Block, Block], Block]]] = {
    "and": _and,
    "or": _or,
    "unless": _unless,
}
