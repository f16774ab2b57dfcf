"""One request as columns, before its series are known: what every protocol's parser gives.

A series is named by raw bytes: its labels in the encoding of `prometheus.WriteRequest` (field 1 of a
TimeSeries, repeated). Parsers of other formats write the same bytes, so one table knows all senders' series.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from storage.errors import DecodeError
from storage.model import Float64Array, Int64Array, Metadata

Bytes: TypeAlias = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """Columns of one request.

    body: uint8, the bytes that `label_start` and `label_end` (int64, (series,), end exclusive) point into.
    series_index: int64 (samples,), the series of each sample; timestamps_ms: int64; values: float64, bits
    untouched. `describe(i)` gives (type, help, unit) of series i where the format says so a series; it is
    asked for new series only. `refused` counts what could not be taken, by reason, with an example of each.
    """

    body: Bytes
    label_start: Int64Array
    label_end: Int64Array
    series_index: Int64Array
    timestamps_ms: Int64Array
    values: Float64Array
    metadata: Sequence[Metadata] = ()
    exemplars: int = 0
    histograms: int = 0
    refused: Mapping[str, Refusal] = field(default_factory=dict)
    describe: Callable[[int], tuple[str, str, str] | None] | None = None

    def labels(self, i: int) -> list[tuple[str, str]]:
        """The labels of series i as sent. Raises `DecodeError` where they are not UTF-8 or broken."""
        return parse_labels(self.body[self.label_start[i] : self.label_end[i]].tobytes())


@dataclass(frozen=True, slots=True)
class Refusal:
    """How many samples were refused for one reason, and what the first of them was."""

    count: int
    example: str


def parse_labels(raw: bytes) -> list[tuple[str, str]]:
    """Read a series' raw label bytes; the slow path, once a series."""
    pairs = []
    at = 0
    while at < len(raw):
        length, at = _length(raw, at + 1)
        pairs.append(_pair(raw[at : at + length]))
        at += length
    return pairs


def encode_labels(pairs: Sequence[tuple[str, str]]) -> bytes:
    """The raw label bytes of a series: the inverse of `parse_labels`."""
    return b"".join(_field(_field(name.encode()) + _field(value.encode(), 0x12)) for name, value in pairs)


def varint(number: int) -> bytes:
    """A protobuf varint of a number in 0..2^64-1."""
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    found.append(number)
    return bytes(found)


def _field(content: bytes, tag: int = 0x0A) -> bytes:
    return bytes((tag,)) + varint(len(content)) + content


def _pair(raw: bytes) -> tuple[str, str]:
    name, value, at = b"", b"", 0
    while at < len(raw):
        tag = raw[at]
        if tag not in (0x0A, 0x12):
            raise DecodeError(f"label has a field with tag {tag}, expected 10 (name) or 18 (value)")
        length, at = _length(raw, at + 1)
        content = raw[at : at + length]
        if len(content) != length:
            raise DecodeError(f"label claims {length} bytes where {len(content)} are left")
        name, value = (content, value) if tag == 0x0A else (name, content)
        at += length
    try:
        return name.decode(), value.decode()
    except UnicodeDecodeError as error:
        raise DecodeError(f"label {name!r}={value!r} is not UTF-8: {error.reason}") from None


def _length(raw: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while at < len(raw) and shift < 35:
        byte = raw[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
        shift += 7
    raise DecodeError("label has a length that does not end")
