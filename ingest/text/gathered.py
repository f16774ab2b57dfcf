"""Samples that Python reads one by one, gathered to columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ingest.decoded import Decoded, Refusal
from ingest.wire.encoding import encode_labels
from storage.errors import LimitError
from storage.model import METRIC_NAME, Metadata


@dataclass(slots=True)
class Gathered:
    """What the messages of one body add up to. `max_rows` bounds the samples."""

    max_rows: int
    series: dict[bytes, int] = field(default_factory=dict)
    series_index: list[int] = field(default_factory=list)
    timestamps_ms: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    refused: dict[str, tuple[int, str]] = field(default_factory=dict)
    metadata: dict[Metadata, None] = field(default_factory=dict)

    def series_of(self, name: str, labels: Sequence[tuple[str, str]]) -> int:
        """The index of a series. Labels without a value are none; the metric's name is one of them."""
        pairs = sorted([(METRIC_NAME, name), *((key, value) for key, value in labels if value)])
        return self.series.setdefault(encode_labels(pairs), len(self.series))

    def add(self, series: int, time_ms: int, value: float) -> None:
        """Raises `LimitError` for more than `max_rows`."""
        if len(self.values) >= self.max_rows:
            raise LimitError(
                f"there are more samples than {self.max_rows}, the limit (ingest.max_request_rows)"
            )
        self.series_index.append(series)
        self.timestamps_ms.append(time_ms)
        self.values.append(value)

    def refuse(self, reason: str, example: str) -> None:
        """Count what cannot be taken; the first example stays."""
        count, first = self.refused.get(reason, (0, example))
        self.refused[reason] = count + 1, first

    def decoded(self) -> Decoded:
        """The columns."""
        sizes = np.array([len(raw) for raw in self.series], np.int64)
        ends = np.cumsum(sizes, dtype=np.int64)
        return Decoded(
            body=np.frombuffer(b"".join(self.series), np.uint8),
            label_start=ends - sizes,
            label_end=ends,
            series_index=np.array(self.series_index, np.int64),
            timestamps_ms=np.array(self.timestamps_ms, np.int64),
            values=np.array(self.values, np.float64),
            metadata=tuple(self.metadata),
            refused={reason: Refusal(count, example) for reason, (count, example) in self.refused.items()},
        )
