"""A page without its numbers: what the next page of the target is compared with."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import compress

import numpy as np

from collector.scrape import grammar
from collector.scrape.layout import Layout
from collector.scrape.naming import DROPPED
from collector.scrape.starts import Starters
from storage.errors import DecodeError
from storage.model import Int64Array, Metadata


def _zero() -> Int64Array:
    return np.zeros(1, np.int64)


@dataclass(slots=True)
class Lines:
    """Lines of a page. heads, tails: by line; lines, timed: by sample. As in `Skeleton`."""

    heads: list[bytes] = field(default_factory=list)
    tails: list[bytes] = field(default_factory=list)
    is_sample: bytearray = field(default_factory=bytearray)
    lines: list[bytes] = field(default_factory=list)
    timed: bytearray = field(default_factory=bytearray)

    def add(self, head: bytes, tail: bytes, is_sample: int) -> None:
        """Append one line; that of a sample has encoded labels to be appended too."""
        self.heads.append(head)
        self.tails.append(tail)
        self.is_sample.append(is_sample)

    def take(self, skeleton: Skeleton, start: int, stop: int) -> None:
        """Append a part of the last page: lines from `start` to below `stop`."""
        first, last = skeleton.samples[start], skeleton.samples[stop]
        self.heads += skeleton.heads[start:stop]
        self.tails += skeleton.tails[start:stop]
        self.is_sample += skeleton.is_sample[start:stop]
        self.lines += skeleton.layout.all_lines[first:last]
        self.timed += skeleton.timed[first:last]

    def extend(self, other: Lines) -> None:
        """Append further lines."""
        self.heads += other.heads
        self.tails += other.tails
        self.is_sample += other.is_sample
        self.lines += other.lines
        self.timed += other.timed


@dataclass(frozen=True, slots=True, eq=False)
class Skeleton:
    """A whole page without its numbers.

    heads, tails: by line, the metric's name with what opens its labels, and the labels with all before the
    value. They are two since either comes again with other series, and is in memory once. A line without a
    sample is a head. is_sample: by line, 0 or 1. timed: by sample, 1 where its line has a timestamp. layout:
    of the samples, which may have them all at the time of the scrape. sizes, samples: int64 (lines + 1,), how
    many bytes of heads and tails, and how many samples, lie before each line. kept: int64 (samples + 1,), how
    many that no rule drops lie before each sample.
    """

    heads: list[bytes] = field(default_factory=list)
    tails: list[bytes] = field(default_factory=list)
    is_sample: bytes = b""
    timed: bytes = b""
    layout: Layout = field(default_factory=Layout)
    starters: Starters = field(default_factory=Starters)
    families: dict[str, Metadata] = field(default_factory=dict)
    sizes: Int64Array = field(default_factory=_zero)
    samples: Int64Array = field(default_factory=_zero)
    kept: Int64Array = field(default_factory=_zero)

    @classmethod
    def of(cls, fresh: Lines, old: Skeleton, is_openmetrics: bool, honors_times: bool) -> Skeleton:
        """The skeleton of a page's lines. Raises `DecodeError` where OpenMetrics lacks its end."""
        is_comment = [not is_sample for is_sample in fresh.is_sample]
        comments = list(compress(fresh.heads, is_comment))
        if is_openmetrics:
            _check_end(fresh, comments)
        families = grammar.families(comments)
        timed = bytes(fresh.timed)
        return cls(
            fresh.heads,
            fresh.tails,
            bytes(fresh.is_sample),
            timed,
            old.layout.same(fresh.lines, timed if honors_times else bytes(len(timed))),
            Starters.of(fresh.lines, families) if is_openmetrics else Starters(),
            families,
            np.cumsum([0, *(len(a) + len(b) for a, b in zip(fresh.heads, fresh.tails, strict=True))]),
            np.cumsum([0, *fresh.is_sample]),
            np.cumsum([0, *(line != DROPPED for line in fresh.lines)]),
        )

    def known(self) -> dict[tuple[bytes, bytes], bytes]:
        """Encoded labels by head and tail."""
        series = compress(zip(self.heads, self.tails, strict=True), self.is_sample)
        return dict(zip(series, self.layout.all_lines, strict=True))

    def align(self, found: Lines, at: int) -> int:
        """The line behind the last of those that were found, which took the place of those from `at` on.

        From there on the two pages may be alike again.
        """
        head, tail, count = found.heads[-1], found.tails[-1], len(found.heads)
        for place in range(at, min(at + 4 * count, len(self.heads))):
            if self.heads[place] == head and self.tails[place] == tail:
                return place + 1
        return min(at + count, len(self.heads))


def _check_end(lines: Lines, comments: list[bytes]) -> None:
    """OpenMetrics says where a page ends, so that one that was cut off can be told."""
    last = next((head.strip() for head in reversed(lines.heads) if head.strip()), b"")
    if last != b"# EOF" or [comment.strip() for comment in comments].count(b"# EOF") != 1:
        raise DecodeError("the page does not end with '# EOF', so a part of it may be missing")
