"""The last step of a query: rows that say nothing go, rows stand in the order that Prometheus gives them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from query.ast import ValueType
from query.block import Block, Cells, Samples, ScalarBlock, Value
from storage.errors import ExecutionError
from storage.labels import LabelTable
from storage.model import Int64Array


def finished(value: Value, kind: ValueType, is_instant: bool) -> tuple[ValueType, Value]:
    """A value as the answer to an instant or a range query, with its type."""
    if isinstance(value, ScalarBlock) and not is_instant:
        present = np.ones((1, len(value.values)), np.bool_)
        return ValueType.MATRIX, Block(LabelTable({}, 1), value.values[None, :], present)
    if isinstance(value, Samples):
        rows = np.flatnonzero(np.diff(value.offsets) > 0)
        return ValueType.MATRIX, value.take(rows[by_labels(value.labels.take(rows))])
    if not isinstance(value, Block):
        return kind, value
    rows = np.flatnonzero(value.present.any(axis=1))
    block = value if len(rows) == value.labels.size else value.take(rows)
    if is_instant:
        return ValueType.VECTOR, block
    block = merged(block, "vector cannot contain metrics with the same labelset")
    return ValueType.MATRIX, block.take(by_labels(block.labels))


def by_labels(table: LabelTable) -> Int64Array:
    """Row numbers in the order of label sets: name by name, value by value, a shorter set first."""
    columns = [column for _, column in sorted(table.columns.items()) if column.codes.any()]
    if all(column.codes.all() for column in columns):
        keys = []
        for column in reversed(columns):
            ranks = np.empty(len(column.values), np.int64)
            ranks[np.argsort(np.array(column.values, dtype=object), kind="stable")] = np.arange(len(ranks))
            keys.append(ranks[column.codes])
        if not keys:
            return np.arange(table.size)
        return np.lexsort(keys).astype(np.int64)
    rows = [tuple(row.items()) for row in table.rows()]
    return np.array(sorted(range(len(rows)), key=rows.__getitem__), np.int64)


def merged(block: Block, message: str) -> Block:
    """Make rows of equal labels one. Raises `ExecutionError` where two are present at one step."""
    groups = block.labels.group()
    if len(groups) == block.labels.size:
        return block
    values = np.zeros((len(groups), block.values.shape[1]))
    count = np.zeros(values.shape, np.int64)
    np.add.at(count, groups.ids, block.present)
    if (count > 1).any():
        raise ExecutionError(message)
    rows, steps = np.nonzero(block.present)
    values[groups.ids[rows], steps] = block.values[rows, steps]
    cells = None
    if block.cells is not None:
        cells = Cells(np.full(values.shape, -1, np.int32), block.cells.pool)
        cells.at[groups.ids[rows], steps] = block.cells.at[rows, steps]
    return replace(
        block, labels=block.labels.take(groups.first), values=values, present=count > 0, cells=cells
    )
