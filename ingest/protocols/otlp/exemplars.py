"""Exemplars of data points: an observed value with the ids of its trace and span."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from ingest.decoded import Bytes
from ingest.protocols.otlp.attributes import Reader, Value, as_text
from ingest.protocols.otlp.messages import kernels as messages
from ingest.protocols.otlp.points import Points, check, within
from ingest.protocols.otlp.rows import kernels as rows_kernels
from storage.model import Float64Array, Int64Array, canonical, encode_labels

_MOST_CHARACTERS: Final = 128


@dataclass(frozen=True, slots=True, eq=False)
class Exemplars:
    """Columns of one length; rows: int64, those of the request that they belong to."""

    rows: Int64Array
    times_ms: Int64Array
    values: Float64Array
    labels: list[str]


def read(buf: Bytes, points: Points, names: npt.NDArray[np.int8], max_rows: int, reader: Reader) -> Exemplars:
    """The exemplars of sums and histograms. Raises `DecodeError` and `LimitError`."""
    n = within(int(points.spans[:, messages.EXEMPLARS].sum()), max_rows, "exemplars")
    if not n:
        nothing = np.empty(0, np.int64)
        return Exemplars(nothing, nothing, np.empty(0), [])
    of, starts, ends = np.empty((3, n), np.int64)
    messages.locate_exemplars(buf, points.kinds, points.spans, of, starts, ends)
    words, present = np.zeros((n, messages.WORDS), np.uint64), np.zeros(n, np.uint16)
    spans = np.zeros((n, messages.SPANS), np.int64)
    check(*messages.read_messages(buf, starts, ends, messages.EXEMPLAR, words, present, spans))
    is_double = present >> messages.DOUBLE & 1 == 1
    whole = words[:, messages.INT].view(np.int64).astype(np.float64)
    values = np.where(is_double, words[:, messages.DOUBLE].view(np.float64), whole)
    times_ms = (words[:, messages.TIME] // 1_000_000).view(np.int64)
    rows, keep = np.empty(n, np.int64), np.empty(n, np.bool_)
    rows_kernels.place_exemplars(
        of, values, points.kinds, points.row_offsets, points.edge_offsets, points.edges, names, rows, keep
    )
    kept = np.flatnonzero(keep)
    raw = buf.tobytes() if len(kept) else b""
    return Exemplars(
        rows[kept],
        np.where(times_ms == 0, points.times_ms[of], times_ms)[kept],
        values[kept],
        [_labels(raw, row, reader) for row in spans[kept].tolist()],
    )


def _labels(raw: bytes, spans: list[int], reader: Reader) -> str:
    """The labels of one exemplar, as JSON. Attributes that make them too long are left out, all of them."""
    ids = [
        (name, raw[spans[place] : spans[place + 1]])
        for name, place in (("trace_id", messages.SECOND), ("span_id", messages.FIRST))
    ]
    pairs = [(name, content.hex()) for name, content in ids if content.strip(b"\0") and len(content) <= 16]
    found: list[tuple[str, Value]] = []
    if spans[messages.ATTRIBUTE_COUNT]:
        found = reader.pairs(raw[spans[messages.ATTRIBUTES] : spans[messages.ATTRIBUTES + 1]], 7)
    others = [(key, as_text(value)) for key, value in found]
    if sum(len(name) + len(value) for name, value in pairs + others) <= _MOST_CHARACTERS:
        pairs = list({**dict(others), **dict(pairs)}.items())
    return encode_labels(canonical(pairs))
