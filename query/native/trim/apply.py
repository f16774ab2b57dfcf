"""What of histograms lies below or above a value."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from query.native.kernels import pooled
from query.native.trim import kernels
from storage.histograms import Buckets, Histograms
from storage.model import Float64Array


def trimmed(pool: Histograms, at: Float64Array, *, keeps_lower: bool) -> Histograms:
    """Histogram i without what lies above at[i] (`keeps_lower`) or below it.

    A bucket around the value is divided as quantiles divide it; the sum is estimated anew from the buckets.
    """
    found = replace(
        pool,
        zero_counts=pool.zero_counts.copy(),
        counts=pool.counts.copy(),
        sums=pool.sums.copy(),
        positive=replace(pool.positive, counts=pool.positive.counts.copy()),
        negative=replace(pool.negative, counts=pool.negative.counts.copy()),
    )
    kernels.trim(pooled(found), np.ascontiguousarray(at), keeps_lower)
    return replace(found, positive=populated(found.positive), negative=populated(found.negative))


def populated(buckets: Buckets) -> Buckets:
    """Without the buckets that hold nothing."""
    kept = buckets.counts != 0
    before = np.concatenate([np.zeros(1, np.int64), np.cumsum(kept)])
    return Buckets(before[buckets.offsets], buckets.indexes[kept], buckets.counts[kept])
