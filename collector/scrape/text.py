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
from collector.scrape.naming import DROPPED
from collector.scrape.numbers import numbers
from collector.scrape.page import Name, Note, Page, Quota
from collector.scrape.skeleton import Lines, Skeleton
from ingest.wire.encoding import encode_labels
from storage.errors import DecodeError
from storage.model import Float64Array, Int64Array

_MAX_EXEMPLAR_CHARS = 128


@dataclass(slots=True)
class TextMemory:
    """What is remembered of a target's text pages: the last whole one."""

    skeleton: Skeleton = field(default_factory=Skeleton)


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
        self._fresh: Lines | None = None
        self._texts: dict[bytes, bytes] = {}
        self._lines: dict[tuple[bytes, bytes], bytes] = {}
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
        old = self._memory.skeleton
        fresh = self._fresh
        if fresh is None and (self._at < len(old.heads) or not old.heads):
            fresh = self._diverge()
        if fresh is not None:
            self._memory.skeleton = Skeleton.of(fresh, old, self._is_openmetrics, self._honors_times)
        found = self._memory.skeleton
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
        if stop > len(old.heads):
            return False
        rests = list(map(bytes.removeprefix, lines, old.heads[start:stop]))
        rests = list(map(bytes.removeprefix, rests, old.tails[start:stop]))
        left = sum(map(len, rests))
        # No line is shorter by more than its head and its tail, so that one sum tells of all of them.
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
        self._keep(*read, notes, int(old.kept[last] - old.kept[first]))
        if self._fresh is not None and not self._quota.is_exceeded:
            self._fresh.take(old, start, stop)
        self._at = stop
        return True

    def _look_up(self, lines: list[bytes]) -> None:
        """Read lines one by one, each known by its series or new."""
        fresh = self._diverge()
        found, rests = Lines(), []
        shared, known = self._texts.setdefault, self._lines
        for line in lines:
            if line.lstrip(b" \t")[:1] in b"#\r":
                found.add(shared(line, line), b"", is_sample=0)
                continue
            end = self._series_end(line)
            cut = line.find(b"{", 0, end) + 1 or end
            head, tail = line[:cut], line[cut:end]
            head, tail = shared(head, head), shared(tail, tail)
            encoded = known.get((head, tail))
            if encoded is None:
                encoded = self._name(grammar.series_pairs(line[:end]))
            found.add(head, tail, is_sample=1)
            found.lines.append(encoded)
            rests.append(line[end:])
        notes = self._cut_exemplars(rests) if self._is_openmetrics else []
        self._read_fresh(found, [b" ".join(rest.split()) for rest in rests], notes)
        if self._quota.is_exceeded:
            self._texts.clear()
            known.clear()
        else:
            fresh.extend(found)
        self._at = self._memory.skeleton.align(found, self._at)

    def _read_fresh(self, found: Lines, parts: list[bytes], notes: list[Note]) -> None:
        for part, head in zip(parts, compress(found.heads, found.is_sample), strict=True):
            if not part or part.count(b" ") > 1:
                raise DecodeError(
                    f"{grammar.shown(part)} is not a value [timestamp], behind {grammar.shown(head)}"
                )
        found.timed = bytearray([part.count(b" ") for part in parts])
        read = numbers(b"\n".join(parts), bytes(found.timed), self._is_openmetrics)
        if read is None:
            raise DecodeError("a sample has no value")
        self._keep(*read, notes, len(found.lines) - found.lines.count(DROPPED))

    def _keep(self, values: Float64Array, times: Int64Array, notes: list[Note], kept: int) -> None:
        self._quota.add(len(values), kept)
        if not self._quota.is_exceeded:
            self._values.append(values)
            self._times.append(times)
            self._notes += notes

    def _diverge(self) -> Lines:
        """From here on this page is another one than the last."""
        if self._fresh is None:
            old = self._memory.skeleton
            self._fresh = Lines()
            self._fresh.take(old, 0, self._at)
            self._texts = {text: text for texts in (old.heads, old.tails) for text in texts}
            self._lines = old.known()
        return self._fresh

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
