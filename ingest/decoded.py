"""One request as columns, before its series are known: what every protocol's parser gives.

A series is named by raw bytes: its labels in the encoding of `prometheus.WriteRequest` (field 1 of a
TimeSeries, repeated). Parsers of other formats write the same bytes, so one table knows all senders' series.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from ingest.beside import Beside
from ingest.labels import kernels
from storage.errors import DecodeError
from storage.model import BoolArray, Float64Array, Int64Array, Metadata

Bytes: TypeAlias = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """Columns of one request.

    body: uint8, the bytes that `label_start` and `label_end` (int64, (series,), end exclusive) point into.
    series_index: int64 (samples,), the series of each sample; timestamps_ms: int64; values: float64, bits
    untouched. `describe(i)` gives the metadata of series i, under the series' own name where `metric` is "",
    where the format says so a series; it is asked for new series only. `numbers`, int64 (series,), are their
    numbers in the series table whose `familiar` the decoder was given, -1 where unknown; `generation` is that
    of the `familiar`. `refused` counts what could not be taken, by reason, with an example of each.
    `is_added`, bool (samples and then histograms,): which rows add to what their series has at their time.
    """

    body: Bytes
    label_start: Int64Array
    label_end: Int64Array
    series_index: Int64Array
    timestamps_ms: Int64Array
    values: Float64Array
    numbers: Int64Array | None = None
    generation: int = 0
    metadata: Sequence[Metadata] = ()
    beside: Beside | None = None
    refused: Mapping[str, Refusal] = field(default_factory=dict)
    describe: Callable[[int], Metadata | None] | None = None
    is_added: BoolArray | None = None

    def every_row(self) -> Decoded:
        """The same with rows for the histograms and then the exemplars behind the samples, for their ids."""
        if self.beside is None:
            return self
        return replace(
            self,
            series_index=np.concatenate([self.series_index, self.beside.series_index]),
            timestamps_ms=np.concatenate([self.timestamps_ms, self.beside.times_ms]),
        )

    def labels(self, i: int) -> list[tuple[str, str]]:
        """The labels of series i as sent. Raises `DecodeError` where they are not UTF-8 or broken."""
        return parse_labels(self.body[self.label_start[i] : self.label_end[i]].tobytes())


def nothing_decoded() -> Decoded:
    """A request that holds no sample."""
    nothing, no_values = np.empty(0, np.int64), np.empty(0, np.float64)
    return Decoded(np.empty(0, np.uint8), nothing, nothing, nothing, nothing, no_values)


@dataclass(frozen=True, slots=True)
class Refusal:
    """How many samples were refused for one reason, and what the first of them was."""

    count: int
    example: str


def parse_labels(raw: bytes) -> list[tuple[str, str]]:
    """Read a series' raw label bytes; once a series. Raises `DecodeError`."""
    spans = np.empty((len(raw) // 2 + 1, 4), np.int64)
    status, offset, found = kernels.label_spans(np.frombuffer(raw, np.uint8), 0, len(raw), spans)
    if status:
        raise DecodeError(f"label is not a pair of name and value, at byte {offset} of the series' labels")
    return [_pair(raw[a:b], raw[c:d]) for a, b, c, d in spans[:found].tolist()]


def _pair(name: bytes, value: bytes) -> tuple[str, str]:
    try:
        return name.decode(), value.decode()
    except UnicodeDecodeError as error:
        raise DecodeError(f"label {name[:80]!r}={value[:80]!r} is not UTF-8: {error.reason}") from None
