"""How many samples a query looks at, step by step: `totalQueryableSamples` of Prometheus's `stats`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from query.block import Block, Cells, Samples
from query.limits import floats_of
from query.rollup.functions import Windows
from storage.histograms import Histograms
from storage.model import Int64Array


class Tally:
    """Counts of one query's steps. A sample counts once for every step that sees it.

    A histogram counts as the floats that it takes the memory of, as in `query.limits`.
    """

    def __init__(self, steps: int) -> None:
        self.per_step: Int64Array = np.zeros(steps, np.int64)
        self._is_paused = False

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Count nothing: what a subquery reads is counted by the function that looks at its answers."""
        before, self._is_paused = self._is_paused, True
        yield
        self._is_paused = before

    def add_latest(self, block: Block) -> None:
        """One sample of every series and step that has one."""
        self._add(_weights_of(block).sum(axis=0))

    def add_windows(self, windows: Windows) -> None:
        """Every sample of every window."""
        low, high = windows.low, np.maximum(windows.low, windows.high)
        if windows.samples.cells is None:
            self._add((high - low).sum(axis=0, dtype=np.int64))
            return
        before = np.concatenate([np.zeros(1, np.int64), np.cumsum(_weights(windows.samples.cells))])
        self._add((before[high] - before[low]).sum(axis=0))

    def add_samples(self, samples: Samples) -> None:
        """The samples of a range vector that is answered as it is."""
        weight = len(samples.values) if samples.cells is None else int(_weights(samples.cells).sum())
        self._add(np.array([weight], np.int64))

    def _add(self, counts: Int64Array) -> None:
        if not self._is_paused:
            # One count stands for all steps where an `@` lets them look at the same moment.
            self.per_step += counts if len(counts) == len(self.per_step) else counts.sum()


def _weights_of(block: Block) -> Int64Array:
    if block.cells is None:
        return block.present.astype(np.int64)
    return np.where(block.present, _weights(block.cells), 0)


def _weights(cells: Cells) -> Int64Array:
    """Of every cell; 1 where it holds a float."""
    sizes = _sizes(cells.pool)
    return np.where(cells.at >= 0, sizes[np.maximum(cells.at, 0)] if len(sizes) else 1, 1)


def _sizes(pool: Histograms) -> Int64Array:
    buckets = np.diff(pool.positive.offsets) + np.diff(pool.negative.offsets)
    return floats_of(np.ones(len(pool), np.int64), buckets)
