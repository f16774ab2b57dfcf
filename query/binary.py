"""Binary operators over scalars and blocks, all steps at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

import numpy as np

from query import order
from query.ast import Binary
from query.block import NAME_LABELS, Block, ScalarBlock, Value, stacked
from query.matching import Pairs, paired, present_groups, signatures
from storage.errors import ExecutionError
from storage.labels import LabelTable
from storage.model import BoolArray, Float64Array, Int64Array

Operation: TypeAlias = Callable[[Float64Array, Float64Array], Float64Array]
Comparison: TypeAlias = Callable[[Float64Array, Float64Array], BoolArray]

_SAME_LABELS = "vector cannot contain metrics with the same labelset"

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


def binary(node: Binary, lhs: Value, rhs: Value) -> Block | ScalarBlock:
    """Evaluate an operator at every step.

    Raises `ExecutionError` where series cannot be paired, or two results would have equal labels.
    """
    if node.op in ("</", ">/"):
        raise ExecutionError(f'operator "{node.op}" works on native histograms, which are not stored')
    with np.errstate(all="ignore"):
        match lhs, rhs:
            case ScalarBlock(), ScalarBlock():
                return ScalarBlock(_number(node.op, lhs.values, rhs.values))
            case Block(), ScalarBlock():
                return _with_scalar(node, lhs, lhs.values, rhs.values[None, :])
            case ScalarBlock(), Block():
                return _with_scalar(node, rhs, lhs.values[None, :], rhs.values)
            case Block(), Block() if node.op in _SETS:
                return _SETS[node.op](node, lhs, rhs)
            case Block(), Block():
                return _vectors(node, lhs, rhs)
    raise AssertionError("the parser lets only scalars and vectors be operands")


def _number(op: str, left: Float64Array, right: Float64Array) -> Float64Array:
    if op in ARITHMETIC:
        return ARITHMETIC[op](left, right)
    return COMPARISONS[op](left, right).astype(np.float64)


def _with_scalar(node: Binary, vector: Block, left: Float64Array, right: Float64Array) -> Block:
    if node.op in COMPARISONS and not node.bool_modifier:
        kept = vector.present & COMPARISONS[node.op](left, right)
        return vector.where(kept)
    block = Block(vector.labels.drop(NAME_LABELS), _number(node.op, left, right), vector.present)
    return order.merged(block, _SAME_LABELS)


def _vectors(node: Binary, lhs: Block, rhs: Block) -> Block:
    assert node.matching is not None
    pairs = paired(node.matching, lhs, rhs)
    present = pairs.present
    values = pairs.left
    if node.op in ARITHMETIC or node.bool_modifier:
        values = _number(node.op, pairs.left, pairs.right)
    else:
        present = present & COMPARISONS[node.op](pairs.left, pairs.right)
    drops_name = node.op in ARITHMETIC or node.bool_modifier
    labels = _result_labels(node, pairs, drops_name)
    pairs.require_unique(labels, present)
    return order.merged(Block(labels, values, present), _SAME_LABELS)


def _result_labels(node: Binary, pairs: Pairs, drops_name: bool) -> LabelTable:
    """Labels of the many side, cut to those matched on when one meets one, with the included ones."""
    matching = node.matching
    assert matching is not None
    labels = pairs.many_labels
    if drops_name:
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
    return order.merged(stacked([lhs, rhs.where(rhs.present & ~seen[right])]), _SAME_LABELS)


_SETS: Final[Mapping[str, Callable[[Binary, Block, Block], Block]]] = {
    "and": _and,
    "or": _or,
    "unless": _unless,
}
