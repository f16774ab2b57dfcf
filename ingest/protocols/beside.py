"""What remote write requests hold beside samples: native histograms, exemplars, start timestamps.

A request whose bytes are not sound is refused whole, a histogram or exemplar that breaks a rule alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from ingest.beside import Beside
from ingest.decoded import Bytes, Refusal, parse_labels
from ingest.histograms import kernels
from ingest.protocols.openmetrics import exemplar_problem
from ingest.timeseries import kernels as timeseries
from ingest.wire import kernels as wire
from storage.errors import DecodeError
from storage.histograms import Buckets, Histograms, no_histograms
from storage.model import Float64Array, Int64Array, canonical, encode_labels

Check = Callable[[int, int], None]
"""Raises `DecodeError` where a kernel's (status, offset) says that the bytes are not sound."""

_REASONS: Final = {
    kernels.BAD_SCHEMA: "its schema is not one of -4 to 52 or -53",
    kernels.BAD_SPANS: "its spans overlap, or leave the range of bucket indexes",
    kernels.BAD_NUMBERS: "its spans hold another number of buckets than there are counts",
    kernels.NEGATIVE: "a count is negative",
    kernels.BAD_TOTAL: "its count is not the sum of its buckets",
    kernels.BAD_CUSTOM: "its custom bounds do not ascend, or it has what custom buckets cannot have",
}


@dataclass(slots=True)
class Places:
    """Where things of one kind lie in the body: the series they are of, starts and ends, int64."""

    series: Int64Array
    starts: Int64Array
    ends: Int64Array

    @classmethod
    def of(
        cls, buf: Bytes, series: tuple[Int64Array, Int64Array], number: int, count: int, check: Check
    ) -> Places:
        """The `count` fields numbered `number` of the TimeSeries at `series` (starts, ends)."""
        columns = np.empty((3, count), np.int64)
        if count:
            status, offset, _ = timeseries.locate_within(buf, *series, number, *columns)
            check(status, offset)
        return cls(*columns)


@dataclass(slots=True)
class _Exemplars:
    """Columns of the exemplars that are taken."""

    series: Int64Array
    times_ms: Int64Array
    values: Float64Array
    labels: list[str]


def decode_beside(
    buf: Bytes,
    sample_times_ms: Int64Array,
    histograms: Places,
    exemplars: Places,
    symbols: tuple[Int64Array, Int64Array] | None,
    starts: tuple[Int64Array, Int64Array] | None,
    check: Check,
) -> tuple[Beside | None, dict[str, Refusal]]:
    """Read what there is, None where that is nothing; and what was refused.

    symbols: where the strings of a 2.0 request lie, None for 1.0. starts: those of a 2.0 request's series and
    of its samples, see `timeseries.kernels.fill_starts`. Raises `DecodeError`.
    """
    refused: dict[str, Refusal] = {}
    columns, words, kept = _histograms(buf, histograms, check, refused)
    times_ms = words[4].view(np.int64)[kept]
    series = histograms.series[kept]
    start_rows, starts_ms = np.empty(0, np.int64), np.empty(0, np.int64)
    if starts is not None:
        own = words[5].view(np.int64)[kept]
        of_rows = np.concatenate([starts[1], np.where(own != 0, own, starts[0][series])])
        # 0 says that there is none; one in the future of its sample says nothing.
        start_rows = np.flatnonzero((of_rows != 0) & (of_rows <= np.concatenate([sample_times_ms, times_ms])))
        starts_ms = of_rows[start_rows]
    found = _read_exemplars(buf, exemplars, symbols, check, refused)
    if not len(series) and not found.labels and not len(start_rows):
        return None, refused
    beside = Beside(
        series,
        times_ms,
        columns,
        found.series,
        found.times_ms,
        found.values,
        found.labels,
        start_rows,
        starts_ms,
    )
    return beside, refused


def _histograms(
    buf: Bytes, places: Places, check: Check, refused: dict[str, Refusal]
) -> tuple[Histograms, np.ndarray[tuple[int, int], np.dtype[np.uint64]], Int64Array]:
    """(histograms that are sound, words of all as of `kernels.fill`, rows that are sound)."""
    n = len(places.series)
    words = np.zeros((6, n), np.uint64)
    if not n:
        return no_histograms(), words, np.empty(0, np.int64)
    sizes = np.zeros((n, kernels.SIZES), np.int64)
    check(*kernels.measure(buf, places.starts, places.ends, sizes))
    schemas, hints = np.empty(n, np.int8), np.empty(n, np.uint8)
    outcomes = np.empty(n, np.int8)
    numbers = np.where(sizes[:, 7:8] == 1, sizes[:, 4:6], sizes[:, 2:4])
    positive, negative = (_empty_buckets(n, int(numbers[:, sign].sum())) for sign in range(2))
    bound_offsets, bounds = np.empty(n + 1, np.int64), np.empty(int(sizes[:, 6].sum()))
    check(
        *kernels.fill(
            buf,
            places.starts,
            places.ends,
            sizes,
            words,
            words.view(np.float64),
            schemas,
            hints,
            outcomes,
            positive.offsets,
            positive.indexes,
            positive.counts,
            negative.offsets,
            negative.indexes,
            negative.counts,
            bound_offsets,
            bounds,
            np.empty((int(sizes[:, :2].max()), 2), np.int64),
            np.empty(int(numbers.max())),
        )
    )
    scalars = words.view(np.float64)
    found = Histograms(
        schemas,
        scalars[0],
        scalars[1],
        scalars[2],
        scalars[3],
        hints,
        _shortened(positive),
        _shortened(negative),
        bound_offsets,
        bounds[: bound_offsets[-1]],
    )
    kept = np.flatnonzero(outcomes == kernels.SOUND)
    if len(kept) == n:
        return found, words, kept
    first = int(np.argmax(outcomes != kernels.SOUND))
    example = f"histogram of series {places.series[first]} of the request: {_REASONS[int(outcomes[first])]}"
    refused["invalid_histogram"] = Refusal(n - len(kept), example)
    return found.take(kept), words, kept


def _empty_buckets(histograms: int, buckets: int) -> Buckets:
    return Buckets(np.empty(histograms + 1, np.int64), np.empty(buckets, np.int32), np.empty(buckets))


def _shortened(found: Buckets) -> Buckets:
    end = found.offsets[-1]
    return Buckets(found.offsets, found.indexes[:end], found.counts[:end])


def _read_exemplars(
    buf: Bytes,
    places: Places,
    symbols: tuple[Int64Array, Int64Array] | None,
    check: Check,
    refused: dict[str, Refusal],
) -> _Exemplars:
    n = len(places.series)
    words, spans = np.empty((2, n), np.uint64), np.empty((2, n), np.int64)
    check(*timeseries.read_exemplars(buf, places.starts, places.ends, words, spans))
    raw = buf.tobytes() if n else b""
    known: dict[bytes, tuple[str, str]] = {}
    texts, problems = [], dict[int, str]()
    for row, (start, end) in enumerate(spans.T.tolist()):
        labels = raw[start:end]
        if labels not in known:  # a few bytes may be a million exemplars, of the same labels
            pairs = parse_labels(labels) if symbols is None else _referred(buf, start, end, symbols)
            known[labels] = encode_labels(canonical(pairs)), exemplar_problem(pairs)
        text, problem = known[labels]
        texts.append(text)
        if problem:
            problems[row] = problem
    kept = np.ones(n, np.bool_)
    if problems:
        kept[list(problems)] = False
        first, problem = next(iter(problems.items()))
        example = f"exemplar of series {places.series[first]} of the request: {problem}"
        refused["invalid_exemplar"] = Refusal(len(problems), example)
        texts = [text for row, text in enumerate(texts) if row not in problems]
    values, times_ms = words[0].view(np.float64), words[1].view(np.int64)
    return _Exemplars(places.series[kept], times_ms[kept], values[kept], texts)


def _referred(buf: Bytes, at: int, end: int, symbols: tuple[Int64Array, Int64Array]) -> list[tuple[str, str]]:
    references = list[int]()
    while at < end:
        _, start, stop = wire.field(buf, at, end)
        while start < stop:
            reference, start = wire.varint(buf, start, stop)
            if start < 0:
                raise DecodeError(f"remote write: a label reference is broken at byte {at}")
            references.append(int(reference))
        at = stop
    return _resolved(buf, references, symbols)


def _resolved(
    buf: Bytes, references: list[int], symbols: tuple[Int64Array, Int64Array]
) -> list[tuple[str, str]]:
    if len(references) % 2 or any(reference >= len(symbols[0]) for reference in references):
        raise DecodeError("remote write 2.0: an exemplar's label reference is outside of the symbol table")
    try:
        texts = [buf[symbols[0][i] : symbols[1][i]].tobytes().decode() for i in references]
    except UnicodeDecodeError as error:
        raise DecodeError(f"remote write 2.0: an exemplar's label is not UTF-8: {error.reason}") from None
    return list(zip(texts[::2], texts[1::2], strict=True))
