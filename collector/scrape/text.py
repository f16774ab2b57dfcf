"""Pages in Prometheus's text format and in OpenMetrics 1.0, read by comparing them with the last one.

A target repeats its lines in the same order, with other numbers behind them. So the part of each line that
names its series is kept, and where the next page has the same parts in the same order, the numbers that are
left are all that is read. Elsewhere a line is looked up by that part; only what was never seen is parsed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import compress

import numpy as np

from collector.scrape import grammar
from collector.scrape.layout import Layout
from collector.scrape.naming import DROPPED
from collector.scrape.numbers import numbers
from collector.scrape.page import Name, Note, Page, Quota
from collector.scrape.starts import Starters
from ingest.wire.encoding import encode_labels
from storage.errors import DecodeError
from storage.model import Float64Array, Int64Array, Metadata

_MAX_EXEMPLAR_CHARS = 128


@dataclass(frozen=True, slots=True, eq=False)
class Skeleton:
    """A page without its numbers.

    keys: by line, the part that names a series, or the whole line where it holds no sample. is_sample: by
    line, 0 or 1. sizes, samples: int64 (lines + 1,), how many bytes of keys and how many samples lie before
    each line. timed: by sample, 1 where its line has a timestamp. layout: of the samples, which may have them
    all at the time of the scrape.
    """

    keys: list[bytes] = field(default_factory=list)
    is_sample: bytes = b""
    timed: bytes = b""
    layout: Layout = field(default_factory=Layout)
    starters: Starters = field(default_factory=Starters)
    families: dict[str, Metadata] = field(default_factory=dict)
    sizes: Int64Array = field(default_factory=lambda: np.zeros(1, np.int64))
    samples: Int64Array = field(default_factory=lambda: np.zeros(1, np.int64))


@dataclass(slots=True)
class TextMemory:
    """What is remembered of a target's text pages: the last whole one, and its series by key."""

    skeleton: Skeleton = field(default_factory=Skeleton)
    lines: dict[bytes, bytes] = field(default_factory=dict)

    def remember(self, skeleton: Skeleton) -> None:
        """Take a page's place; series that it does not have are forgotten."""
        self.skeleton = skeleton
        keys = compress(skeleton.keys, skeleton.is_sample)
        self.lines = dict(zip(keys, skeleton.layout.all_lines, strict=True))


@dataclass(slots=True)
class _Lines:
    """Lines that are not as on the last page."""

    keys: list[bytes] = field(default_factory=list)
    is_sample: bytearray = field(default_factory=bytearray)
    lines: list[bytes] = field(default_factory=list)
    timed: bytearray = field(default_factory=bytearray)

    def take(self, skeleton: Skeleton, start: int, stop: int) -> None:
        """Append a part of the last page: lines from `start` to below `stop`."""
        first, last = skeleton.samples[start], skeleton.samples[stop]
        self.keys += skeleton.keys[start:stop]
        self.is_sample += skeleton.is_sample[start:stop]
        self.lines += skeleton.layout.all_lines[first:last]
        self.timed += skeleton.timed[first:last]

    def extend(self, other: _Lines) -> None:
        """Append further lines."""
        self.keys += other.keys
        self.is_sample += other.is_sample
        self.lines += other.lines
        self.timed += other.timed


class TextReader:
    """Reads one page, and on success leaves it in `memory`. See `collector.scrape.page.Reader`.

    honors_times: a sample may have the time that the page gives it.
    """

    def __init__(
        self, memory: TextMemory, name: Name, quota: Quota, is_openmetrics: bool, honors_times: bool = True
    ) -> None:
        self._memory = memory
        self._name = name
        self._quota = quota
        self._honors_times = honors_times
        self._is_openmetrics = is_openmetrics
        self._rest = bytearray()
        self._at = 0
        self._fresh: _Lines | None = None
        self._values: list[Float64Array] = []
        self._times: list[Int64Array] = []
        self._notes: list[Note] = []

    def feed(self, piece: bytes) -> bool:
        """Take the next bytes of the page."""
        cut = piece.rfind(b"\n")
        if cut < 0:
            self._rest += piece
            return True
        block = bytes(self._rest) + piece[:cut] if self._rest else piece[:cut]
        self._rest = bytearray(piece[cut + 1 :])
        return self._block(block)

    def finish(self) -> Page:
        """The whole page."""
        if self._rest:
            self._block(bytes(self._rest))
        self._quota.check()
        memory, old = self._memory, self._memory.skeleton
        if self._fresh is None and (self._at < len(old.keys) or not old.keys):
            self._diverge()
        if self._fresh is not None:
            memory.remember(self._skeleton(self._fresh))
        found = memory.skeleton
        values = np.concatenate(self._values) if self._values else np.empty(0, np.float64)
        times = np.concatenate(self._times) if self._times else np.empty(0, np.int64)
        starts = found.starters.starts_ms(values)
        return Page(found.layout, values, times, found.families, (), self._notes, starts)

    def _block(self, block: bytes) -> bool:
        lines = block.split(b"\n")
        if self._known(lines, len(block)):
            return True
        self._look_up(lines)
        return False

    def _known(self, lines: list[bytes], size: int) -> bool:
        """Read lines that are those of the last page; false where they are not."""
        old, start, stop = self._memory.skeleton, self._at, self._at + len(lines)
        if stop > len(old.keys):
            return False
        rests = list(map(bytes.removeprefix, lines, old.keys[start:stop]))
        left = sum(map(len, rests))
        # Each line is shorter by its whole key or not at all, so that one sum tells of all of them.
        if left != size - len(lines) + 1 - int(old.sizes[stop] - old.sizes[start]):
            return False
        rests = list(compress(rests, old.is_sample[start:stop]))
        text = b"\n".join(rests)
        if len(text) != left + max(0, len(rests) - 1):
            return False
        first, last = int(old.samples[start]), int(old.samples[stop])
        notes: list[Note] = []
        if self._is_openmetrics and b"#" in text:
            notes = self._cut_exemplars(rests)
            text = b"\n".join(rests)
        read = numbers(text, old.timed[first:last], self._is_openmetrics)
        if read is None:
            return False
        known = old.layout.all_lines[first:last]
        self._keep(*read, notes, len(known) - (known.count(DROPPED) if old.layout.dropped else 0))
        if self._fresh is not None and not self._quota.is_exceeded:
            self._fresh.take(old, start, stop)
        self._at = stop
        return True

    def _look_up(self, lines: list[bytes]) -> None:
        """Read lines one by one, each known by its key or new."""
        self._diverge()
        found, rests = _Lines(), []
        for line in lines:
            if line.lstrip(b" \t")[:1] in b"#\r":
                found.keys.append(line)
                found.is_sample.append(0)
                continue
            end = self._series_end(line)
            key = line[:end]
            encoded = self._memory.lines.get(key)
            if encoded is None:
                encoded = self._name(grammar.series_pairs(key))
                if not self._quota.is_exceeded:
                    self._memory.lines[key] = encoded
            found.keys.append(key)
            found.is_sample.append(1)
            found.lines.append(encoded)
            rests.append(line[end:])
        notes = self._cut_exemplars(rests) if self._is_openmetrics else []
        parts = [b" ".join(rest.split()) for rest in rests]
        self._read_fresh(found, parts, notes)
        self._align(found.keys)

    def _read_fresh(self, found: _Lines, parts: list[bytes], notes: list[Note]) -> None:
        for part, key in zip(parts, compress(found.keys, found.is_sample), strict=True):
            if not part or part.count(b" ") > 1:
                raise DecodeError(
                    f"{grammar.shown(part)} is not a value [timestamp], behind {grammar.shown(key)}"
                )
        found.timed = bytearray([part.count(b" ") for part in parts])
        read = numbers(b"\n".join(parts), bytes(found.timed), self._is_openmetrics)
        if read is None:
            raise DecodeError("a sample has no value")
        self._keep(*read, notes, len(found.lines) - found.lines.count(DROPPED))
        if self._fresh is not None and not self._quota.is_exceeded:
            self._fresh.extend(found)

    def _keep(self, values: Float64Array, times: Int64Array, notes: list[Note], kept: int) -> None:
        self._quota.add(len(values), kept)
        if not self._quota.is_exceeded:
            self._values.append(values)
            self._times.append(times)
            self._notes += notes

    def _diverge(self) -> None:
        """From here on this page is another one than the last."""
        if self._fresh is None:
            self._fresh = _Lines()
            self._fresh.take(self._memory.skeleton, 0, self._at)

    def _align(self, keys: list[bytes]) -> None:
        """Find the place in the last page from which on it may be as this one again."""
        old = self._memory.skeleton.keys
        try:
            self._at = old.index(keys[-1], self._at, self._at + 4 * len(keys)) + 1
        except ValueError:
            self._at = min(self._at + len(keys), len(old))

    def _series_end(self, line: bytes) -> int:
        if not self._is_openmetrics:
            end = line.rfind(b"} ") + 2
            if end > 1:
                return end
        return grammar.series_end(line)

    def _cut_exemplars(self, rests: list[bytes]) -> list[Note]:
        """Cut exemplars off what is behind the series of lines; one that breaks a rule is left out."""
        notes = []
        for at, rest in enumerate(rests):
            if b"#" in rest:
                rests[at], _, text = rest.partition(b"#")
                rests[at] = rests[at].rstrip(b" \t")
                labels, value, time_ms = grammar.exemplar(text.strip(b" \t\r"))
                if sum(len(one) + len(other) for one, other in labels) <= _MAX_EXEMPLAR_CHARS:
                    encoded = encode_labels(sorted(labels))
                    notes.append(Note(self._quota.scraped + at, encoded, value, time_ms))
        return notes

    def _skeleton(self, fresh: _Lines) -> Skeleton:
        comments = [key for key, is_sample in zip(fresh.keys, fresh.is_sample, strict=True) if not is_sample]
        if self._is_openmetrics:
            _check_end([line.strip() for line in comments], fresh.keys)
        old, families = self._memory.skeleton.layout, grammar.families(comments)
        timed = bytes(fresh.timed)
        layout = old.same(fresh.lines, timed if self._honors_times else bytes(len(timed)))
        return Skeleton(
            fresh.keys,
            bytes(fresh.is_sample),
            timed,
            layout,
            Starters.of(fresh.lines, families) if self._is_openmetrics else Starters(),
            families,
            np.cumsum([0, *map(len, fresh.keys)]),
            np.cumsum([0, *fresh.is_sample]),
        )


def _check_end(comments: list[bytes], keys: list[bytes]) -> None:
    """OpenMetrics says where a page ends, so that one that was cut off can be told."""
    ends = [key for key in keys if key.strip()][-1:]
    if not ends or ends[0].strip() != b"# EOF" or comments.count(b"# EOF") != 1:
        raise DecodeError("the page does not end with '# EOF', so a part of it may be missing")
