"""The data points of a request as columns, as they were sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from ingest.decoded import Bytes
from ingest.protocols.otlp.messages import kernels
from ingest.protocols.otlp.rows import kernels as rows
from ingest.wire import kernels as wire
from storage.errors import DecodeError, LimitError
from storage.model import BoolArray, Int64Array, UInt64Array

_REASONS: Final = {
    wire.BAD_VARINT: "a varint does not end within 64 bits",
    wire.TOO_LONG: "a field claims more bytes than are left, or other than its numbers need",
    wire.BAD_WIRE_TYPE: "a field has a wire type that its number does not allow",
    wire.BAD_FIELD: "a field has the number 0",
}


@dataclass(frozen=True, slots=True, eq=False)
class Outline:
    """Where the resources, scopes and metrics of a request lie; columns as `kernels.outline` has them."""

    resources: Int64Array
    scopes: Int64Array
    metrics: Int64Array

    @classmethod
    def of(cls, buf: Bytes, max_rows: int) -> Outline:
        """Raises `DecodeError` with the offset of what is wrong, `LimitError` for more than `max_rows`."""
        room = len(buf) // 256 + 4
        rooms = [room, room, room]
        while True:
            resources, scopes, metrics = (
                np.empty((rows, columns), np.int64)
                for rows, columns in zip(rooms, (2, 5, kernels.METRIC_COLUMNS), strict=True)
            )
            found = np.zeros(4, np.int64)
            check(*kernels.outline(buf, resources, scopes, metrics, found))
            sizes = [
                within(int(count), max_rows, what)
                for count, what in zip(found, ("resources", "scopes", "metrics", "data points"), strict=True)
            ]
            if all(size <= room for size, room in zip(sizes, rooms, strict=False)):
                return cls(resources[: sizes[0]], scopes[: sizes[1]], metrics[: sizes[2]])
            rooms = sizes[:3]


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """The data points of metrics, in the order of the body.

    metric_of, kinds: int64 (points,); words, present and spans as `kernels.read_points` fills them; times_ms,
    starts_ms: int64, a start of 0 is none; is_stale: no value was recorded. Of point i the edges (bounds of a
    histogram, quantiles of a summary) and the amounts (counts, values) are those between its offsets, bits of
    doubles but for counts. Its samples are the rows between its row_offsets, int64 (points + 1,).
    """

    metric_of: Int64Array
    kinds: Int64Array
    words: UInt64Array
    present: npt.NDArray[np.uint16]
    spans: Int64Array
    times_ms: Int64Array
    starts_ms: Int64Array
    is_stale: BoolArray
    edge_offsets: Int64Array
    edges: UInt64Array
    amount_offsets: Int64Array
    amounts: UInt64Array
    row_offsets: Int64Array

    @classmethod
    def of(cls, buf: Bytes, metrics: Int64Array, now_ms: int, max_rows: int) -> Points:
        """Read them. Raises `DecodeError` and `LimitError`."""
        n = int(metrics[:, kernels.POINTS].sum())
        metric_of, present = np.zeros(n, np.int64), np.zeros(n, np.uint16)
        words, spans = np.zeros((n, kernels.WORDS), np.uint64), np.zeros((n, kernels.SPANS), np.int64)
        check(*kernels.read_points(buf, metrics, metric_of, words, present, spans))
        kinds, times_ms, starts_ms = np.empty((3, n), np.int64)
        edge_offsets, amount_offsets, row_offsets = np.empty((3, n + 1), np.int64)
        is_stale = np.empty(n, np.bool_)
        rows.measure(
            metrics,
            metric_of,
            words,
            present,
            spans,
            now_ms,
            kinds,
            times_ms,
            starts_ms,
            is_stale,
            edge_offsets,
            amount_offsets,
            row_offsets,
        )
        within(int(row_offsets[-1]), max_rows, "samples")
        edges, amounts = np.empty(edge_offsets[-1], np.uint64), np.empty(amount_offsets[-1], np.uint64)
        if len(edges) or len(amounts):
            check(*rows.fill_edges(buf, kinds, spans, edge_offsets, edges, amount_offsets, amounts))
        return cls(
            metric_of,
            kinds,
            words,
            present,
            spans,
            times_ms,
            starts_ms,
            is_stale,
            edge_offsets,
            edges,
            amount_offsets,
            amounts,
            row_offsets,
        )

    def __len__(self) -> int:
        return len(self.kinds)

    def of_rows(self) -> Int64Array:
        """The point of each row."""
        return np.repeat(np.arange(len(self)), np.diff(self.row_offsets))


def check(status: int, offset: int) -> None:
    """Raise `DecodeError` where a kernel's status says that the body is not sound."""
    if status != wire.OK:
        raise DecodeError(f"OTLP: {_REASONS[status]}, at byte {offset} of the decompressed body")


def within(found: int, max_rows: int, what: str) -> int:
    """`found`, where that is no more than `max_rows`. Raises `LimitError`."""
    if found > max_rows:
        raise LimitError(
            f"OTLP: the body has {found} {what}, the limit (ingest.max_request_rows) is {max_rows}"
        )
    return found


def offsets_of(sizes: npt.NDArray[np.integer]) -> Int64Array:
    """Where lists of these sizes begin that lie one after another, and where the last ends."""
    offsets = np.zeros(len(sizes) + 1, np.int64)
    np.cumsum(sizes, out=offsets[1:])
    return offsets
