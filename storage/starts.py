"""Start timestamps as columns: since when the counter or histogram of a sample has been counting.

Few senders give them, so they lie apart from the samples, which stay as small as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from storage.model import Int64Array, UInt64Array


@dataclass(frozen=True, slots=True, eq=False)
class StartBatch:
    """Columns of one length, a row for each sample or histogram that has a start; others have no row.

    metric_ids, series_ids: uint64; timestamps_ms: int64, of the sample; starts_ms: int64, since the epoch. A
    batch read from storage is sorted by (series_id, timestamp) with one row a timestamp.
    """

    metric_ids: UInt64Array
    series_ids: UInt64Array
    timestamps_ms: Int64Array
    starts_ms: Int64Array

    def __len__(self) -> int:
        return len(self.timestamps_ms)


def concat_starts(parts: Sequence[StartBatch]) -> StartBatch:
    """All rows of `parts`, in order; one part at least."""
    return StartBatch(
        np.concatenate([part.metric_ids for part in parts]),
        np.concatenate([part.series_ids for part in parts]),
        np.concatenate([part.timestamps_ms for part in parts]),
        np.concatenate([part.starts_ms for part in parts]),
    )


def no_starts() -> StartBatch:
    """None at all."""
    ids, times = np.empty(0, np.uint64), np.empty(0, np.int64)
    return StartBatch(ids, ids, times, times)
