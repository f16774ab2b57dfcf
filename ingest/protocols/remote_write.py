"""Prometheus remote write 1.0 (`prometheus.WriteRequest`) and 2.0 (`io.prometheus.write.v2.Request`).

Formats: prompb/types.proto and prompb/io/prometheus/write/v2/types.proto of Prometheus. Bodies come
decompressed; a kernel reads them. A body that is not sound is refused whole, since nothing after the first
broken length can be trusted; a single series that is not acceptable is refused later, alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from ingest.decoded import Bytes, Decoded, encode_labels, varint
from ingest.protocols import kernels
from storage.errors import DecodeError
from storage.model import Float64Array, Int64Array, Labels, Metadata

_REASONS: Final = {
    kernels.BAD_VARINT: "a varint does not end",
    kernels.TOO_LONG: "a field claims more bytes than are left",
    kernels.BAD_WIRE_TYPE: "a field has a wire type that its number does not allow",
    kernels.SPLIT_LABELS: "the labels of a series are interleaved with other fields",
    kernels.BAD_REFERENCE: "a label reference is outside of the symbol table, or a name lacks its value",
}
_TYPES: Final = (
    "unknown",
    "counter",
    "gauge",
    "histogram",
    "gaugehistogram",
    "summary",
    "info",
    "stateset",
)


def decode_v1(raw: bytes) -> Decoded:
    """Read a `prometheus.WriteRequest`. Raises `DecodeError` with the offset of what is wrong."""
    buf = np.frombuffer(raw, np.uint8)
    starts, ends = _fields(buf, 1)
    samples, exemplars, histograms = _counts(buf, starts, ends, exemplars=3, histograms=4)
    labels = np.empty((2, len(starts)), np.int64)
    index, timestamps, bits = _columns(samples)
    _check(*kernels.fill_v1(buf, starts, ends, labels[0], labels[1], index, timestamps, bits))
    return Decoded(
        body=buf,
        label_start=labels[0],
        label_end=labels[1],
        series_index=index,
        timestamps_ms=timestamps,
        values=bits.view(np.float64),
        metadata=_metadata_v1(buf),
        exemplars=exemplars,
        histograms=histograms,
    )


def decode_v2(raw: bytes) -> Decoded:
    """Read an `io.prometheus.write.v2.Request`. Raises `DecodeError` with the offset of what is wrong."""
    buf = np.frombuffer(raw, np.uint8)
    symbol_start, symbol_end = _fields(buf, 4)
    if len(symbol_start) and symbol_start[0] != symbol_end[0]:
        raise DecodeError("remote write 2.0: the first symbol must be the empty string")
    starts, ends = _fields(buf, 5)
    samples, exemplars, histograms = _counts(buf, starts, ends, exemplars=4, histograms=3)
    status, offset, size = kernels.measure_v2(buf, starts, ends, symbol_start, symbol_end)
    _check(status, offset)
    out = np.empty(size, np.uint8)
    labels = np.empty((2, len(starts)), np.int64)
    index, timestamps, bits = _columns(samples)
    status, offset, written = kernels.fill_v2(
        buf, starts, ends, symbol_start, symbol_end, out, labels[0], labels[1], index, timestamps, bits
    )
    _check(status, offset)

    def text(reference: int) -> str:
        if reference >= len(symbol_start):
            raise DecodeError(f"remote write: {_REASONS[kernels.BAD_REFERENCE]}")
        return buf[symbol_start[reference] : symbol_end[reference]].tobytes().decode(errors="replace")

    def describe(i: int) -> tuple[str, str, str] | None:
        row = _fields_of(buf[starts[i] : ends[i]].tobytes()).get(5)
        if not isinstance(row, bytes):
            return None
        kind, about, unit = (_number(_fields_of(row).get(field, 0)) for field in (1, 3, 4))
        return _TYPES[kind] if kind < len(_TYPES) else "unknown", text(about), text(unit)

    return Decoded(
        body=out[:written],
        label_start=labels[0],
        label_end=labels[1],
        series_index=index,
        timestamps_ms=timestamps,
        values=bits.view(np.float64),
        exemplars=exemplars,
        histograms=histograms,
        describe=describe,
    )


def _number(value: int | bytes) -> int:
    return value if isinstance(value, int) else 0


def encode_v1(
    series: Sequence[bytes],
    series_index: Int64Array,
    timestamps_ms: Int64Array,
    values: Float64Array,
    metadata: Sequence[Metadata] = (),
) -> bytes:
    """A `prometheus.WriteRequest`, not compressed.

    `series` are raw label bytes (see `raw_labels`), so that a sender encodes labels once and not once a
    push. Sample i belongs to series[series_index[i]]; each sample becomes a TimeSeries of its own.
    """
    bits = np.ascontiguousarray(values).astype("<f8").view(np.uint8).reshape(-1, 8)
    parts = []
    for i, index in enumerate(series_index.tolist()):
        time = varint(int(timestamps_ms[i]) & 0xFFFFFFFFFFFFFFFF)
        sample = b"\x09" + bits[i].tobytes() + b"\x10" + time
        body = series[index] + b"\x12" + varint(len(sample)) + sample
        parts.append(b"\x0a" + varint(len(body)) + body)
    parts.extend(_encode_metadata(row) for row in metadata)
    return b"".join(parts)


def raw_labels(labels: Labels) -> bytes:
    """The bytes that name a series in `encode_v1`."""
    return encode_labels(labels)


def _encode_metadata(row: Metadata) -> bytes:
    kind = _TYPES.index(row.type) if row.type in _TYPES else 0
    texts = ((0x12, row.metric), (0x22, row.help), (0x2A, row.unit))
    body = b"\x08" + varint(kind)
    for tag, text in texts:
        body += bytes((tag,)) + varint(len(text.encode())) + text.encode()
    return b"\x1a" + varint(len(body)) + body


def _fields(buf: Bytes, number: int) -> tuple[Int64Array, Int64Array]:
    status, offset, found = kernels.count_fields(buf, 0, len(buf), number)
    _check(status, offset)
    starts, ends = np.empty(found, np.int64), np.empty(found, np.int64)
    kernels.locate_fields(buf, 0, len(buf), number, starts, ends)
    return starts, ends


def _counts(
    buf: Bytes, starts: Int64Array, ends: Int64Array, exemplars: int, histograms: int
) -> tuple[int, int, int]:
    counts = np.zeros(5, np.int64)
    _check(*kernels.count_series(buf, starts, ends, counts))
    return int(counts[2]), int(counts[exemplars]), int(counts[histograms])


def _columns(samples: int) -> tuple[Int64Array, Int64Array, np.ndarray[tuple[int], np.dtype[np.uint64]]]:
    return np.empty(samples, np.int64), np.empty(samples, np.int64), np.empty(samples, np.uint64)


def _check(status: int, offset: int) -> None:
    if status != kernels.OK:
        raise DecodeError(f"remote write: {_REASONS[status]}, at byte {offset} of the decompressed body")


def _metadata_v1(buf: Bytes) -> list[Metadata]:
    starts, ends = _fields(buf, 3)
    found = []
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        row = _fields_of(buf[start:end].tobytes())
        kind = row.get(1, 0)
        texts = [row.get(number, b"") for number in (2, 4, 5)]
        if not isinstance(kind, int) or not all(isinstance(text, bytes) for text in texts):
            raise DecodeError(f"remote write: metadata at byte {start} has a field of the wrong type")
        name, described, unit = (text.decode(errors="replace") for text in texts if isinstance(text, bytes))
        if name:
            found.append(Metadata(name, _TYPES[kind] if kind < len(_TYPES) else "unknown", described, unit))
    return found


def _fields_of(raw: bytes) -> dict[int, int | bytes]:
    """The last value of each field of a small message; fixed-width fields are skipped."""
    buf = np.frombuffer(raw, np.uint8)
    found: dict[int, int | bytes] = {}
    at = 0
    while at < len(raw):
        tag, after = kernels.varint(buf, at, len(raw))
        if after < 0:
            raise DecodeError(f"remote write: {_REASONS[kernels.BAD_VARINT]} in metadata")
        status, start, stop = kernels.extent(buf, after, len(raw), int(tag) & 7)
        _check(status, after)
        if int(tag) & 7 == 0:
            found[int(tag) >> 3] = int(kernels.varint(buf, start, stop)[0])
        elif int(tag) & 7 == 2:
            found[int(tag) >> 3] = raw[start:stop]
        at = stop
    return found
