"""Remote write 1.0 and its label bytes, written. Plain Python, so that a collector loads no compiler."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from storage.model import Float64Array, Int64Array, Metadata

_ONE_BYTE: Final = tuple(bytes((number,)) for number in range(0x80))

TYPES: Final = (
    "unknown",
    "counter",
    "gauge",
    "histogram",
    "gaugehistogram",
    "summary",
    "info",
    "stateset",
)
"""Names of `prometheus.MetricMetadata.MetricType`, by number."""


def encode_v1(
    series: Sequence[bytes],
    series_index: Int64Array,
    timestamps_ms: Int64Array,
    values: Float64Array,
    metadata: Sequence[Metadata] = (),
) -> bytes:
    """A `prometheus.WriteRequest`, not compressed.

    `series` are raw label bytes (see `encode_labels`), so that a sender encodes labels once and not once a
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


def encode_labels(pairs: Sequence[tuple[str, str]]) -> bytes:
    """The raw label bytes of a series: the inverse of `ingest.decoded.parse_labels`."""
    parts = []
    for name, value in pairs:
        names, values = name.encode(), value.encode()
        pair = b"\x0a" + varint(len(names)) + names + b"\x12" + varint(len(values)) + values
        parts.append(b"\x0a" + varint(len(pair)) + pair)
    return b"".join(parts)


def varint(number: int) -> bytes:
    """A protobuf varint of a number in 0..2^64-1."""
    if number <= 0x7F:
        return _ONE_BYTE[number]
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    found.append(number)
    return bytes(found)


def _encode_metadata(row: Metadata) -> bytes:
    kind = TYPES.index(row.type) if row.type in TYPES else 0
    texts = ((0x12, row.metric), (0x22, row.help), (0x2A, row.unit))
    body = b"\x08" + varint(kind)
    for tag, text in texts:
        body += bytes((tag,)) + varint(len(text.encode())) + text.encode()
    return b"\x1a" + varint(len(body)) + body
