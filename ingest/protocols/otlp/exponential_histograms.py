"""Exponential histograms as native ones; deltas are added up, a series each."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from ingest.decoded import Bytes
from ingest.protocols.otlp.exponential import kernels
from ingest.protocols.otlp.messages import kernels as messages
from ingest.protocols.otlp.points import Points, check, offsets_of
from storage.errors import LimitError
from storage.histograms import HINT_UNKNOWN, Buckets, Histograms, Int8Array, concat, no_histograms
from storage.model import STALE_NAN_BITS, BoolArray, Int64Array, UInt64Array

_ZERO_THRESHOLD: Final = 1e-128
_MOST_BUCKETS: Final = 1 << 24
_REASONS: Final = {
    kernels.BAD_SCALE: "its scale is below -4, the coarsest that a native histogram has",
    kernels.BAD_TOTAL: "its count is not the sum of its buckets",
    kernels.BAD_INDEX: "it leaves the range of bucket indexes",
}


@dataclass(frozen=True, slots=True, eq=False)
class Converted:
    """histograms: those that are sound, of `points`, int64. refused: how many are not; problem: why."""

    points: Int64Array
    histograms: Histograms
    refused: int
    problem: str


def convert(buf: Bytes, points: Points) -> Converted:
    """The exponential histograms among a request's points. Raises `DecodeError` and `LimitError`."""
    rows = np.flatnonzero(points.kinds == messages.EXPONENTIAL)
    if not len(rows):
        return Converted(rows, no_histograms(), 0, "")
    n = len(rows)
    words = points.words[rows]
    is_stale = points.is_stale[rows]
    scales = _signed(words[:, messages.SCALE])
    totals, outcomes = words[:, messages.ZERO_COUNT].copy(), np.zeros(n, np.int8)
    positive, negative = (
        _buckets(buf, points.spans[rows], place, is_stale, scales, totals, outcomes)
        for place in (messages.FIRST, messages.SECOND)
    )
    counts, sums = words[:, messages.COUNT], words[:, messages.SUM_OF].view(np.float64).copy()
    # What was NaN when it was observed is counted and is in no bucket.
    is_off = (counts != totals) & ~(np.isnan(sums) & (counts > totals)) & ~is_stale
    outcomes[is_off & (outcomes == kernels.SOUND)] = kernels.BAD_TOTAL
    sums.view(np.uint64)[is_stale] = STALE_NAN_BITS
    found = Histograms(
        np.clip(scales, -4, 8).astype(np.int8),
        np.full(n, _ZERO_THRESHOLD),
        np.where(is_stale, 0, words[:, messages.ZERO_COUNT].astype(np.float64)),
        np.where(is_stale, 0, counts.astype(np.float64)),
        sums,
        np.full(n, HINT_UNKNOWN, np.uint8),
        positive,
        negative,
        np.zeros(n + 1, np.int64),
        np.empty(0),
    )
    kept = np.flatnonzero(outcomes == kernels.SOUND)
    if len(kept) == n:
        return Converted(rows, found, 0, "")
    problem = _REASONS[int(outcomes[outcomes != kernels.SOUND][0])]
    return Converted(rows[kept], found.take(kept), n - len(kept), problem)


def _signed(words: UInt64Array) -> Int64Array:
    """What varints of the type sint32 stand for."""
    return (words >> 1).view(np.int64) ^ -(words & 1).view(np.int64)


def _buckets(
    buf: Bytes,
    spans: Int64Array,
    place: int,
    is_stale: BoolArray,
    scales: Int64Array,
    totals: UInt64Array,
    outcomes: Int8Array,
) -> Buckets:
    n = len(spans)
    starts, ends = spans[:, place].copy(), np.where(is_stale, spans[:, place], spans[:, place + 1])
    words, inner = np.zeros((n, messages.WORDS), np.uint64), np.zeros((n, messages.SPANS), np.int64)
    check(*messages.read_messages(buf, starts, ends, messages.BUCKETS, words, np.zeros(n, np.uint16), inner))
    room = int(inner[:, messages.AMOUNTS].sum())
    if room > _MOST_BUCKETS:
        raise LimitError(f"OTLP: exponential histograms have {room} buckets, the limit is {_MOST_BUCKETS}")
    offsets, indexes, counts = np.zeros(n + 1, np.int64), np.empty(room, np.int32), np.empty(room)
    kernels.fill_buckets(buf, starts, ends, words, scales, offsets, indexes, counts, totals, outcomes)
    return Buckets(offsets, indexes[: offsets[-1]], counts[: offsets[-1]])


@dataclass(frozen=True, slots=True, eq=False)
class NativeHistograms:
    """Columns of one length; rows: int64, those of the request with their labels. A start of 0 is none."""

    rows: Int64Array
    times_ms: Int64Array
    starts_ms: Int64Array
    histograms: Histograms

    def take(self, places: Int64Array) -> NativeHistograms:
        """Those at `places`."""
        columns = (self.rows[places], self.times_ms[places], self.starts_ms[places])
        return NativeHistograms(*columns, self.histograms.take(places))

    def joined(self, others: NativeHistograms) -> NativeHistograms:
        """These and the others."""
        return NativeHistograms(
            np.concatenate([self.rows, others.rows]),
            np.concatenate([self.times_ms, others.times_ms]),
            np.concatenate([self.starts_ms, others.starts_ms]),
            concat([self.histograms, others.histograms]),
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Total:
    time_ms: int
    start_ms: int
    sent_start_ms: int
    histogram: Histograms


class HistogramTotals:
    """Running totals of up to `max_series` series; beyond, the one idle longest begins anew."""

    def __init__(self, max_series: int) -> None:
        self._max_series = max_series
        self._lock = threading.Lock()
        self._totals: OrderedDict[bytes, _Total] = OrderedDict()

    def add_up_all(self, labels: Sequence[bytes], deltas: NativeHistograms) -> NativeHistograms:
        """Totals in the place of deltas whose series have these labels, without those that come too late."""
        places, sums, starts = list[int](), list[Histograms](), list[int]()
        for place, raw in enumerate(labels):
            one = deltas.histograms.take(np.array([place]))
            total = self._add_up(raw, one, int(deltas.times_ms[place]), int(deltas.starts_ms[place]))
            if total is not None:
                places.append(place)
                sums.append(total[0])
                starts.append(total[1])
        kept = np.array(places, np.int64)
        return NativeHistograms(
            deltas.rows[kept], deltas.times_ms[kept], np.array(starts, np.int64), concat(sums)
        )

    def _add_up(
        self, labels: bytes, histogram: Histograms, time_ms: int, start_ms: int
    ) -> tuple[Histograms, int] | None:
        """The total and its start with one more histogram of a series; None where its time was passed.

        The last delta, sent again, gives its total again.
        """
        with self._lock:
            known = self._totals.get(labels)
            if known is None:
                known = _Total(time_ms - 1, start_ms, start_ms, histogram.take(np.empty(0, np.int64)))
            elif known.time_ms == time_ms and known.sent_start_ms == start_ms:
                return known.histogram, known.start_ms
            if known.time_ms >= time_ms:
                return None
            total = added(known.histogram, histogram) if len(known.histogram) else histogram
            self._totals[labels] = _Total(time_ms, known.start_ms, start_ms, total)
            self._totals.move_to_end(labels)
            if len(self._totals) > self._max_series:
                self._totals.popitem(last=False)
            return total, known.start_ms


def added(one: Histograms, two: Histograms) -> Histograms:
    """The sum of two histograms, one each, at the coarser of their scales."""
    both = concat([one, two])
    schema = both.schemas.min()
    shifts = both.schemas - schema
    return Histograms(
        np.array([schema], np.int8),
        both.zero_thresholds[:1],
        both.zero_counts.sum(keepdims=True),
        both.counts.sum(keepdims=True),
        both.sums.sum(keepdims=True),
        both.hints[:1],
        _added(both.positive, shifts),
        _added(both.negative, shifts),
        np.zeros(2, np.int64),
        np.empty(0),
    )


def _added(both: Buckets, shifts: Int8Array) -> Buckets:
    each = np.repeat(shifts.astype(np.int32), np.diff(both.offsets))
    indexes, places = np.unique(((both.indexes - 1) >> each) + 1, return_inverse=True)
    counts = np.zeros(len(indexes))
    np.add.at(counts, places, both.counts)
    return Buckets(offsets_of(np.array([len(indexes)])), indexes, counts)
