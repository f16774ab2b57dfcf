"""Pages in protobuf: `io.prometheus.client.MetricFamily` messages, each behind its length.

Format: io/prometheus/client/metrics.proto of prometheus/client_model. It is the only form that has native
histograms. Series are known by the bytes of their labels, so that labels are parsed once a series.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from prometheus_client.utils import floatToGoString

from collector.scrape.fields import Content, double, fields, message, signed, text, varint_at, whole
from collector.scrape.layout import Layout
from collector.scrape.naming import DROPPED
from collector.scrape.native import histogram_message, is_native
from collector.scrape.page import Distribution, Name, Note, Page, Quota
from ingest.wire.encoding import encode_labels, varint
from storage.errors import DecodeError
from storage.model import METRIC_NAME, Metadata

_TYPES: Final = ("counter", "gauge", "summary", "unknown", "histogram", "gaugehistogram")
_GAUGE, _COUNTER, _SUMMARY, _UNTYPED, _TIME, _HISTOGRAM = 2, 3, 4, 5, 6, 7
"""Fields of a Metric."""
_GAUGE_HISTOGRAM: Final = 5
_INF: Final = float("inf")


@dataclass(slots=True)
class ProtobufMemory:
    """What is remembered of a target's protobuf pages: series by family and key, the last layout."""

    lines: dict[str, dict[bytes, bytes]] = field(default_factory=dict)
    layout: Layout = field(default_factory=Layout)


@dataclass(frozen=True, slots=True)
class _Metric:
    """One metric of a family. labels: the fields of the message that hold them, as they came."""

    family: str
    labels: bytes
    time_ms: int | None


class ProtobufReader:
    """Reads one page. See `collector.scrape.page.Reader`.

    natives: native histograms are kept, and instead of their classic buckets unless `classic_too`.
    """

    def __init__(
        self,
        memory: ProtobufMemory,
        name: Name,
        quota: Quota,
        honors_times: bool = True,
        natives: bool = True,
        classic_too: bool = False,
    ) -> None:
        self._memory = memory
        self._name = name
        self._quota = quota
        self._honors_times = honors_times
        self._natives = natives
        self._classic_too = classic_too
        self._rest = bytearray()
        self._known: dict[str, dict[bytes, bytes]] = {}
        self._of_family: tuple[dict[bytes, bytes], dict[bytes, bytes]] = ({}, {})
        self._families: dict[str, Metadata] = {}
        self._lines: list[bytes] = []
        self._values: list[bytes] = []
        self._times: list[int | None] = []
        self._starts: list[int] = []
        self._histograms: list[Distribution] = []
        self._notes: list[Note] = []
        self._dropped = 0

    def feed(self, piece: bytes) -> bool:
        """Take the next bytes of the page."""
        self._rest += piece
        at = 0
        while True:
            try:
                size, start = varint_at(self._rest, at)
            except IndexError:
                break
            if size > len(self._rest) - start:
                break
            self._family(bytes(self._rest[start : start + size]))
            at = start + size
        del self._rest[:at]
        return at == 0

    def finish(self) -> Page:
        """The whole page."""
        if self._rest:
            raise DecodeError(f"protobuf: the page ends within a family, {len(self._rest)} bytes into it")
        self._quota.check()
        self._memory.lines = self._known
        timed = bytes([self._honors_times and time_ms is not None for time_ms in self._times])
        self._memory.layout = self._memory.layout.same(self._lines, timed)
        return Page(
            self._memory.layout,
            np.frombuffer(b"".join(self._values), "<f8").astype(np.float64, copy=False),
            np.array([time_ms or 0 for time_ms in self._times], np.int64),
            self._families,
            self._histograms,
            self._notes,
            np.array(self._starts if any(self._starts) else (), np.int64),
            self._dropped,
        )

    def _family(self, raw: bytes) -> None:
        name, about, unit, kind = "", "", "", 0
        metrics = []
        for number, content in fields(raw):
            if number == 4:
                metrics.append(message(content))
            elif number == 1:
                name = text(content)
            elif number == 2:
                about = text(content)
            elif number == 3:
                kind = whole(content)
            elif number == 5:
                unit = text(content)
        if not name:
            raise DecodeError("protobuf: a family has no name")
        self._families[name] = Metadata(name, _TYPES[kind] if kind < len(_TYPES) else "unknown", about, unit)
        self._of_family = (self._known.setdefault(name, {}), self._memory.lines.get(name, {}))
        for metric in metrics:
            self._metric(name, kind == _GAUGE_HISTOGRAM, metric)

    def _metric(self, family: str, is_gauge: bool, raw: bytes) -> None:
        end = _labels_end(raw)
        labels, parts = raw[:end], fields(raw[end:])
        time_ms = None
        for number, content in parts:
            if number == 1:
                labels += b"\x0a" + varint(len(message(content))) + message(content)
            elif number == _TIME:
                time_ms = signed(content)
        metric = _Metric(family, labels, time_ms)
        for number, content in parts:
            if number in (_GAUGE, _COUNTER, _UNTYPED):
                self._simple(metric, fields(message(content)), number == _COUNTER)
            elif number == _SUMMARY:
                self._summary(metric, fields(message(content)))
            elif number == _HISTOGRAM:
                self._histogram(metric, fields(message(content)), is_gauge)

    def _simple(self, metric: _Metric, parts: list[tuple[int, Content]], is_counter: bool) -> None:
        found = dict(parts)
        start_ms = _stamp_ms(found[3]) if is_counter and 3 in found else 0
        self._add(metric, "", "", _bits(found.get(1)), start_ms)
        if is_counter and 2 in found:
            self._note(len(self._lines) - 1, found[2])

    def _summary(self, metric: _Metric, parts: list[tuple[int, Content]]) -> None:
        found = dict(parts)
        start_ms = _stamp_ms(found[4]) if 4 in found else 0
        self._add(metric, "_count", "", _float_bits(float(whole(found.get(1, 0)))), start_ms)
        self._add(metric, "_sum", "", _bits(found.get(2)), start_ms)
        for number, content in parts:
            if number == 3:
                quantile = dict(fields(message(content)))
                self._add(metric, "", _written(quantile.get(1)), _bits(quantile.get(2)), start_ms, "quantile")

    def _histogram(self, metric: _Metric, parts: list[tuple[int, Content]], is_gauge: bool) -> None:
        start_ms = next((_stamp_ms(content) for number, content in parts if number == 15), 0)
        native = self._natives and is_native(parts)
        if native:
            self._native(metric, parts, start_ms, is_gauge)
        if not native or self._classic_too:
            self._classic(metric, parts, start_ms)

    def _native(
        self, metric: _Metric, parts: list[tuple[int, Content]], start_ms: int, is_gauge: bool
    ) -> None:
        line = self._line(metric, "", "", "")
        self._quota.add(1, line != DROPPED)
        if line == DROPPED or self._quota.is_exceeded:
            self._dropped += line == DROPPED
            return
        time_ms = metric.time_ms if self._honors_times else None
        self._histograms.append(Distribution(line, histogram_message(parts, is_gauge), time_ms, start_ms))
        for number, content in parts:
            if number == 16:
                self._note(~(len(self._histograms) - 1), content)

    def _classic(self, metric: _Metric, parts: list[tuple[int, Content]], start_ms: int) -> None:
        found = dict(parts)
        count = _count(found.get(4), found.get(1))
        self._add(metric, "_count", "", count, start_ms)
        self._add(metric, "_sum", "", _bits(found.get(2)), start_ms)
        is_whole = False
        for number, content in parts:
            if number == 3:
                bucket = dict(fields(message(content)))
                is_whole |= 2 in bucket and double(bucket[2]) == _INF
                held = _count(bucket.get(4), bucket.get(1))
                self._add(metric, "_bucket", _written(bucket.get(2)), held, start_ms, "le")
                if 3 in bucket:
                    self._note(len(self._lines) - 1, bucket[3])
        if not is_whole:
            self._add(metric, "_bucket", "+Inf", count, start_ms, "le")

    def _add(
        self, metric: _Metric, suffix: str, bound: str, bits: bytes, start_ms: int, label: str = ""
    ) -> None:
        """One sample. bits: its value, little-endian; label, bound: `le` or `quantile`."""
        line = self._line(metric, suffix, label, bound)
        self._quota.add(1, line != DROPPED)
        if self._quota.is_exceeded:
            return
        self._lines.append(line)
        self._values.append(bits)
        self._times.append(metric.time_ms)
        self._starts.append(start_ms)

    def _line(self, metric: _Metric, suffix: str, label: str, bound: str) -> bytes:
        known, old = self._of_family
        key = f"{suffix}={bound};".encode() + metric.labels
        line = known.get(key)
        if line is None:
            line = old.get(key)
            if line is None:
                own = [(METRIC_NAME, metric.family + suffix)]
                own += [_pair(message(content)) for _, content in fields(metric.labels)]
                line = self._name([*own, (label, bound)] if label else own)
            if not self._quota.is_exceeded:
                known[key] = line
        return line

    def _note(self, row: int, content: Content) -> None:
        if self._quota.is_exceeded:
            return
        labels, value, time_ms = [], 0.0, None
        for number, part in fields(message(content)):
            if number == 1:
                labels.append(_pair(message(part)))
            elif number == 2:
                value = double(part)
            elif number == 3:
                time_ms = _stamp_ms(part)
        self._notes.append(Note(row, encode_labels(sorted(labels)), value, time_ms))


def _labels_end(raw: bytes) -> int:
    """Where the labels end with which a Metric begins; all of them, as clients write them."""
    at, size = 0, len(raw)
    while at + 1 < size and raw[at] == 0x0A and raw[at + 1] < 0x80 and at + 2 + raw[at + 1] <= size:
        at += 2 + raw[at + 1]
    return at


def _pair(raw: bytes) -> tuple[str, str]:
    found = dict(fields(raw))
    name = text(found.get(1, b""))
    if not name:
        raise DecodeError("protobuf: a label has no name")
    return name, text(found.get(2, b""))


def _stamp_ms(content: Content) -> int:
    """A `google.protobuf.Timestamp`."""
    found = dict(fields(message(content)))
    return signed(found.get(1, 0)) * 1000 + signed(found.get(2, 0)) // 1_000_000


def _bits(content: Content | None) -> bytes:
    """The bytes of a double as they came, so that no NaN changes."""
    if content is None:
        return bytes(8)
    double(content)
    return message(content)


def _count(as_float: Content | None, as_whole: Content | None) -> bytes:
    """A count, which is a double where it is not 0, else whole."""
    if as_float is not None and double(as_float):
        return _bits(as_float)
    return _float_bits(float(whole(as_whole or 0)))


def _float_bits(value: float) -> bytes:
    return bytes(np.float64(value).astype("<f8").tobytes())


def _written(content: Content | None) -> str:
    """A bound as it stands in labels, which is how Go writes it."""
    return str(floatToGoString(double(content) if content is not None else 0.0))  # type: ignore[no-untyped-call] # the library has no types there
