"""`ExportMetricsServiceRequest` to columns, as Prometheus's OTLP receiver would store it.

Format: opentelemetry/proto/collector/metrics/v1/metrics_service.proto. A body whose bytes are not sound is
refused whole; a metric or a data point that breaks a rule alone.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from ingest.beside import Beside
from ingest.decoded import Bytes, Decoded, Refusal
from ingest.protocols.otlp import exemplars
from ingest.protocols.otlp.attributes import Reader
from ingest.protocols.otlp.exponential_histograms import HistogramTotals, NativeHistograms, convert
from ingest.protocols.otlp.messages import kernels as messages
from ingest.protocols.otlp.metrics import DELTA, Metrics, Namer
from ingest.protocols.otlp.points import Outline, Points, offsets_of
from ingest.protocols.otlp.recogniser import Recogniser
from ingest.protocols.otlp.row_texts import RowTexts
from ingest.protocols.otlp.rows import kernels as rows_kernels
from ingest.protocols.otlp.running_totals import Totals
from ingest.protocols.otlp.series_labels import Arena, LabelWriter, Written
from ingest.protocols.otlp.sources import Kept, Options, Source
from ingest.protocols.otlp.target_info import Infos
from ingest.series.familiar import Familiar
from storage.histograms import Int8Array
from storage.model import BoolArray, Float64Array, Int64Array, Metadata

MAX_ROWS: Final = 1_000_000
MAX_LABEL_BYTES: Final = 256 << 20

_SERIES_PER_HISTOGRAM: Final = 10
"""How many series of floats the total of a native histogram takes the memory of, about."""


class Translator:
    """Decodes OTLP; keeps names and labels that it made, and totals of deltas. Safe from any thread."""

    def __init__(self, options: Options | None = None) -> None:
        self.options = options or Options()
        most = self.options.max_delta_series
        self.namer = Namer(self.options.strategy, takes_deltas=most > 0)
        self.totals = Totals(most)
        self.histogram_totals = HistogramTotals(-(-most // _SERIES_PER_HISTOGRAM))
        self.sources: Kept[tuple[bytes, bytes, bytes], Source] = Kept()
        self.labels: Kept[tuple[bytes, bytes, str, tuple[str, ...]], bytes] = Kept()
        self.texts = RowTexts()
        self.recogniser = Recogniser(self.options.max_known_bytes)
        self.numbers = itertools.count()

    def decode(
        self,
        raw: bytes | Bytes,
        now_ms: int,
        max_rows: int = MAX_ROWS,
        max_label_bytes: int = MAX_LABEL_BYTES,
        familiar: Familiar | None = None,
    ) -> Decoded:
        """Read a request. Data points without a time get `now_ms`.

        Points that came before are recognised where their series are `familiar`.

        Raises `DecodeError` with the offset of what is wrong, `LimitError` for more than `max_rows` of
        anything, or where labels have more than `max_label_bytes`, written out.
        """
        buf = np.frombuffer(raw, np.uint8)
        whole = raw if isinstance(raw, bytes) else raw.tobytes()
        reader = Reader(max_rows)
        return _Request(self, buf, whole, now_ms, max_rows, max_label_bytes, familiar, reader).decoded()


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """The rows of all points: columns of one length, but for `written`, which is their labels."""

    points: Int64Array
    kinds: Int64Array
    is_delta: BoolArray
    times_ms: Int64Array
    starts_ms: Int64Array
    values: Float64Array
    names: Int8Array
    numbers: Int64Array | None
    written: Written


@dataclass(slots=True)
class _Request:
    """One request on its way to columns."""

    memory: Translator
    buf: Bytes
    raw: bytes
    now_ms: int
    max_rows: int
    max_label_bytes: int
    familiar: Familiar | None
    reader: Reader
    refused: dict[str, Refusal] = field(default_factory=dict)

    def decoded(self) -> Decoded:
        outline = Outline.of(self.buf, self.max_rows)
        metrics = self.memory.namer.name(self.raw, outline.metrics, self.refused)
        points = Points.of(self.buf, metrics.columns, self.now_ms, self.max_rows)
        points, native = self._native(points)
        scopes = np.unique(metrics.columns[:, messages.SCOPE])
        sources = [self._source(outline, scope) for scope in scopes.tolist()]
        owners = outline.scopes[scopes, 0].tolist()
        labels = {owner: source.info for owner, source in zip(owners, sources, strict=True) if source.info}
        infos = Infos.of(labels, metrics.columns, points, self.max_rows)
        set_of = np.searchsorted(scopes, metrics.columns[points.metric_of, messages.SCOPE])
        rows = self._rows(metrics, points, sources, set_of)
        native = self._totalled(metrics, points, rows, native)
        keep = rows.kinds != messages.EXPONENTIAL
        self._add_up(rows, keep)
        return self._assembled(metrics, points, rows, np.flatnonzero(keep), native, infos)

    def _source(self, outline: Outline, scope: int) -> Source:
        row = outline.scopes[scope]
        resource = outline.resources[row[0]]
        message, schema_url = self.raw[row[1] : row[2]], self.raw[row[3] : row[4]]
        if not self.memory.options.scope_labels:
            message = schema_url = b""
        key = (self.raw[resource[0] : resource[1]], message, schema_url)
        found = self.memory.sources.items.get(key)
        if found is not None:
            return found
        made = Source.of(next(self.memory.numbers), *key, self.memory.options, self.reader)
        return self.memory.sources.keep(key, made, 4 * sum(map(len, key)))

    def _native(self, points: Points) -> tuple[Points, NativeHistograms]:
        """The points without the exponential histograms that are refused, and the others as native ones."""
        found = convert(self.buf, points)
        if found.refused:
            text = f"exponential histogram: {found.problem}"
            self.refused["invalid_histogram"] = Refusal(found.refused, text)
            sizes = np.diff(points.row_offsets)
            sizes[points.kinds == messages.EXPONENTIAL] = 0
            sizes[found.points] = 1
            points = replace(points, row_offsets=offsets_of(sizes))
        at = found.points
        starts = points.starts_ms[at]
        native = NativeHistograms(points.row_offsets[at], points.times_ms[at], starts, found.histograms)
        return points, native

    def _rows(self, metrics: Metrics, points: Points, sources: list[Source], set_of: Int64Array) -> _Rows:
        edge_texts, texts = self.memory.texts.of(points)
        n = int(points.row_offsets[-1])
        bits, names, row_texts = np.zeros(n, np.uint64), np.empty(n, np.int8), np.empty(n, np.int64)
        rows_kernels.fill_rows(
            points.kinds,
            points.row_offsets,
            points.words,
            points.present,
            points.edge_offsets,
            edge_texts,
            len(texts) - 1,
            points.amount_offsets,
            points.amounts,
            bits,
            names,
            row_texts,
        )
        arena = Arena([source.own for source in sources], metrics.labels, metrics.spans, texts)
        escapes = self.memory.options.strategy.escapes
        writer = LabelWriter(self.buf, points, arena, set_of, names, row_texts, escapes, self.max_label_bytes)
        numbers, written = self._recognised(metrics, points, sources, set_of, names, writer)
        of = points.of_rows()
        is_delta = metrics.columns[points.metric_of, messages.TEMPORALITY] == DELTA
        return _Rows(
            of,
            points.kinds[of],
            (is_delta & ~points.is_stale)[of],
            points.times_ms[of],
            points.starts_ms[of],
            bits.view(np.float64),
            names,
            numbers,
            written,
        )

    def _recognised(
        self,
        metrics: Metrics,
        points: Points,
        sources: list[Source],
        set_of: Int64Array,
        names: Int8Array,
        writer: LabelWriter,
    ) -> tuple[Int64Array | None, Written]:
        """The numbers of the rows' series, and the labels of points that are not recognised."""
        labels, every = self.memory.labels, np.arange(len(points))
        if self.familiar is None:
            return None, writer.write(every, sources, labels, self.reader)
        identities = np.array([one.number for one in metrics.named], np.int64)
        first = np.searchsorted(points.metric_of, np.arange(len(identities)))
        identities |= np.array([source.number for source in sources], np.int64)[set_of[first]] << 32
        # Totals are told apart by the labels of their series.
        identities[metrics.columns[:, messages.TEMPORALITY] == DELTA] = -1
        recogniser = self.memory.recogniser
        found = recogniser.recognise(self.buf, points, identities, names, self.familiar)
        others = every[~found.is_known]
        written = writer.write(others, sources, labels, self.reader)
        unknown = np.flatnonzero(written.ends)
        if len(unknown):
            body, starts, ends = written.body, written.starts[unknown], written.ends[unknown]
            found.numbers[unknown] = self.familiar.numbers(body, starts, ends)
            recogniser.remember(found, points, others)
        return found.numbers, written

    def _totalled(
        self, metrics: Metrics, points: Points, rows: _Rows, native: NativeHistograms
    ) -> NativeHistograms:
        """The same with totals in the place of deltas, which lie behind the others."""
        is_delta = rows.is_delta[native.rows]
        if not is_delta.any():
            return native
        body, starts, ends = rows.written.body, rows.written.starts, rows.written.ends
        deltas = native.take(np.flatnonzero(is_delta))
        labels = [body[starts[row] : ends[row]].tobytes() for row in deltas.rows.tolist()]
        totals = self.memory.histogram_totals.add_up_all(labels, deltas)
        self._refuse_late(len(deltas.rows) - len(totals.rows), "an exponential histogram")
        return native.take(np.flatnonzero(~is_delta)).joined(totals)

    def _add_up(self, rows: _Rows, keep: BoolArray) -> None:
        """Put totals in the place of deltas; what comes too late for that is not to be kept."""
        deltas = np.flatnonzero(rows.is_delta & keep)
        if not len(deltas):
            return
        self.memory.totals.add_up(
            rows.written.body,
            rows.written.starts,
            rows.written.ends,
            deltas,
            self.now_ms,
            rows.times_ms,
            rows.starts_ms,
            rows.values,
            keep,
        )
        self._refuse_late(int((~keep[deltas]).sum()), "a sample")

    def _refuse_late(self, count: int, what: str) -> None:
        if count:
            known = self.refused.get(
                "late_delta", Refusal(0, f"the delta of {what} is not later than the last")
            )
            self.refused["late_delta"] = replace(known, count=known.count + count)

    def _assembled(
        self,
        metrics: Metrics,
        points: Points,
        rows: _Rows,
        kept: Int64Array,
        native: NativeHistograms,
        infos: Infos,
    ) -> Decoded:
        written, numbers = rows.written, rows.numbers
        body, starts, ends = infos.behind(written.body, written.starts, written.ends)
        if self.familiar is not None and numbers is not None:
            n = len(numbers)
            numbers = np.concatenate([numbers, self.familiar.numbers(body, starts[n:], ends[n:])])
        times = np.concatenate([rows.times_ms[kept], infos.times_ms])

        def describe(i: int) -> Metadata | None:
            return metrics.describe(int(points.metric_of[rows.points[i]])) if i < len(rows.points) else None

        return Decoded(
            body=body,
            label_start=starts,
            label_end=ends,
            series_index=np.concatenate([kept, len(rows.points) + infos.series]),
            timestamps_ms=times,
            values=np.concatenate([rows.values[kept], np.ones(len(infos.times_ms))]),
            numbers=numbers,
            generation=0 if self.familiar is None else self.familiar.generation,
            beside=self._beside(metrics, points, rows, kept, native, times),
            refused=self.refused,
            describe=describe,
        )

    def _beside(
        self,
        metrics: Metrics,
        points: Points,
        rows: _Rows,
        kept: Int64Array,
        native: NativeHistograms,
        times: Int64Array,
    ) -> Beside | None:
        found = exemplars.read(self.buf, points, rows.names, self.max_rows, self.reader)
        start_rows, starts = np.empty(0, np.int64), np.empty(0, np.int64)
        if self.memory.options.starts:
            kinds, monotonic = metrics.columns[:, messages.KIND], metrics.columns[:, messages.IS_MONOTONIC]
            counts = (kinds != messages.GAUGE) & ((kinds != messages.SUM) | (monotonic == 1))
            own = rows.starts_ms[kept] * counts[points.metric_of[rows.points[kept]]]
            none = np.zeros(len(times) - len(kept), np.int64)
            every = np.concatenate([own, none, native.starts_ms])
            start_rows = np.flatnonzero((every > 0) & (every < np.concatenate([times, native.times_ms])))
            starts = every[start_rows]
        if not len(native.rows) and not found.labels and not len(start_rows):
            return None
        return Beside(
            native.rows,
            native.times_ms,
            native.histograms,
            found.rows,
            found.times_ms,
            found.values,
            found.labels,
            start_rows,
            starts,
        )
