"""The windows of functions over samples of both kinds, and where their histograms go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from query.ast import Modifier
from query.block import Block, Cells, Samples
from query.native.merge.apply import Merged
from query.native.remarks import MIXED_KINDS, MIXED_SCHEMAS, Remarks
from query.native.samples import split
from query.rollup.functions import Roller, Rollup, Windows
from query.rollup.starts.apply import from_starts
from storage.histograms import Histograms
from storage.model import BoolArray, Float64Array, Int64Array


@dataclass(frozen=True, slots=True)
class Look:
    """A function that looks at ranges, '' for a selector's own look, and what is remarked on what it sees.

    Of an `anchored` or `smoothed` range the window is wider: by `before_ms` and `after_ms`.
    """

    name: str
    remarks: Remarks
    modifier: Modifier = Modifier.NONE
    before_ms: int = 0
    after_ms: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Ranges:
    """The windows of one function over samples of both kinds, seen together and apart."""

    look: Look
    rollup: Rollup
    roller: Roller
    args: Sequence[Float64Array]
    all: Windows
    floats: Windows
    histograms: Windows

    @property
    def remarks(self) -> Remarks:
        """Where remarks go."""
        return self.look.remarks

    @property
    def has_floats(self) -> BoolArray:
        """Bool (series, steps)."""
        return self.floats.high > self.floats.low

    @property
    def has_histograms(self) -> BoolArray:
        """Bool (series, steps)."""
        return self.histograms.high > self.histograms.low

    @property
    def cells(self) -> Cells:
        """The histograms alone, flat."""
        assert self.histograms.samples.cells is not None
        return self.histograms.samples.cells

    def of_floats(self) -> Block:
        """What the function says of the floats."""
        rollup = from_starts(self.look.name, self.floats.samples, self.rollup)
        return self.roller.apply(rollup, self.floats, self.args)

    def refuse(self, message: str, where: BoolArray) -> None:
        """Warn of the metrics of series that have such a step; bool (series, steps)."""
        self.remarks.warn(message, self.all.samples.labels, np.nonzero(where)[0])


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """One histogram for each of some windows: that of cell (rows[i], steps[i])."""

    rows: Int64Array
    steps: Int64Array

    @staticmethod
    def where(found: BoolArray) -> Points:
        """The cells at which something was found."""
        return Points(*np.nonzero(found))

    def kept(self, rows: BoolArray) -> Points:
        """Some of them."""
        return Points(self.rows[rows], self.steps[rows])


def ranges_of(
    roller: Roller,
    rollup: Rollup,
    look: Look,
    samples: Samples,
    ends_ms: Int64Array,
    window_ms: int,
    args: Sequence[Float64Array] = (),
) -> Ranges:
    """The windows of a look at samples of both kinds."""
    whole, floats, histograms = (
        roller.windows(part, ends_ms, window_ms) for part in (samples, *split(samples))
    )
    return Ranges(look, rollup, roller, args, whole, floats, histograms)


def places(windows: Windows, points: Points, is_last: bool) -> Int64Array:
    """The flat index of the first or last sample in each window."""
    if is_last:
        return windows.high[points.rows, points.steps].astype(np.int64) - 1
    return windows.low[points.rows, points.steps].astype(np.int64)


def joined(block: Block, points: Points, at: npt.NDArray[np.integer], pool: Histograms) -> Block:
    """A block of floats with histograms put into it; at: rows of `pool`."""
    cells = Cells(np.full(block.values.shape, -1, np.int32), pool)
    cells.at[points.rows, points.steps] = at
    return replace(block, present=block.present | (cells.at >= 0), cells=cells)


def unmixed(ranges: Ranges) -> Block:
    """What the function says of floats, where no histograms are among them."""
    mixed = ranges.has_floats & ranges.has_histograms
    ranges.refuse(MIXED_KINDS, mixed)
    block = ranges.of_floats()
    return block.where(block.present & ~mixed)


def unless_mixed(
    ranges: Ranges, block: Block, points: Points, merged: Merged, histograms: Histograms
) -> Block:
    """`block` with a histogram at each point, unless its sum had both kinds of buckets."""
    ranges.remarks.warn(MIXED_SCHEMAS, ranges.all.samples.labels, points.rows[merged.is_mixed])
    kept = np.flatnonzero(~merged.is_mixed)
    return joined(block, points.kept(~merged.is_mixed), np.arange(len(kept)), histograms.take(kept))
