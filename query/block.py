"""What a node of a query evaluates to, over all steps at once, and what a query answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from query.ast import ValueType
from storage import histograms
from storage.histograms import Histograms
from storage.labels import LabelTable
from storage.labels import concat as concat_labels
from storage.model import BoolArray, Float64Array, Int32Array, Int64Array

NAME_LABELS: Final = ("__name__", "__type__", "__unit__")
"""What a function drops together with the metric's name."""


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """The native histograms among values. at: int32, of the values' shape, a row of `pool`; -1: a float."""

    at: Int32Array
    pool: Histograms

    def __getitem__(self, rows: npt.NDArray[np.integer | np.bool_]) -> Cells:
        """The same of some of the values."""
        return Cells(self.at[rows], self.pool)


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """An instant vector at every step. Row s of each array is series s of `labels`.

    values: float64 (series, steps); present: bool (series, steps), kept apart because NaN is a value.
    Where `present` is false the value is meaningless. cells: None where no value is a histogram; the float
    of a histogram is meaningless. Arrays are shared: never write to a block's arrays.
    drops_name: bool (series,), the series that lose their `NAME_LABELS` when the query is done, since until
    then names keep series apart; None: no series does.
    """

    labels: LabelTable
    values: Float64Array
    present: BoolArray
    cells: Cells | None = None
    drops_name: BoolArray | None = None

    @property
    def is_histogram(self) -> BoolArray:
        """Where histograms are present; bool (series, steps)."""
        if self.cells is None:
            return np.zeros(self.present.shape, np.bool_)
        found: BoolArray = self.present & (self.cells.at >= 0)
        return found

    def take(self, rows: Int64Array) -> Block:
        """The series at `rows`, in that order."""
        cells = None if self.cells is None else self.cells[rows]
        return replace(
            self,
            labels=self.labels.take(rows),
            values=self.values[rows],
            present=self.present[rows],
            cells=cells,
            drops_name=None if self.drops_name is None else self.drops_name[rows],
        )

    def where(self, present: BoolArray) -> Block:
        """The same values, with another presence."""
        return replace(self, present=present)

    def labelled(self, labels: LabelTable) -> Block:
        """The same values under other labels."""
        return replace(self, labels=labels)

    def nameless(self) -> Block:
        """The same series, all of which lose their names when the query is done."""
        if not any(name in self.labels.columns for name in NAME_LABELS):
            return self
        return replace(self, drops_name=np.ones(self.labels.size, np.bool_))

    def floats(self) -> Block:
        """Without the histograms."""
        if self.cells is None:
            return self
        return replace(self, present=self.present & (self.cells.at < 0), cells=None)

    def steps(self, count: int) -> Block:
        """A block of one step at each of `count` steps."""
        cells = (
            None if self.cells is None else Cells(np.repeat(self.cells.at, count, axis=1), self.cells.pool)
        )
        values, present = np.repeat(self.values, count, axis=1), np.repeat(self.present, count, axis=1)
        return replace(self, values=values, present=present, cells=cells)


def stacked(blocks: Sequence[Block]) -> Block:
    """The series of all blocks, of the same steps, in order."""
    return replace(
        blocks[0],
        labels=concat_labels([block.labels for block in blocks]),
        values=np.concatenate([block.values for block in blocks]),
        present=np.concatenate([block.present for block in blocks]),
        cells=stacked_cells([block.cells for block in blocks], [block.values.shape for block in blocks]),
        drops_name=_stacked_drops(blocks),
    )


def _stacked_drops(blocks: Sequence[Block]) -> BoolArray | None:
    if all(block.drops_name is None for block in blocks):
        return None
    return np.concatenate(
        [
            np.zeros(block.labels.size, np.bool_) if block.drops_name is None else block.drops_name
            for block in blocks
        ]
    )


def stacked_cells(parts: Sequence[Cells | None], shapes: Sequence[tuple[int, ...]]) -> Cells | None:
    """Cells one after another, of values of these shapes; None where there are none at all."""
    known = [part for part in parts if part is not None]
    if not known:
        return None
    begins = np.cumsum([0, *(len(part.pool) for part in known)]).tolist()
    shifted = iter(
        np.where(part.at >= 0, part.at + begin, -1).astype(np.int32)
        for part, begin in zip(known, begins, strict=False)
    )
    at = [
        np.full(shape, -1, np.int32) if part is None else next(shifted)
        for part, shape in zip(parts, shapes, strict=True)
    ]
    return Cells(np.concatenate(at), histograms.concat([part.pool for part in known]))


@dataclass(frozen=True, slots=True, eq=False)
class ScalarBlock:
    """A scalar at every step. values: float64 (steps,)."""

    values: Float64Array


@dataclass(frozen=True, slots=True, eq=False)
class StringValue:
    """A string; the same at every step."""

    value: str


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """A range vector asked for as such (instant queries only): raw samples of each series.

    timestamps_ms and values are flat, sorted by series then time; series s owns [offsets[s], offsets[s+1]).
    cells, drops_name: as of a `Block`. starts_ms: int64 (samples,), since when each sample's counter counts,
    0 where that is not known; None: nowhere.
    """

    labels: LabelTable
    timestamps_ms: Int64Array
    values: Float64Array
    offsets: Int64Array
    cells: Cells | None = None
    drops_name: BoolArray | None = None
    starts_ms: Int64Array | None = None

    def where(self, kept: BoolArray) -> Samples:
        """Only some samples of each series; bool (samples,)."""
        before = np.concatenate([np.zeros(1, np.int64), np.cumsum(kept)])
        cells = None if self.cells is None else self.cells[kept]
        return replace(
            self,
            timestamps_ms=self.timestamps_ms[kept],
            values=self.values[kept],
            offsets=before[self.offsets],
            cells=cells,
            starts_ms=None if self.starts_ms is None else self.starts_ms[kept],
        )

    def take(self, rows: Int64Array) -> Samples:
        """The series at `rows`, in that order."""
        offsets, at = histograms.picked(self.offsets, rows)
        cells = None if self.cells is None else self.cells[at]
        return Samples(
            self.labels.take(rows),
            self.timestamps_ms[at],
            self.values[at],
            offsets,
            cells,
            None if self.drops_name is None else self.drops_name[rows],
            None if self.starts_ms is None else self.starts_ms[at],
        )


Value: TypeAlias = Block | ScalarBlock | StringValue | Samples


@dataclass(frozen=True, slots=True)
class Stats:
    """What a query cost."""

    series: int = 0
    samples: int = 0
    fetch_ms: float = 0.0
    eval_ms: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """An answer. steps_ms: int64 (steps,), the evaluation times; one step for an instant query.

    A range query of a scalar answers as a matrix of one label-less series, as Prometheus does: `type` is
    MATRIX then. Series without any present step are already gone, and a matrix is sorted by labels.
    per_step: int64 (steps,), how many samples each step looked at, where that was asked for.
    """

    type: ValueType
    value: Value
    steps_ms: Int64Array
    warnings: tuple[str, ...] = ()
    infos: tuple[str, ...] = ()
    stats: Stats = field(default_factory=Stats)
    per_step: Int64Array | None = None
