"""Native histograms among the samples of series: where they stand, and what their hints are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from query.block import Cells, Samples
from query.native.kernels import pooled
from query.native.resets import kernels
from query.rollup.starts.apply import marked
from storage.histograms import HINT_GAUGE, HINT_UNKNOWN, HistogramBatch
from storage.model import STALE_NAN_BITS, BoolArray, UInt64Array, is_stale

_STALE = np.array([STALE_NAN_BITS], np.uint64).view(np.float64)[0]


def with_histograms(floats: Samples, series_ids: UInt64Array, batch: HistogramBatch) -> Samples:
    """The samples of both kinds, by series and time; row s of `floats` is series_ids[s] (ascending).

    A stale histogram becomes a stale float, as a marker is of no kind.
    """
    owners = np.searchsorted(series_ids, batch.series_ids)
    counts = np.diff(floats.offsets)
    series = np.concatenate([np.repeat(np.arange(len(counts)), counts), owners])
    begins = floats.offsets[0]
    times = np.concatenate([floats.timestamps_ms[begins : floats.offsets[-1]], batch.timestamps_ms])
    stale = is_stale(batch.histograms.sums)
    values = np.concatenate([floats.values[begins : floats.offsets[-1]], np.where(stale, _STALE, np.nan)])
    at = np.concatenate(
        [np.full(len(series) - len(batch), -1), np.where(stale, -1, np.arange(len(batch)))]
    ).astype(np.int32)
    order = np.lexsort((times, series))
    offsets = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(np.bincount(series, minlength=len(counts)), out=offsets[1:])
    return Samples(floats.labels, times[order], values[order], offsets, Cells(at[order], batch.histograms))


def hinted(samples: Samples, tells_resets: bool) -> Samples:
    """The same with the hints that follow from the order of histograms, whatever was stored.

    As in Prometheus, the first after a reset is `unknown`, unless `tells_resets`.
    """
    if samples.cells is None:
        return samples
    pool = samples.cells.pool
    hints = pool.hints.copy()
    kernels.derive_hints(samples.offsets, samples.cells.at, pooled(pool), tells_resets, hints)
    return replace(samples, cells=Cells(samples.cells.at, replace(pool, hints=hints)))


def unhinted(samples: Samples) -> Samples:
    """The same with nothing said of resets: a subquery leaves out samples that hints speak of."""
    if samples.cells is None:
        return samples
    pool = samples.cells.pool
    hints = np.where(pool.hints == HINT_GAUGE, HINT_GAUGE, HINT_UNKNOWN).astype(np.uint8)
    return replace(samples, cells=Cells(samples.cells.at, replace(pool, hints=hints)))


def split(samples: Samples) -> tuple[Samples, Samples]:
    """(the floats, the histograms) of samples that have both."""
    assert samples.cells is not None
    is_float = samples.cells.at < 0
    return replace(samples.where(is_float), cells=None), samples.where(~is_float)


def differences(samples: Samples) -> tuple[BoolArray, BoolArray]:
    """(whether each sample differs from the one before, whether it shows a reset); both bool (samples,)."""
    assert samples.cells is not None
    changed, was_reset = np.empty((2, len(samples.values)), np.bool_)
    kernels.steps(
        samples.offsets,
        samples.cells.at,
        samples.values,
        pooled(samples.cells.pool),
        changed,
        was_reset,
    )
    return changed, was_reset | marked(samples)[0]
