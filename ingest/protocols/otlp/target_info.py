"""`target_info`: the attributes of a resource as the labels of a gauge that is 1.

It has a sample at the earliest and the latest time of the resource's data points, and between them one every
two and a half minutes, so that an instant query in between finds one (Prometheus, half of its lookback).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from ingest.decoded import Bytes
from ingest.protocols.otlp.messages.kernels import RESOURCE
from ingest.protocols.otlp.points import Points, within
from ingest.protocols.otlp.rows import kernels
from storage.model import Int64Array

_STEP_MS: Final = 150_000
_MOST_STEPS: Final = 1_000


@dataclass(frozen=True, slots=True, eq=False)
class Infos:
    """labels: label bytes, a series each. series, times_ms: int64, of one length, the samples."""

    labels: Sequence[bytes]
    series: Int64Array
    times_ms: Int64Array

    @classmethod
    def of(cls, labels: Mapping[int, bytes], metrics: Int64Array, points: Points, max_rows: int) -> Infos:
        """Those of resources by their numbers, at the times of their points."""
        if not labels or not len(points):
            return cls([], np.empty(0, np.int64), np.empty(0, np.int64))
        earliest, latest = np.empty((2, int(metrics[:, RESOURCE].max()) + 1), np.int64)
        kernels.find_extents(metrics, points.metric_of, points.times_ms, earliest, latest)
        kept = np.array(list(labels), np.int64)
        earliest, latest = earliest[kept], latest[kept]
        if (earliest == latest).all():
            within(len(kept), max_rows, "samples of target_info")
            return cls(list(labels.values()), np.arange(len(kept)), latest)
        steps = np.minimum(-(-(latest - earliest) // _STEP_MS), _MOST_STEPS)
        # Of a time that is far off only the part before the latest.
        earliest = np.maximum(earliest, latest - steps * _STEP_MS)
        within(int(steps.sum()) + len(steps), max_rows, "samples of target_info")
        series = np.repeat(np.arange(len(kept)), steps + 1)
        step = np.arange(len(series)) - np.repeat(np.cumsum(steps + 1) - steps - 1, steps + 1)
        times = np.minimum(earliest[series] + step * _STEP_MS, latest[series])
        return cls(list(labels.values()), series, times)

    def behind(
        self, body: Bytes, starts: Int64Array, ends: Int64Array
    ) -> tuple[Bytes, Int64Array, Int64Array]:
        """Label bytes and where they lie, with those of the infos at the end."""
        if not self.labels:
            return body, starts, ends
        sizes = np.array([len(one) for one in self.labels], np.int64)
        own_ends = len(body) + np.cumsum(sizes)
        own = np.frombuffer(b"".join(self.labels), np.uint8)
        return (
            np.concatenate([body, own]),
            np.concatenate([starts, own_ends - sizes]),
            np.concatenate([ends, own_ends]),
        )
