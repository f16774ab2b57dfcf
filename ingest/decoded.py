"""One request as columns, before its series are known: what every protocol's parser gives.

A series is named by raw bytes: its labels in the encoding of `prometheus.WriteRequest` (field 1 of a
TimeSeries, repeated). Parsers of other formats write the same bytes, so one table knows all senders' series.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from storage.errors import DecodeError
from storage.model import Float64Array, Int64Array, Metadata

Bytes: TypeAlias = npt.NDArray[np.uint8]

_FIXED_BYTES: Final = {1: 8, 5: 4}


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
    """Read a series' raw label bytes; the slow path, once a series. Raises `DecodeError`."""
    return [_pair(content) for number, content in _fields(raw) if number == 1]


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
    """Read a Label message: name = 1, value = 2; the last of each counts, others are skipped."""
    name = value = b""
    for number, content in _fields(raw):
        if number == 1:
            name = content
        elif number == 2:
            value = content
    try:
        return name.decode(), value.decode()
    except UnicodeDecodeError as error:
        raise DecodeError(f"label {name[:80]!r}={value[:80]!r} is not UTF-8: {error.reason}") from None


def _fields(raw: bytes) -> Iterator[tuple[int, bytes]]:
    """Number and content of every length-delimited field of a message; other fields are skipped."""
    at = 0
    while at < len(raw):
        tag, at = _varint(raw, at)
        wire = tag & 7
        if wire == 0 and tag >> 3 > 2:
            _, at = _varint(raw, at)
            continue
        size, at = _varint(raw, at) if wire == 2 else (_FIXED_BYTES.get(wire, -1), at)
        if size < 0 or tag < 8 or (wire != 2 and tag >> 3 <= 2):
            raise DecodeError(f"label has a field with tag {tag}, expected 10 (name) or 18 (value)")
        if size > len(raw) - at:
            raise DecodeError(f"label claims {size} bytes where {len(raw) - at} are left")
        if wire == 2:
            yield tag >> 3, raw[at : at + size]
        at += size


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    number = 0
    for place, byte in enumerate(raw[at : at + 10]):
        number |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return number, at + place + 1
    raise DecodeError("label has a varint that does not end")
