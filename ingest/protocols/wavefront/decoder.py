"""Bodies of Wavefront's lines: `cpu.load 0.5 1700000000 source=web-1`, and all else that its senders say.

A line that is wrong is refused alone, under the code that Wavefront gives it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from ingest.aliases.table import Aliases
from ingest.beside import Beside
from ingest.bins.distribution import as_columns
from ingest.decoded import Bytes, Decoded, Refusal
from ingest.protocols.wavefront import kernels
from ingest.protocols.wavefront.parse import TRIMMED, Bin, Point, parse_line, parse_point
from ingest.protocols.wavefront.rules import MINUTE_MS, check_delta
from ingest.protocols.wavefront.series import kernels as series_kernels
from ingest.series.familiar import Familiar
from ingest.wire.encoding import encode_labels
from storage.errors import DecodeError, LimitError
from storage.events import VERSION_BITS, Event, SourceChange
from storage.model import BoolArray, Float64Array, Int64Array, Labels

_WORDS: Final = tuple(np.frombuffer(word, np.uint8) for word in (b"__name__", b"host", b"tag", b"source"))
_SHOWN: Final = 120
_CODE: Final = 6


@dataclass(slots=True)
class _Others:
    """What the kernel did not take, as values."""

    points: list[Point] = field(default_factory=list)
    bins: list[Bin] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    changes: list[SourceChange] = field(default_factory=list)
    refused: dict[str, Refusal] = field(default_factory=dict)

    def refuse(self, error: DecodeError, line: int, text: str) -> None:
        """Count a line under the code that its refusal begins with; the first one is the example."""
        code = str(error)[:_CODE]
        before = self.refused.get(code)
        example = f"line {line}: {text[:_SHOWN]!r}: {error}" if before is None else before.example
        self.refused[code] = Refusal(1 + (before.count if before else 0), example)

    def take(self, text: str, line: int, now_ms: int) -> None:
        """Parse a line."""
        try:
            found = parse_line(text, now_ms, (now_ms << VERSION_BITS) + line)
        except DecodeError as error:
            self.refuse(error, line, text)
            return
        if isinstance(found, Point):
            self.points.append(found)
        elif isinstance(found, Bin):
            self.bins.append(found)
        elif isinstance(found, Event):
            self.events.append(found)
        else:
            self.changes += found


@dataclass(frozen=True, slots=True, eq=False)
class _Plain:
    """The rows that the kernel has read."""

    buf: Bytes
    places: Int64Array
    numbers: Int64Array
    times_ms: Int64Array
    values: Float64Array
    is_delta: BoolArray

    def text(self, row: int) -> str:
        start, end = self.places[row, kernels.LINE : kernels.LINE_END + 1]
        return _text(self.buf, int(start), int(end))

    def line(self, row: int) -> int:
        return int(self.places[row, kernels.NUMBER])


def decode(
    raw: bytes | Bytes,
    now_ms: int,
    max_rows: int,
    aliases: Aliases,
    familiar: Familiar,
    max_label_bytes: int = 256 << 20,
) -> Decoded:
    """Read lines of any kind. A point without a time gets `now_ms`.

    `aliases` remembers which text stands for which series that is `familiar`. Raises `LimitError` for more
    than `max_rows` lines that are not blank, or where new series have more than `max_label_bytes` of labels.
    """
    buf = np.frombuffer(raw, np.uint8)
    plain, odd = _read(buf, now_ms, max_rows, aliases, familiar)
    others = _Others()
    for start, end, line in odd.tolist():
        _take(others, buf, start, end, line, now_ms)
    rows = len(plain.numbers)
    starts, ends = np.zeros(rows, np.int64), np.zeros(rows, np.int64)
    body, keep = np.empty(0, np.uint8), np.ones(rows, np.bool_)
    unknown = np.flatnonzero(plain.numbers < 0)
    if len(unknown):
        body = _learn(plain, unknown, starts, ends, keep, others, now_ms, aliases, familiar, max_label_bytes)
    _check_deltas(plain, keep, others, now_ms)
    return _assembled(plain, np.flatnonzero(keep), body, starts, ends, others, familiar)


def _read(
    buf: Bytes, now_ms: int, max_rows: int, aliases: Aliases, familiar: Familiar
) -> tuple[_Plain, Int64Array]:
    known = aliases.of(familiar)
    room = min(int(np.count_nonzero(buf == ord("\n"))) + 1, max_rows)
    numbers, times_ms = np.empty(room, np.int64), np.empty(room, np.int64)
    bits, is_delta = np.empty(room, np.uint64), np.empty(room, np.bool_)
    places, odd = np.empty((room, kernels.PLACES), np.int64), np.empty((room, 3), np.int64)
    counts = np.zeros(kernels.COUNTS, np.int64)
    is_whole = kernels.read_points(
        buf,
        now_ms,
        *known.key,
        known.entries,
        known.arena,
        known.spans,
        known.parents,
        known.series,
        known.follows,
        numbers,
        times_ms,
        bits,
        is_delta,
        places,
        odd,
        counts,
    )
    if not is_whole:
        raise LimitError(f"the body has more lines than the limit (ingest.max_request_rows) of {max_rows}")
    rows = int(counts[kernels.ROWS])
    values = bits.view(np.float64)
    plain = _Plain(buf, places[:rows], numbers[:rows], times_ms[:rows], values[:rows], is_delta[:rows])
    return plain, odd[: int(counts[kernels.ODD])]


def _take(others: _Others, buf: Bytes, start: int, end: int, line: int, now_ms: int) -> None:
    try:
        text = buf[start:end].tobytes().decode()
    except UnicodeDecodeError as error:
        problem = DecodeError(f"WF-300 cannot be parsed: the line is not UTF-8: {error.reason}")
        others.refuse(problem, line, _text(buf, start, end))
        return
    others.take(text.strip(TRIMMED), line, now_ms)


def _text(buf: Bytes, start: int, end: int) -> str:
    return buf[start:end].tobytes().decode(errors="replace")


def _learn(
    plain: _Plain,
    rows: Int64Array,
    starts: Int64Array,
    ends: Int64Array,
    keep: BoolArray,
    others: _Others,
    now_ms: int,
    aliases: Aliases,
    familiar: Familiar,
    max_label_bytes: int,
) -> Bytes:
    """The label bytes of rows whose series is not known yet; fills their numbers, starts and ends."""
    size, text_bytes = series_kernels.measure(plain.buf, rows, plain.places, max_label_bytes)
    if size > max_label_bytes:
        raise LimitError(f"labels of new series have more than {max_label_bytes} bytes, written out")
    body, is_plain = np.empty(size, np.uint8), np.empty(len(rows), np.bool_)
    used = series_kernels.name(plain.buf, rows, plain.places, _WORDS, body, starts, ends, is_plain)
    parts = [body[:used]]
    for row in rows[~is_plain].tolist():
        labels = _labels(plain, row, others, now_ms)
        keep[row] = labels is not None
        if labels is not None:
            raw = np.frombuffer(encode_labels(labels), np.uint8)
            starts[row], ends[row] = used, used + len(raw)
            used += len(raw)
            parts.append(raw)
    body, learned = np.concatenate(parts), rows[keep[rows]]
    with aliases.adding(familiar, 2 * len(learned), text_bytes) as known:
        series_kernels.remember(
            plain.buf,
            learned,
            plain.places,
            body,
            starts,
            ends,
            *known.key,
            familiar.entries,
            familiar.arena,
            familiar.spans,
            known.entries,
            known.arena,
            known.spans,
            known.parents,
            known.series,
            known.used,
            plain.numbers,
        )
    return body


def _labels(plain: _Plain, row: int, others: _Others, now_ms: int) -> Labels | None:
    start, end = plain.places[row, kernels.LINE : kernels.LINE_END + 1].tolist()
    try:
        return parse_point(plain.buf[start:end].tobytes().decode(), now_ms).labels
    except UnicodeDecodeError as error:
        problem = DecodeError(f"WF-300 cannot be parsed: the line is not UTF-8: {error.reason}")
        others.refuse(problem, plain.line(row), plain.text(row))
    except DecodeError as error:
        others.refuse(error, plain.line(row), plain.text(row))
    return None


def _check_deltas(plain: _Plain, keep: BoolArray, others: _Others, now_ms: int) -> None:
    """Put deltas at the beginning of their minute, and refuse those that cannot be added."""
    for row in np.flatnonzero(plain.is_delta & keep).tolist() if plain.is_delta.any() else ():
        try:
            check_delta(float(plain.values[row]), int(plain.times_ms[row]), now_ms)
        except DecodeError as error:
            others.refuse(error, plain.line(row), plain.text(row))
            keep[row] = False
    np.subtract(plain.times_ms, plain.times_ms % MINUTE_MS, out=plain.times_ms, where=plain.is_delta)


def _assembled(
    plain: _Plain,
    rows: Int64Array,
    body: Bytes,
    starts: Int64Array,
    ends: Int64Array,
    others: _Others,
    familiar: Familiar,
) -> Decoded:
    """Plain rows, then what was parsed line by line, a series each."""
    points, bins = others.points, others.bins
    named = [point.labels for point in points] + [found.labels for found in bins]
    further = [encode_labels(labels) for labels in named]
    sizes = np.array([len(raw) for raw in further], np.int64)
    behind = len(body) + np.cumsum(sizes)
    body = np.concatenate([body, np.frombuffer(b"".join(further), np.uint8)]) if further else body
    starts, ends = np.concatenate([starts[rows], behind - sizes]), np.concatenate([ends[rows], behind])
    asked = familiar.numbers(body, starts[len(rows) :], ends[len(rows) :])
    samples = len(rows) + len(points)
    return Decoded(
        body=body,
        label_start=starts,
        label_end=ends,
        series_index=np.arange(samples, dtype=np.int64),
        timestamps_ms=np.append(plain.times_ms[rows], np.array([p.time_ms for p in points], np.int64)),
        values=np.append(plain.values[rows], np.array([p.value for p in points], np.float64)),
        numbers=np.concatenate([plain.numbers[rows], asked]),
        generation=familiar.generation,
        refused=others.refused,
        beside=_beside(others, samples),
        is_added=_added(plain.is_delta[rows], points, len(bins)),
    )


def _added(is_delta: BoolArray, points: Sequence[Point], bins: int) -> BoolArray | None:
    found = np.concatenate(
        [is_delta, np.array([point.is_delta for point in points], np.bool_), np.ones(bins, np.bool_)]
    )
    return found if found.any() else None


def _beside(others: _Others, samples: int) -> Beside | None:
    if not (others.bins or others.events or others.changes):
        return None
    histograms = Beside.of_histograms(
        np.arange(samples, samples + len(others.bins), dtype=np.int64),
        np.array([found.time_ms for found in others.bins], np.int64),
        as_columns([found.distribution for found in others.bins]),
    )
    return histograms.with_events(others.events, others.changes)
