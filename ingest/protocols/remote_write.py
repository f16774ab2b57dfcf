"""Prometheus remote write 1.0 (`prometheus.WriteRequest`) and 2.0 (`io.prometheus.write.v2.Request`).

Formats: prompb/types.proto and prompb/io/prometheus/write/v2/types.proto of Prometheus. Bodies come
decompressed; a kernel reads them. A body that is not sound is refused whole, since nothing after the first
broken length can be trusted; a single series that is not acceptable is refused later, alone.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Final

import numpy as np

from ingest.decoded import Bytes, Decoded
from ingest.protocols import kernels
from ingest.protocols.beside import Places, decode_beside
from ingest.series.familiar import Familiar, nothing
from ingest.timeseries import kernels as timeseries
from ingest.wire import kernels as wire
from ingest.wire.encoding import TYPES
from storage.errors import DecodeError, LimitError
from storage.model import Int64Array, Metadata, UInt64Array

MAX_ROWS: Final = 1_000_000
"""How many series, samples or metadata one request may have, where the caller names no other limit."""

_NOTHING: Final = nothing((0, 0))
_REASONS: Final = {
    wire.BAD_VARINT: "a varint does not end within 64 bits",
    wire.TOO_LONG: "a field claims more bytes than are left",
    wire.BAD_WIRE_TYPE: "a field has a wire type that its number does not allow",
    wire.SPLIT_LABELS: "the labels of a series are interleaved with other fields",
    wire.BAD_REFERENCE: "a label reference is outside of the symbol table, or a name lacks its value",
    wire.BAD_FIELD: "a field has the number 0",
}


def decode_v1(raw: bytes | Bytes, max_rows: int = MAX_ROWS, familiar: Familiar = _NOTHING) -> Decoded:
    """Read a `prometheus.WriteRequest`, whose series are recognised where they are `familiar`.

    Raises `DecodeError` with the offset of what is wrong, `LimitError` for more than `max_rows` series,
    samples or metadata.
    """
    buf = np.frombuffer(raw, np.uint8)
    room = rows = len(buf) // 96 + 16
    while True:
        labels = np.empty((3, room), np.int64)
        counts = np.zeros(kernels.COUNTED, np.int64)
        index, timestamps, bits = _columns(rows)
        status, offset = kernels.fill_v1(
            buf,
            *familiar.key,
            familiar.entries,
            familiar.arena,
            familiar.spans,
            familiar.follows,
            *labels,
            counts,
            index,
            timestamps,
            bits,
        )
        _check(status, offset)
        series = _within(int(counts[0]), max_rows, "series")
        samples = _within(int(counts[2]), max_rows, "samples")
        if series <= room and samples <= rows:
            break
        room, rows = max(room, series), max(rows, samples)
    found = Decoded(
        body=buf,
        label_start=labels[0, :series],
        label_end=labels[1, :series],
        series_index=index[:samples],
        timestamps_ms=timestamps[:samples],
        values=bits[:samples].view(np.float64),
        numbers=labels[2, :series],
        generation=familiar.generation,
        metadata=_metadata_v1(buf, max_rows) if counts[1] else (),
    )
    if not counts[3] and not counts[4]:
        return found
    at = _located(buf, 1, max_rows, "series")
    exemplars = Places.of(buf, at, 3, _within(int(counts[3]), max_rows, "exemplars"), _check)
    histograms = Places.of(buf, at, 4, _within(int(counts[4]), max_rows, "histograms"), _check)
    beside, refused = decode_beside(buf, found.timestamps_ms, histograms, exemplars, None, None, _check)
    return replace(found, beside=beside, refused=refused)


def decode_v2(raw: bytes | Bytes, max_rows: int = MAX_ROWS, max_label_bytes: int = 256 << 20) -> Decoded:
    """Read an `io.prometheus.write.v2.Request`.

    Raises `DecodeError` with the offset of what is wrong, `LimitError` for more than `max_rows` series or
    samples, or where the references stand for more than `max_label_bytes` of labels.
    """
    buf = np.frombuffer(raw, np.uint8)
    if len(_located(buf, 1, max_rows, "fields")[0]):
        raise DecodeError("remote write 2.0: the body has field 1, which only a 1.0 WriteRequest has")
    symbols = _located(buf, 4, max_rows, "symbols")
    if len(symbols[0]) and symbols[0][0] != symbols[1][0]:
        raise DecodeError("remote write 2.0: the first symbol must be the empty string")
    starts, ends = _located(buf, 5, max_rows, "series")
    counts = np.zeros(kernels.COUNTED, np.int64)
    status, offset, size = kernels.measure_v2(buf, starts, ends, *symbols, counts, max_label_bytes)
    if status == wire.TOO_MANY_BYTES:
        raise LimitError(f"remote write 2.0: labels have more than {max_label_bytes} bytes, written out")
    _check(status, offset)
    out = np.empty(size, np.uint8)
    labels = np.empty((2, len(starts)), np.int64)
    index, timestamps, bits = _columns(_within(int(counts[2]), max_rows, "samples"))
    status, offset, written = kernels.fill_v2(
        buf, starts, ends, *symbols, out, labels[0], labels[1], index, timestamps, bits
    )
    _check(status, offset)
    starts_of_series, starts_of_samples = np.empty(len(starts), np.int64), np.empty(len(index), np.int64)
    _check(*timeseries.fill_starts(buf, starts, ends, starts_of_series, starts_of_samples))
    histograms = Places.of(buf, (starts, ends), 3, _within(int(counts[3]), max_rows, "histograms"), _check)
    exemplars = Places.of(buf, (starts, ends), 4, _within(int(counts[4]), max_rows, "exemplars"), _check)
    beside, refused = decode_beside(
        buf, timestamps, histograms, exemplars, symbols, (starts_of_series, starts_of_samples), _check
    )
    return Decoded(
        body=out[:written],
        label_start=labels[0],
        label_end=labels[1],
        series_index=index,
        timestamps_ms=timestamps,
        values=bits.view(np.float64),
        beside=beside,
        refused=refused,
        describe=partial(_described, buf, starts, ends, *symbols),
    )


def _described(
    buf: Bytes,
    starts: Int64Array,
    ends: Int64Array,
    symbol_start: Int64Array,
    symbol_end: Int64Array,
    i: int,
) -> Metadata | None:
    """The metadata of series i of a 2.0 request, which the kernel has found sound."""
    row = _fields_of(buf[starts[i] : ends[i]].tobytes()).get(5)
    if not isinstance(row, bytes):
        return None
    kind, about, unit = (_number(_fields_of(row).get(number, 0)) for number in (1, 3, 4))
    about_text, unit_text = (
        buf[symbol_start[n] : symbol_end[n]].tobytes().decode(errors="replace") for n in (about, unit)
    )
    return Metadata("", _type(kind), about_text, unit_text)


def _number(value: int | bytes) -> int:
    return value if isinstance(value, int) else 0


def _type(number: int) -> str:
    return TYPES[number] if number < len(TYPES) else "unknown"


def _located(buf: Bytes, number: int, max_rows: int, what: str) -> tuple[Int64Array, Int64Array]:
    """Where the fields of one number lie in the message: starts and ends, int64, ends exclusive."""
    room = len(buf) // 32 + 16
    while True:
        starts, ends = np.empty(room, np.int64), np.empty(room, np.int64)
        status, offset, found = wire.locate(buf, number, starts, ends)
        _check(status, offset)
        if _within(found, max_rows, what) <= room:
            return starts[:found], ends[:found]
        room = found


def _columns(rows: int) -> tuple[Int64Array, Int64Array, UInt64Array]:
    return np.empty(rows, np.int64), np.empty(rows, np.int64), np.empty(rows, np.uint64)


def _check(status: int, offset: int) -> None:
    if status != wire.OK:
        raise DecodeError(f"remote write: {_REASONS[status]}, at byte {offset} of the decompressed body")


def _within(found: int, max_rows: int, what: str) -> int:
    if found > max_rows:
        raise LimitError(
            f"remote write: the body has {found} {what}, the limit (ingest.max_request_rows) is {max_rows}"
        )
    return found


def _metadata_v1(buf: Bytes, max_rows: int) -> list[Metadata]:
    starts, ends = _located(buf, 3, max_rows, "metadata")
    found = []
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        row = _fields_of(buf[start:end].tobytes())
        kind = row.get(1, 0)
        texts = [row.get(number, b"") for number in (2, 4, 5)]
        if not isinstance(kind, int) or not all(isinstance(text, bytes) for text in texts):
            raise DecodeError(f"remote write: metadata at byte {start} has a field of the wrong type")
        name, described, unit = (text.decode(errors="replace") for text in texts if isinstance(text, bytes))
        if name:
            found.append(Metadata(name, _type(kind), described, unit))
    return found


def _fields_of(raw: bytes) -> dict[int, int | bytes]:
    """The last value of each field of a small message; fixed-width fields are skipped."""
    buf = np.frombuffer(raw, np.uint8)
    found: dict[int, int | bytes] = {}
    at = 0
    while at < len(raw):
        tag, start, stop = wire.field(buf, at, len(raw))
        if start < 0:
            raise DecodeError(f"remote write: {_REASONS[-start]}, in metadata")
        if tag & 7 == 0:
            found[tag >> 3] = int(wire.varint(buf, start, stop)[0])
        elif tag & 7 == 2:
            found[tag >> 3] = raw[start:stop]
        at = stop
    return found
