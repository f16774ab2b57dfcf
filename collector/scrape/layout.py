"""The samples of a page in their order: which are kept, and as which series. One layout serves many pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from collector.scrape.naming import DROPPED
from storage.model import Float64Array, Int64Array

UNTIMED: Final = 0
"""In `Layout.timed`: the sample has no time of its own."""


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Samples in the order of the page.

    all_lines: encoded labels by sample, `DROPPED` for those that rules drop. timed: 1 for a sample whose time
    is the page's, else `UNTIMED`. lines: those of the samples that are kept. rows: int64, which samples are
    kept, None for all. repeated: positions in `lines` of series that came before with another time.
    """

    all_lines: Sequence[bytes] = ()
    timed: bytes = b""
    lines: tuple[bytes, ...] = ()
    rows: Int64Array | None = None
    repeated: tuple[int, ...] = ()
    dropped: int = 0
    duplicates: int = 0
    has_times: bool = False
    kept_timed: bytes = field(default=b"", repr=False)

    @classmethod
    def of(cls, all_lines: Sequence[bytes], timed: bytes) -> Layout:
        """Where a series comes again without a time of its own, the first sample stays."""
        dropped = all_lines.count(DROPPED)
        has_times = 1 in timed
        if not dropped and len(set(all_lines)) == len(all_lines):
            return cls(all_lines, timed, tuple(all_lines), has_times=has_times, kept_timed=timed)
        seen: set[bytes] = set()
        rows: list[int] = []
        repeated: list[int] = []
        for row, (line, is_timed) in enumerate(zip(all_lines, timed, strict=True)):
            if line == DROPPED or (line in seen and not is_timed):
                continue
            if line in seen:
                repeated.append(len(rows))
            seen.add(line)
            rows.append(row)
        return cls(
            all_lines,
            timed,
            tuple([all_lines[row] for row in rows]),
            np.array(rows, np.int64),
            tuple(repeated),
            dropped,
            len(all_lines) - dropped - len(rows),
            has_times,
            bytes([timed[row] for row in rows]),
        )

    def same(self, all_lines: Sequence[bytes], timed: bytes) -> Layout:
        """The layout itself where it is that of these samples, else a new one."""
        if self.timed == timed and self.all_lines == all_lines:
            return self
        return Layout.of(all_lines, timed)

    def kept(self, column: Float64Array) -> Float64Array:
        """The values of kept samples, of those of all."""
        return column if self.rows is None else column[self.rows]

    def kept_times(self, column: Int64Array) -> Int64Array:
        """The times of kept samples, of those of all."""
        return column if self.rows is None else column[self.rows]

    def late(self, times_ms: Int64Array) -> list[int]:
        """Positions of kept samples that are not after the one before them of their series."""
        latest: dict[bytes, int] = {}
        found = []
        repeated = {self.lines[at] for at in self.repeated}
        for at, line in enumerate(self.lines) if repeated else ():
            if line in repeated:
                time_ms = int(times_ms[at])
                if time_ms <= latest.get(line, time_ms - 1):
                    found.append(at)
                else:
                    latest[line] = time_ms
        return found

    def untimed_lines(self) -> tuple[bytes, ...]:
        """The series whose times are the scrape's."""
        if not self.has_times:
            return self.lines
        return tuple(
            [line for line, is_timed in zip(self.lines, self.kept_timed, strict=True) if not is_timed]
        )
