"""Exemplars as columns: single observations that a sender points out, with labels such as a trace's id."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from storage.model import Float64Array, Int64Array, UInt64Array


@dataclass(frozen=True, slots=True, eq=False)
class ExemplarBatch:
    """Columns of one length: exemplars of any number of series.

    metric_ids, series_ids: uint64; timestamps_ms: int64, since the epoch; values: float64; labels: the
    exemplars' own labels, each as `storage.model.encode_labels` writes them. A batch read from storage is
    sorted by (series_id, timestamp) and holds nothing twice.
    """

    metric_ids: UInt64Array
    series_ids: UInt64Array
    timestamps_ms: Int64Array
    values: Float64Array
    labels: Sequence[str]

    def __len__(self) -> int:
        return len(self.timestamps_ms)


def concat_exemplars(parts: Sequence[ExemplarBatch]) -> ExemplarBatch:
    """All exemplars of `parts`, in order; one part at least."""
    return ExemplarBatch(
        np.concatenate([part.metric_ids for part in parts]),
        np.concatenate([part.series_ids for part in parts]),
        np.concatenate([part.timestamps_ms for part in parts]),
        np.concatenate([part.values for part in parts]),
        [text for part in parts for text in part.labels],
    )


def no_exemplars() -> ExemplarBatch:
    """None at all."""
    ids = np.empty(0, np.uint64)
    return ExemplarBatch(ids, ids, np.empty(0, np.int64), np.empty(0, np.float64), [])
