"""Sweeps as remote write requests: 2.0, and 1.0 for receivers that do not know it. Plain Python and numpy.

Formats: prompb/io/prometheus/write/v2/types.proto and prompb/types.proto of Prometheus. A source gives the
same series again and again, so a 2.0 request is kept with holes where values and times go: the next sweep of
the same series fills the holes, and nothing is encoded.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from collector.sweep import Example, Sweep
from collector.symbols import Symbols
from ingest.wire.encoding import encode_v1, varint
from storage.model import Float64Array, Int64Array, Metadata, UInt64Array

_LEAST_MS: Final = 1 << 35
_MOST_MS: Final = 1 << 42
"""Times from the one to below the other, 1971 to 2109, are varints of six bytes: their hole has one size."""
_HOLE: Final = b"\x12\x10\x09" + bytes(8) + b"\x10" + bytes(6)
"""The `samples` field of a TimeSeries, alike in both versions: a value in 8 bytes, a time in 6."""
_VALUE_AT: Final = 15
_TIME_AT: Final = 8
"""How far before a sample's end the words lie that hold its value, and its time with two bytes before."""
_SHORT: Final = (129, 16_386, 2_097_155, 1 << 62)
"""The largest messages whose tag and size take 2, 3, 4 bytes."""
_MASK: Final = (1 << 64) - 1
_NOTHING: Final = np.empty(0, np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class _Template:
    """TimeSeries messages with holes. ends: int64, where each message ends, exclusive."""

    content: bytes
    ends: Int64Array

    def bodies(self, starts_ms: Int64Array) -> list[bytes]:
        """What was between the beginning of each message and its start time and sample."""
        starts = starts_ms.tolist() if len(starts_ms) else [0] * len(self.ends)
        found, at = [], 0
        for end, start_ms in zip(self.ends.tolist(), starts, strict=True):
            first, size = at + 2, end - at
            while size > _SHORT[first - at - 2]:
                first += 1
            found.append(self.content[first : end - len(_HOLE) - (len(_start(start_ms)) if start_ms else 0)])
            at = end
        return found

    def filled(self, values: Float64Array, times_ms: Int64Array) -> bytes:
        if not len(self.ends):
            return b""
        raw = bytearray(self.content)
        # Words of eight bytes at every offset. A time's word holds a byte of the value, which comes after.
        words = np.ndarray((len(raw) - 7,), "<u8", raw, strides=(1,))
        words[self.ends - _TIME_AT] = _time_words(times_ms)
        words[self.ends - _VALUE_AT] = np.ascontiguousarray(values, "<f8").view("<u8")
        return bytes(raw)


@dataclass(frozen=True, slots=True)
class _Extras:
    """Further fields of messages, by row: start times, which last from sweep to sweep, and exemplars."""

    starts: Mapping[int, bytes]
    exemplars: Mapping[int, bytes]

    @classmethod
    def v1(cls, sweep: Sweep) -> _Extras:
        return cls(
            {}, _gathered(b"\x1a", ((one.row, _exemplar(one.encoded, one)) for one in sweep.exemplars))
        )

    @classmethod
    def v2(cls, sweep: Sweep, symbols: Symbols) -> _Extras:
        starts = {row: _start(int(sweep.starts_ms[row])) for row in np.flatnonzero(sweep.starts_ms).tolist()}
        for row, spread in enumerate(sweep.histograms, len(sweep.lines)):
            if spread.start_ms:
                starts[row] = _start(spread.start_ms)
        exemplars = []
        for one in sweep.exemplars:
            refs = symbols.references(one.encoded)
            exemplars.append((one.row, _exemplar(b"\x0a" + varint(len(refs)) + refs, one)))
        return cls(starts, _gathered(b"\x22", exemplars))

    def all(self) -> Mapping[int, bytes]:
        if not self.exemplars:
            return self.starts
        rows = {*self.starts, *self.exemplars}
        return {row: self.starts.get(row, b"") + self.exemplars.get(row, b"") for row in rows}


@dataclass(slots=True)
class _Source:
    """What is remembered of one source, in one version of the protocol."""

    symbols: Symbols = field(default_factory=Symbols)
    lines: Sequence[bytes] = ()
    starts_ms: Int64Array = field(default_factory=lambda: _NOTHING)
    template: _Template | None = None

    def told(self, sweep: Sweep) -> None:
        """Take over what families say of themselves; forget what outgrows the sweep."""
        is_new = self.symbols.describe(sweep.metadata)
        if self.symbols.outgrow(len(sweep.lines) + 10 * len(sweep.histograms)) or is_new:
            self.template = None

    def bodies(self, lines: Sequence[bytes]) -> list[bytes]:
        """What says in 2.0 which series they are, from the template where they are in it."""
        known = {}
        if self.template is not None:
            known = dict(zip(self.lines, self.template.bodies(self.starts_ms), strict=True))
        return [known.get(line) or self.symbols.body(line) for line in lines]

    def template_of(
        self, tag: bytes, sweep: Sweep, bodies: Callable[[], Sequence[bytes]], extras: _Extras
    ) -> _Template:
        """The template of the sweep before where the series are the same, else one that is made."""
        known = self.template
        if known is None or self.lines != sweep.lines or not np.array_equal(self.starts_ms, sweep.starts_ms):
            known = _with_holes(tag, bodies(), extras.starts)
            self.template, self.lines, self.starts_ms = known, sweep.lines, sweep.starts_ms
        return _with_holes(tag, bodies(), extras.all()) if extras.exemplars else known


@dataclass(slots=True)
class Cache:
    """What encoders remember, by source, until the source's last sweep or until told to forget.

    A cache serves one version of the protocol: who falls back to the other begins with a new one.
    """

    sources: dict[str, _Source] = field(default_factory=dict)

    def source(self, name: str) -> _Source:
        """What is remembered of a source; nothing yet for a new one."""
        return self.sources.setdefault(name, _Source())

    def forget(self, name: str) -> None:
        """Drop what is remembered of a source."""
        self.sources.pop(name, None)


def requests_v2(sweep: Sweep, cache: Cache) -> bytes:
    """An `io.prometheus.write.v2.Request`, not compressed.

    Every series carries its family's metadata. The symbols are those of the source, in an order that lasts.
    """
    source = cache.source(sweep.source)
    source.told(sweep)
    symbols = source.symbols
    extras = _Extras.v2(sweep, symbols)

    def bodies() -> list[bytes]:
        return source.bodies(sweep.lines)

    if _is_plain(sweep.times_ms):
        template = source.template_of(b"\x2a", sweep, bodies, extras)
        series = template.filled(sweep.values, sweep.times_ms)
    else:
        series = _one_by_one(b"\x2a", bodies(), extras.all(), sweep)
    named = [symbols.body(spread.line) for spread in sweep.histograms]
    histograms = _histograms(b"\x2a\x1a", named, extras.all(), sweep)
    # The symbols come first, and are whole only when all else is encoded.
    request = bytes(symbols.table) + series + histograms
    if sweep.is_last:
        cache.forget(sweep.source)
    return request


def requests_v1(sweep: Sweep, cache: Cache | None = None) -> bytes:
    """A `prometheus.WriteRequest`, not compressed. When a series began to count cannot be said in it.

    With a cache it takes a sixth of the time, and room for a request a source.
    """
    extras = _Extras.v1(sweep)
    source = _Source() if cache is None or sweep.is_last else cache.source(sweep.source)
    if _is_plain(sweep.times_ms):
        template = source.template_of(
            b"\x0a", replace(sweep, starts_ms=_NOTHING), lambda: sweep.lines, extras
        )
        series = template.filled(sweep.values, sweep.times_ms)
    else:
        series = _one_by_one(b"\x0a", sweep.lines, extras.all(), sweep)
    named = [spread.line for spread in sweep.histograms]
    histograms = _histograms(b"\x0a\x22", named, extras.all(), sweep)
    if cache is not None and sweep.is_last:
        cache.forget(sweep.source)
    return series + histograms + _metadata_v1(sweep.metadata)


def _metadata_v1(metadata: Sequence[Metadata]) -> bytes:
    return encode_v1((), _NOTHING, _NOTHING, np.empty(0, np.float64), metadata)


def _is_plain(times_ms: Int64Array) -> bool:
    return not len(times_ms) or bool(times_ms.min() >= _LEAST_MS and times_ms.max() < _MOST_MS)


def _with_holes(tag: bytes, bodies: Sequence[bytes], extras: Mapping[int, bytes]) -> _Template:
    """Messages that end with a sample to be filled in. extras: further fields, by row."""
    if extras:
        bodies = [body + extras.get(row, b"") for row, body in enumerate(bodies)]
    parts = [tag + varint(len(body) + len(_HOLE)) + body + _HOLE for body in bodies]
    ends = np.fromiter(map(len, parts), np.int64, len(parts)).cumsum()
    return _Template(b"".join(parts), ends)


def _one_by_one(tag: bytes, bodies: Sequence[bytes], extras: Mapping[int, bytes], sweep: Sweep) -> bytes:
    """The same where times have varints of any size."""
    bits = np.ascontiguousarray(sweep.values, "<f8").tobytes()
    parts = []
    for row, (body, time_ms) in enumerate(zip(bodies, sweep.times_ms.tolist(), strict=True)):
        sample = b"\x09" + bits[8 * row : 8 * row + 8] + b"\x10" + varint(time_ms & _MASK)
        whole = body + extras.get(row, b"") + b"\x12" + varint(len(sample)) + sample
        parts.append(tag + varint(len(whole)) + whole)
    return b"".join(parts)


def _histograms(tags: bytes, bodies: Sequence[bytes], extras: Mapping[int, bytes], sweep: Sweep) -> bytes:
    """One message a native histogram. tags: that of the message, and of its `histograms` field."""
    parts = []
    for row, (body, spread) in enumerate(zip(bodies, sweep.histograms, strict=True), len(sweep.lines)):
        content = tags[1:] + varint(len(spread.encoded)) + spread.encoded
        whole = body + content + extras.get(row, b"")
        parts.append(tags[:1] + varint(len(whole)) + whole)
    return b"".join(parts)


def _gathered(tag: bytes, contents: Iterable[tuple[int, bytes]]) -> dict[int, bytes]:
    """Fields of one number, by row."""
    found: dict[int, bytes] = {}
    for row, content in contents:
        found[row] = found.get(row, b"") + tag + varint(len(content)) + content
    return found


def _start(start_ms: int) -> bytes:
    return b"\x30" + varint(start_ms & _MASK)


def _exemplar(labels: bytes, example: Example) -> bytes:
    return labels + b"\x11" + struct.pack("<d", example.value) + b"\x18" + varint(example.time_ms & _MASK)


def _time_words(times_ms: Int64Array) -> UInt64Array:
    """The last eight bytes of samples with these times, little-endian; the first of them is the value's."""
    if len(times_ms) and times_ms[0] == times_ms[-1] and bool((times_ms == times_ms[0]).all()):
        times_ms = times_ms[:1]
    times = times_ms.astype(np.uint64)
    words = np.full(len(times), 0x10 << 8, np.uint64)
    for septet in range(6):
        bits = times >> np.uint64(7 * septet) & np.uint64(0x7F)
        words |= (bits | np.uint64(0x80 if septet < 5 else 0)) << np.uint64(8 * septet + 16)
    return words
