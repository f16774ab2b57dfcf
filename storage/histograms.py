"""Native histograms as columns: what a histogram sample is, everywhere from the wire to the engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from storage.model import Float64Array, Int32Array, Int64Array

Int8Array: TypeAlias = npt.NDArray[np.int8]
UInt8Array: TypeAlias = npt.NDArray[np.uint8]

CUSTOM_SCHEMA: Final = -53
"""The schema of histograms with custom bounds (Prometheus, model/histogram)."""

HINT_UNKNOWN: Final = 0
HINT_RESET: Final = 1
HINT_NOT_RESET: Final = 2
HINT_GAUGE: Final = 3


@dataclass(frozen=True, slots=True, eq=False)
class Buckets:
    """The populated buckets of n histograms, one after another; histogram i owns [offsets[i], offsets[i+1]).

    offsets: int64 (n + 1,). indexes: int32, ascending within a histogram. counts: float64, absolute (not
    deltas, not cumulated), of the same length as `indexes`; a bucket that is not listed holds nothing.
    Bucket k of schema s spans (2^((k-1) * 2^-s), 2^(k * 2^-s)], mirrored for negatives; with custom bounds
    it spans (bounds[k-1], bounds[k]].
    """

    offsets: Int64Array
    indexes: Int32Array
    counts: Float64Array


@dataclass(frozen=True, slots=True, eq=False)
class Histograms:
    """n native histograms, integer or float ones alike: counts are float64.

    schemas: int8 (n,), -4..8 exponential, `CUSTOM_SCHEMA` custom. zero_thresholds, zero_counts, counts, sums:
    float64 (n,); a `sums` that is the staleness marker, bit by bit, makes the sample a stale marker.
    hints: uint8 (n,), the counter reset hint. bound_offsets: int64 (n + 1,) into bounds: float64, the upper
    bounds of custom buckets, +Inf left out.
    """

    schemas: Int8Array
    zero_thresholds: Float64Array
    zero_counts: Float64Array
    counts: Float64Array
    sums: Float64Array
    hints: UInt8Array
    positive: Buckets
    negative: Buckets
    bound_offsets: Int64Array
    bounds: Float64Array

    def __len__(self) -> int:
        return len(self.schemas)
