"""The last step of a query: rows that say nothing go, rows stand in the order that Prometheus gives them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from query.ast import ValueType
from query.block import NAME_LABELS, Block, Cells, Samples, ScalarBlock, Value
from storage.errors import ExecutionError
from storage.labels import LabelColumn, LabelTable
from storage.model import BoolArray, Int64Array

_FEW: Final = 500
SAME_LABELS: Final = "vector cannot contain metrics with the same labelset"


def finished(value: Value, kind: ValueType, is_instant: bool) -> tuple[ValueType, Value]:
    """A value as the answer to an instant or a range query, with its type."""
    if isinstance(value, ScalarBlock) and not is_instant:
        present = np.ones((1, len(value.values)), np.bool_)
        return ValueType.MATRIX, Block(LabelTable({}, 1), value.values[None, :], present)
    if isinstance(value, Samples):
        samples = _together(value.take(np.flatnonzero(np.diff(value.offsets) > 0)))
        return ValueType.MATRIX, samples.take(by_labels(samples.labels))
    if not isinstance(value, Block):
        return kind, value
    rows = np.flatnonzero(value.present.any(axis=1))
    block = value if len(rows) == value.labels.size else value.take(rows)
    block = named(block)
    if is_instant:
        return ValueType.VECTOR, block
    block = merged(block, SAME_LABELS)
    return ValueType.MATRIX, block.take(by_labels(block.labels))


def named(block: Block) -> Block:
    """The block under its last labels. Raises `ExecutionError` where two series then are one at a step."""
    if block.drops_name is None:
        return block
    found = replace(block, labels=without_names(block.labels, block.drops_name), drops_name=None)
    return merged(found, SAME_LABELS) if _may_collide(block) else found


def _may_collide(block: Block) -> bool:
    """Whether names were all that kept two series apart: not where all have one name."""
    if block.drops_name is None:
        return False
    columns = [block.labels.columns[name] for name in NAME_LABELS if name in block.labels.columns]
    return not all((column.codes == column.codes[:1]).all() for column in columns)


def without_names(labels: LabelTable, drops_name: BoolArray | None) -> LabelTable:
    """The labels, where `drops_name` says so without the `NAME_LABELS`."""
    if drops_name is None:
        return labels
    if drops_name.all():
        return labels.drop(NAME_LABELS)
    for name in NAME_LABELS:
        column = labels.columns.get(name)
        if column is not None:
            codes = np.where(drops_name, 0, column.codes).astype(np.int32)
            labels = labels.with_column(name, LabelColumn(codes, column.values))
    return labels


def _together(samples: Samples) -> Samples:
    """The samples under their last labels, those of equal labels made one series.

    Raises `ExecutionError` where two of them are of one moment.
    """
    if samples.drops_name is None:
        return samples
    samples = replace(samples, labels=without_names(samples.labels, samples.drops_name), drops_name=None)
    groups = samples.labels.group()
    if len(groups) == samples.labels.size:
        return samples
    series = np.repeat(groups.ids, np.diff(samples.offsets))
    at = np.lexsort((samples.timestamps_ms, series))
    series, times = series[at], samples.timestamps_ms[at]
    if ((np.diff(series) == 0) & (np.diff(times) == 0)).any():
        raise ExecutionError(SAME_LABELS)
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(np.bincount(series))]).astype(np.int64)
    cells = None if samples.cells is None else samples.cells[at]
    return Samples(samples.labels.take(groups.first), times, samples.values[at], offsets, cells)


def by_labels(table: LabelTable) -> Int64Array:
    """Row numbers in the order of label sets: name by name, value by value, a shorter set first."""
    if table.size < 2:
        return np.arange(table.size)
    columns = [column for _, column in sorted(table.columns.items()) if column.codes.any()]
    if all(column.codes.all() for column in columns):
        keys = [_ranks(column) for column in reversed(columns)]
        if not keys:
            return np.arange(table.size)
        return np.lexsort(keys).astype(np.int64)
    rows = [tuple(row.items()) for row in table.rows()]
    return np.array(sorted(range(len(rows)), key=rows.__getitem__), np.int64)


def _ranks(column: LabelColumn) -> Int64Array:
    """The place of each series' value among those of all of them, sorted; int64 (series,)."""
    used, of_row = np.unique(column.codes, return_inverse=True)
    texts = [column.values[code] for code in used.tolist()]
    ranks = np.empty(len(texts), np.int64)
    ranks[_sorted(texts)] = np.arange(len(texts))
    return ranks[of_row]


def _sorted(texts: Sequence[str]) -> npt.NDArray[np.integer]:
    """The order of texts by their characters. Polars sorts many of them without the interpreter's lock."""
    if len(texts) > _FEW:
        try:
            return pl.Series(texts, dtype=pl.String).arg_sort().to_numpy()
        except UnicodeEncodeError:  # bytes that are not UTF-8, which only Python can hold
            pass
    return np.array(sorted(range(len(texts)), key=texts.__getitem__), np.int64)


def merged(block: Block, message: str) -> Block:
    """Make rows of equal labels one. Raises `ExecutionError` where two are present at one step.

    Rows that will lose their names stay apart from those that will not.
    """
    labels = block.labels
    if block.drops_name is not None:
        labels = labels.with_column("", LabelColumn(block.drops_name.astype(np.int32), ["", "dropped"]))
    groups = labels.group()
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
    return Block(
        block.labels.take(groups.first),
        values,
        count > 0,
        cells,
        None if block.drops_name is None else block.drops_name[groups.first],
    )
