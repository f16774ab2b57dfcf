"""What one source gave at one moment, as columns. Pure values: sources make them, delivery takes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from storage.model import Float64Array, Int64Array, Metadata


def _no_values() -> Float64Array:
    return np.empty(0, np.float64)


def _no_times() -> Int64Array:
    return np.empty(0, np.int64)


@dataclass(frozen=True, slots=True)
class Spread:
    """A native histogram of one series. `encoded` is a `prometheus.Histogram` message, its time included.

    start_ms: when it began to count, 0 where nobody says.
    """

    line: bytes
    encoded: bytes
    start_ms: int = 0


@dataclass(frozen=True, slots=True)
class Example:
    """An exemplar of the sample at `row`. `encoded` are its labels, as `Sweep.lines` are.

    Rows from the number of samples on stand for the histograms, in their order.
    """

    row: int
    encoded: bytes
    value: float
    time_ms: int


@dataclass(frozen=True, slots=True)
class Sweep:
    """Samples of one source. Columns of one length.

    source: who gave them, stable from sweep to sweep, so that what is encoded once is found again.
    lines: a series' labels each, encoded by `ingest.wire.encoding.encode_labels`, sorted by name, the
        target's labels included. The same series is the same object from sweep to sweep where it can be.
    values: a staleness marker ends a series.
    starts_ms: when the samples began to count, 0 where nobody says; empty where nobody says of any.
    is_last: the source ends here, so what is remembered of it can go.
    """

    source: str
    lines: Sequence[bytes]
    values: Float64Array = field(default_factory=_no_values)
    times_ms: Int64Array = field(default_factory=_no_times)
    histograms: Sequence[Spread] = ()
    exemplars: Sequence[Example] = ()
    metadata: Sequence[Metadata] = ()
    starts_ms: Int64Array = field(default_factory=_no_times)
    is_last: bool = False
