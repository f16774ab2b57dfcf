"""Which rows of a table are asked for: those of some metrics, of some series, in a range of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from storage.kernels import keep_among
from storage.model import BoolArray, TimeRange, UInt64Array

_IDS_IN_TEXT = 2_000


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """What a query says in SQL, and the series that it does not say because they are many.

    condition: the clause WHERE. wanted: uint64, ascending, None where the condition names them.
    """

    condition: str
    wanted: UInt64Array | None

    @property
    def where(self) -> str:
        """The condition, the order and nothing behind it."""
        return f"{self.condition} ORDER BY metric_id, series_id, timestamp"

    @classmethod
    def of(cls, metric_id: int, series_ids: UInt64Array | None, time_range: TimeRange) -> Rows:
        """Rows of `series_ids`, ascending, or of all series when None; times are inclusive."""
        return cls.of_many([metric_id], series_ids, time_range)

    @classmethod
    def of_many(
        cls, metric_ids: Sequence[int], series_ids: UInt64Array | None, time_range: TimeRange
    ) -> Rows:
        """Rows of several metrics, at least one, likewise."""
        among, wanted = "", None
        if series_ids is not None and not len(series_ids):
            among = " AND 0"
        elif series_ids is not None and len(series_ids) <= _IDS_IN_TEXT:
            among = f" AND series_id IN ({', '.join(map(str, series_ids.tolist()))})"
        elif series_ids is not None:
            among = f" AND series_id BETWEEN {series_ids[0]} AND {series_ids[-1]}"
            wanted = series_ids
        condition = (
            f"WHERE metric_id IN ({', '.join(map(str, metric_ids))}){among} "
            f"AND timestamp BETWEEN {time_range.start_ms} AND {time_range.end_ms}"
        )
        return cls(condition, wanted)

    def keep(self, series_ids: UInt64Array) -> BoolArray | None:
        """Which of the rows found, ascending by series, are wanted; None where all are."""
        if self.wanted is None:
            return None
        keep = np.empty(len(series_ids), np.bool_)
        return keep if keep_among(series_ids, self.wanted, keep) < len(series_ids) else None
