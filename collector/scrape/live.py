"""The series of one target that live: what a page adds to them, and what has to be ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from collector.scrape.layout import Layout
from collector.scrape.native import stale_histogram, with_time
from collector.scrape.page import Page
from collector.sweep import Example, Spread, Sweep
from storage.model import STALE_NAN_BITS, Float64Array, Int64Array, Metadata

_NO_LAYOUT: Final = Layout()


@dataclass(slots=True)
class Live:
    """Remembers the series of the last page, and makes sweeps of pages.

    lines: the series of the last sweep that was no failure. ending, ending_histograms: what ends when it is
    not on the next page.

    report_lines: the series of the scraper's own report, which end with the target only. tracks_times: series
    with times of their own are ended too.
    """

    source: str
    report_lines: tuple[bytes, ...]
    tracks_times: bool = False
    layout: Layout = _NO_LAYOUT
    lines: tuple[bytes, ...] = ()
    ending: tuple[bytes, ...] = ()
    ending_histograms: tuple[bytes, ...] = ()
    out_of_order: int = 0
    is_up: bool = False

    def added(self, page: Page) -> int:
        """How many series the page has that the last one had not."""
        if page.layout is self.layout and not page.histograms:
            return 0
        histograms = {one.line for one in page.histograms}
        return len({*page.layout.lines, *histograms}.difference(self.layout.lines, self.ending_histograms))

    def sweep(self, page: Page, report: Sequence[float], time_ms: int, metadata: Sequence[Metadata]) -> Sweep:
        """The samples of a page, those that were not late; and an end to series that it does not have."""
        layout = page.layout
        vanished = self._take(layout)
        values, times_ms = layout.kept(page.values), _times(page, time_ms)
        late = layout.late(times_ms) if layout.repeated else []
        self.out_of_order = len(late)
        ends = _markers(len(vanished))
        given = Sweep(
            self.source,
            self.lines + vanished if vanished else self.lines,
            np.concatenate([values, report, ends]),
            np.concatenate([times_ms, np.full(len(report) + len(vanished), time_ms, np.int64)]),
            self._histograms(page, time_ms),
            (),
            metadata,
            _starts(page, len(report) + len(vanished)),
        )
        if late:
            given = _without(given, late)
        if page.notes:
            given = replace(given, exemplars=_examples(page, given, late, time_ms))
        return given

    def failed(
        self, report: Sequence[float] | Float64Array, time_ms: int, metadata: Sequence[Metadata]
    ) -> Sweep:
        """The report alone, and an end to all series."""
        lines = self.ending + self.report_lines
        values = np.concatenate([_markers(len(self.ending)), report])
        ends = tuple(Spread(line, stale_histogram(time_ms)) for line in self.ending_histograms)
        self.ending = self.ending_histograms = ()
        self.is_up = False
        return Sweep(self.source, lines, values, np.full(len(lines), time_ms), ends, metadata=metadata)

    def last(self, time_ms: int) -> Sweep:
        """An end to all series, those of the report too."""
        return replace(self.failed(_markers(len(self.report_lines)), time_ms, ()), is_last=True)

    def succeed(self, earlier: Live) -> None:
        """Take over the series of one that ends without saying so."""
        self.ending, self.ending_histograms = earlier.ending, earlier.ending_histograms
        self.layout = earlier.layout

    def _take(self, layout: Layout) -> tuple[bytes, ...]:
        """Series that end with this page, unless the page is laid out as the last."""
        if layout is self.layout and self.is_up:
            return ()
        before, self.ending = self.ending, layout.lines if self.tracks_times else layout.untimed_lines()
        self.layout, self.is_up = layout, True
        self.lines = layout.lines + self.report_lines
        # A series that goes on with times of its own has not ended.
        there = set(layout.lines)
        return tuple(line for line in dict.fromkeys(before) if line not in there)

    def _histograms(self, page: Page, time_ms: int) -> tuple[Spread, ...]:
        found = []
        for one in page.histograms:
            at_ms = time_ms if one.time_ms is None else one.time_ms
            found.append(Spread(one.line, with_time(one.encoded, at_ms), one.start_ms))
        kept = {one.line for one in page.histograms}
        found += [
            Spread(line, stale_histogram(time_ms)) for line in self.ending_histograms if line not in kept
        ]
        self.ending_histograms = tuple(
            one.line for one in page.histograms if one.time_ms is None or self.tracks_times
        )
        return tuple(found)


def _markers(count: int) -> Float64Array:
    return np.full(count, STALE_NAN_BITS, np.uint64).view(np.float64)


def _times(page: Page, time_ms: int) -> Int64Array:
    layout = page.layout
    if not layout.has_times:
        return np.full(len(layout.lines), time_ms, np.int64)
    timed = np.frombuffer(layout.kept_timed, np.bool_)
    return np.where(timed, layout.kept_times(page.times_ms), time_ms)


def _starts(page: Page, further: int) -> Int64Array:
    if not len(page.starts_ms):
        return page.starts_ms
    return np.concatenate([page.layout.kept_times(page.starts_ms), np.zeros(further, np.int64)])


def _without(sweep: Sweep, late: Sequence[int]) -> Sweep:
    gone = set(late)
    return replace(
        sweep,
        lines=tuple(line for at, line in enumerate(sweep.lines) if at not in gone),
        values=np.delete(sweep.values, late),
        times_ms=np.delete(sweep.times_ms, late),
        starts_ms=np.delete(sweep.starts_ms, late) if len(sweep.starts_ms) else sweep.starts_ms,
    )


def _examples(page: Page, sweep: Sweep, late: Sequence[int], time_ms: int) -> tuple[Example, ...]:
    """Exemplars of samples that are kept, by their rows in the sweep."""
    rows, gone = page.layout.rows, set(late)
    kept = range(len(page.layout.all_lines)) if rows is None else rows.tolist()
    at = {row: place for place, row in enumerate(row for i, row in enumerate(kept) if i not in gone)}
    found = []
    for note in page.notes:
        place = len(sweep.lines) + ~note.row if note.row < 0 else at.get(note.row)
        if place is not None:
            own_ms = int(sweep.times_ms[place]) if note.row >= 0 else time_ms
            found.append(
                Example(place, note.labels, note.value, own_ms if note.time_ms is None else note.time_ms)
            )
    return tuple(found)
