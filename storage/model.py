"""What a series, a sample and a matcher are. Pure values: no I/O, nothing of ours imported but errors.

Samples travel as columns (`SampleBatch`), never as objects. A series is known everywhere by the pair
(metric_id, series_id); both are hashes of the labels, so every process computes the same ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
import orjson
import xxhash

Int64Array: TypeAlias = npt.NDArray[np.int64]
UInt64Array: TypeAlias = npt.NDArray[np.uint64]
Float64Array: TypeAlias = npt.NDArray[np.float64]
BoolArray: TypeAlias = npt.NDArray[np.bool_]
Int32Array: TypeAlias = npt.NDArray[np.int32]

Labels: TypeAlias = tuple[tuple[str, str], ...]
"""A canonical label set: (name, value) pairs sorted by name, no empty values, `__name__` included."""

METRIC_NAME: Final = "__name__"
DAY_MS: Final = 86_400_000

STALE_NAN_BITS: Final = 0x7FF0000000000002
"""Bits of the staleness marker (Prometheus, model/value/value.go). Arithmetic must never touch it."""

_TARGET_BITS: Final = 24
_SET_BITS: Final = 64 - _TARGET_BITS
_SEPARATOR: Final = "\xff"


class MatchOp(StrEnum):
    """How a matcher compares; the value is PromQL's own spelling."""

    EQUAL = "="
    NOT_EQUAL = "!="
    REGEX = "=~"
    NOT_REGEX = "!~"


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on a label. A label that a series lacks compares as the empty string.

    Regular expressions are RE2 and anchored at both ends.
    """

    name: str
    op: MatchOp
    value: str

    def __str__(self) -> str:
        return f"{self.name}{self.op.value}{self.value!r}"


@dataclass(frozen=True, slots=True)
class TimeRange:
    """Milliseconds since the epoch, both ends inclusive; negative times are valid."""

    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True, eq=False)
class SampleBatch:
    """Columns of one length: samples of any number of series.

    metric_ids, series_ids: uint64; timestamps_ms: int64, since the epoch; values: float64, NaN is a value.
    A batch read from storage is sorted by (metric_id, series_id, timestamp) with one sample a timestamp.
    """

    metric_ids: UInt64Array
    series_ids: UInt64Array
    timestamps_ms: Int64Array
    values: Float64Array

    def __len__(self) -> int:
        return len(self.timestamps_ms)


@dataclass(frozen=True, slots=True)
class SeriesRow:
    """A series as the catalogue stores it: ids, a day (since the epoch, UTC) it was seen, and its labels.

    name: its metric's name. text: all its labels as `encode_labels` writes them.
    """

    metric_id: int
    series_id: int
    day: int
    name: str
    text: str

    @classmethod
    def of(cls, labels: Labels, day: int) -> SeriesRow:
        """The row of a series with canonical labels."""
        name = dict(labels).get(METRIC_NAME, "")
        return cls(metric_id(name), series_id(labels), day, name, encode_labels(labels))

    @property
    def labels(self) -> Labels:
        """All its labels."""
        return canonical(decode_labels(self.text))


@dataclass(frozen=True, slots=True, eq=False)
class SeriesColumns:
    """Series as read back, sorted by (metric_id, series_id), one row a series.

    metric_ids, series_ids: uint64; first_days, last_days: int32, days since the epoch (UTC), inclusive.
    `version` is what to pass to the next incremental read.
    """

    metric_ids: UInt64Array
    series_ids: UInt64Array
    first_days: Int32Array
    last_days: Int32Array
    labels: Sequence[Mapping[str, str]]
    version: int

    def __len__(self) -> int:
        return len(self.series_ids)


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a metric family says of itself. `type` is one of Prometheus's lower-case type names."""

    metric: str
    type: str
    help: str
    unit: str


def canonical(labels: Mapping[str, str] | Iterable[tuple[str, str]]) -> Labels:
    """Sort by name and drop empty values, which mean the same as an absent label."""
    pairs = labels.items() if isinstance(labels, Mapping) else labels
    return tuple(sorted((name, value) for name, value in pairs if value))


def metric_id(name: str) -> int:
    """xxh64 of the metric's name (UTF-8, seed 0)."""
    return xxhash.xxh64_intdigest(name.encode())


def series_id(labels: Labels) -> int:
    """64 bits that keep the series of one target side by side.

    The first 24 are a hash of the target (`job` and `instance`, else `source`), the other 40 a hash of the
    whole set. A series without a target spends all 64 on the set, so that a million of them do not collide.
    """
    whole = xxhash.xxh64_intdigest(_SEPARATOR.join(part for pair in labels for part in pair).encode())
    target = _target(labels)
    if not target:
        return whole
    prefix = xxhash.xxh64_intdigest(target.encode()) >> _SET_BITS
    return (prefix << _SET_BITS) | (whole & ((1 << _SET_BITS) - 1))


def encode_labels(labels: Labels) -> str:
    """Labels as the JSON object that the `series` table holds, readable by ClickHouse's JSON functions."""
    return orjson.dumps(dict(labels)).decode()


def decode_labels(text: str) -> dict[str, str]:
    """The inverse of `encode_labels`."""
    found: dict[str, str] = orjson.loads(text)
    return found


def _target(labels: Labels) -> str:
    found = {name: value for name, value in labels if name in ("job", "instance", "source")}
    if "job" in found or "instance" in found:
        return found.get("job", "") + _SEPARATOR + found.get("instance", "")
    return found.get("source", "")


def stale_nan() -> np.float64:
    """The staleness marker as a float64. Keep it inside numpy arrays: Python may quieten its bits."""
    marker: Float64Array = np.array([STALE_NAN_BITS], dtype=np.uint64).view(np.float64)
    return np.float64(marker[0])


def is_stale(values: Float64Array) -> BoolArray:
    """Which values are the staleness marker, compared bit by bit. Same shape as `values`."""
    bits: UInt64Array = np.ascontiguousarray(values).view(np.uint64)
    return np.equal(bits, np.uint64(STALE_NAN_BITS))
