"""Functions of ranges in which native histograms stand, alone or among floats."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from query.ast import Modifier
from query.block import Block, Cells, Samples
from query.native.merge.apply import Merged, Plan, average, gauges, merge, scaled
from query.native.remarks import IGNORED_IN_RANGE, MIXED_KINDS, MIXED_SCHEMAS, NOT_COUNTER, NOT_GAUGE, Remarks
from query.native.samples import differences, split
from query.rollup.functions import Roller, Rollup, Windows
from storage.histograms import CUSTOM_SCHEMA, HINT_GAUGE, Histograms
from storage.model import BoolArray, Float64Array, Int32Array, Int64Array

_THRESHOLD: Final = 1.1
"""How far from a range's end, in mean distances, a sample may lie to be carried to it (extrapolatedRate)."""

_OF_ANY_KIND: Final = frozenset(
    (
        "absent_over_time",
        "count_over_time",
        "present_over_time",
        "timestamp",
        "ts_of_first_over_time",
        "ts_of_last_over_time",
    )
)


@dataclass(frozen=True, slots=True)
class Look:
    """A function that looks at ranges, '' for a selector's own look, and what is remarked on what it sees.

    Of an `anchored` or `smoothed` range the window is wider: by `before_ms` and `after_ms`.
    """

    name: str
    remarks: Remarks
    modifier: Modifier = Modifier.NONE
    before_ms: int = 0
    after_ms: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Ranges:
    """The windows of one function over samples of both kinds, seen together and apart."""

    look: Look
    rollup: Rollup
    roller: Roller
    args: Sequence[Float64Array]
    all: Windows
    floats: Windows
    histograms: Windows

    @property
    def remarks(self) -> Remarks:
        """Where remarks go."""
        return self.look.remarks

    @property
    def has_floats(self) -> BoolArray:
        """Bool (series, steps)."""
        return self.floats.high > self.floats.low

    @property
    def has_histograms(self) -> BoolArray:
        """Bool (series, steps)."""
        return self.histograms.high > self.histograms.low

    @property
    def cells(self) -> Cells:
        """The histograms alone, flat."""
        assert self.histograms.samples.cells is not None
        return self.histograms.samples.cells

    def of_floats(self) -> Block:
        """What the function says of the floats."""
        return self.roller.apply(self.rollup, self.floats, self.args)

    def refuse(self, message: str, where: BoolArray) -> None:
        """Warn of the metrics of series that have such a step; bool (series, steps)."""
        self.remarks.warn(message, self.all.samples.labels, np.nonzero(where)[0])


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """One histogram for each of some windows: that of cell (rows[i], steps[i])."""

    rows: Int64Array
    steps: Int64Array

    @staticmethod
    def where(found: BoolArray) -> Points:
        """The cells at which something was found."""
        return Points(*np.nonzero(found))

    def kept(self, rows: BoolArray) -> Points:
        """Some of them."""
        return Points(self.rows[rows], self.steps[rows])


def rolled(
    roller: Roller,
    rollup: Rollup,
    look: Look,
    samples: Samples,
    ends_ms: Int64Array,
    window_ms: int,
    args: Sequence[Float64Array],
) -> Block:
    """Evaluate a function of ranges without a modifier."""
    if look.name in _OF_ANY_KIND:
        return roller.apply(rollup, roller.windows(samples, ends_ms, window_ms), args)
    ranges = ranges_of(roller, rollup, look, samples, ends_ms, window_ms, args)
    return _FUNCTIONS.get(look.name, _floats_only)(ranges)


def ranges_of(
    roller: Roller,
    rollup: Rollup,
    look: Look,
    samples: Samples,
    ends_ms: Int64Array,
    window_ms: int,
    args: Sequence[Float64Array] = (),
) -> Ranges:
    """The windows of a look at samples of both kinds."""
    whole, floats, histograms = (
        roller.windows(part, ends_ms, window_ms) for part in (samples, *split(samples))
    )
    return Ranges(look, rollup, roller, args, whole, floats, histograms)


def _floats_only(ranges: Ranges) -> Block:
    both = ranges.has_floats & ranges.has_histograms
    ranges.remarks.info(IGNORED_IN_RANGE, ranges.all.samples.labels, np.nonzero(both)[0])
    return ranges.of_floats()


def _pick(is_last: bool) -> Callable[[Ranges], Block]:
    """The first or last sample of each window."""

    def run(ranges: Ranges) -> Block:
        block, windows = ranges.of_floats(), ranges.histograms
        points = Points.where(ranges.has_histograms)
        mine = _places(windows, points, is_last)
        others = ranges.floats
        has_float = ranges.has_floats[points.rows, points.steps]
        # Without a float any place does: it is not looked at.
        place = np.where(has_float, _places(others, points, is_last), 0)
        times = np.append(others.samples.timestamps_ms, 0)[place]
        own = windows.samples.timestamps_ms[mine]
        wins = ~has_float | ((own > times) if is_last else (own < times))
        return _joined(block, points.kept(wins), ranges.cells.at[mine[wins]], ranges.cells.pool)

    return run


def _places(windows: Windows, points: Points, is_last: bool) -> Int64Array:
    """The flat index of the first or last sample in each window."""
    if is_last:
        return windows.high[points.rows, points.steps].astype(np.int64) - 1
    return windows.low[points.rows, points.steps].astype(np.int64)


def _joined(block: Block, points: Points, at: npt.NDArray[np.integer], pool: Histograms) -> Block:
    """A block of floats with histograms put into it; at: rows of `pool`."""
    cells = Cells(np.full(block.values.shape, -1, np.int32), pool)
    cells.at[points.rows, points.steps] = at
    return replace(block, present=block.present | (cells.at >= 0), cells=cells)


def _results(block: Block, points: Points, pool: Histograms) -> Block:
    return _joined(block, points, np.arange(len(pool)), pool)


def _differing(shows_resets: bool) -> Callable[[Ranges], Block]:
    def run(ranges: Ranges) -> Block:
        windows = ranges.all
        flags = differences(windows.samples)[int(shows_resets)]
        before = np.concatenate([np.zeros(1, np.int64), np.cumsum(flags)])
        present = windows.high > windows.low
        low = np.where(present, windows.low + 1, 0)
        counts = before[np.where(present, windows.high, 0)] - before[low]
        return Block(windows.samples.labels, counts.astype(np.float64), present).nameless()

    return run


def _total(is_average: bool) -> Callable[[Ranges], Block]:
    def run(ranges: Ranges) -> Block:
        block = unmixed(ranges)
        windows = ranges.histograms
        points = Points.where(ranges.has_histograms & ~ranges.has_floats)
        low, high = (edge[points.rows, points.steps].astype(np.int64) for edge in (windows.low, windows.high))
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(high - low)])
        rows = ranges.cells.at[np.arange(offsets[-1]) + np.repeat(low - offsets[:-1], high - low)]
        plan = Plan(offsets, rows.astype(np.int64), np.ones(len(rows)))
        merged = (average if is_average else merge)(ranges.cells.pool, plan)
        ranges.remarks.collided(merged.has_collision, "aggregation")
        ranges.remarks.reconciled(merged.has_added_bounds, "aggregation")
        return unless_mixed(ranges, block, points, merged, merged.histograms)

    return run


def unmixed(ranges: Ranges) -> Block:
    """What the function says of floats, where no histograms are among them."""
    mixed = ranges.has_floats & ranges.has_histograms
    ranges.refuse(MIXED_KINDS, mixed)
    block = ranges.of_floats()
    return block.where(block.present & ~mixed)


def unless_mixed(
    ranges: Ranges, block: Block, points: Points, merged: Merged, histograms: Histograms
) -> Block:
    """`block` with a histogram at each point, unless its sum had both kinds of buckets."""
    ranges.remarks.warn(MIXED_SCHEMAS, ranges.all.samples.labels, points.rows[merged.is_mixed])
    kept = np.flatnonzero(~merged.is_mixed)
    return _results(block, points.kept(~merged.is_mixed), histograms.take(kept))


def _extrapolated(is_counter: bool, is_rate: bool) -> Callable[[Ranges], Block]:
    """rate, increase and delta (Prometheus, histogramRate and extrapolatedRate)."""

    def run(ranges: Ranges) -> Block:
        block, windows = unmixed(ranges), ranges.histograms
        points = Points.where((windows.high - windows.low >= 2) & ~ranges.has_floats)
        first, last = _places(windows, points, False), _places(windows, points, True)
        was_reset = differences(windows.samples)[1] & is_counter
        nulled = was_reset[first + 1] if len(first) else np.empty(0, np.bool_)
        mixed = _is_mixed(ranges, first + nulled, last, is_counter)
        ranges.remarks.warn(MIXED_SCHEMAS, ranges.all.samples.labels, points.rows[mixed])
        points, first, last, nulled = points.kept(~mixed), first[~mixed], last[~mixed], nulled[~mixed]
        _check_hints(ranges, points, first, last, is_counter)
        merged = _increase(ranges, first, last, nulled, was_reset)
        counts = ranges.cells.pool.counts[ranges.cells.at[first]]
        factors = _factors(
            windows, points, first, last, (counts, merged.histograms.counts) if is_counter else None
        )
        if is_rate:
            factors /= windows.window_ms / 1000
        found = gauges(scaled(merged.histograms, factors))
        return unless_mixed(ranges, block, points, merged, found)

    return run


def _is_mixed(ranges: Ranges, first: Int64Array, last: Int64Array, is_counter: bool) -> BoolArray:
    """Where windows of histograms, first and last inclusive, hold both kinds of buckets."""
    custom = ranges.cells.pool.schemas[ranges.cells.at] == CUSTOM_SCHEMA
    if not is_counter:
        differ: BoolArray = custom[first] != custom[last]
        return differ
    before = np.concatenate([np.zeros(1, np.int64), np.cumsum(custom)])
    found = before[last + 1] - before[first]
    mixed: BoolArray = (found != 0) & (found != last + 1 - first)
    return mixed


def _check_hints(
    ranges: Ranges, points: Points, first: Int64Array, last: Int64Array, is_counter: bool
) -> None:
    gauge = ranges.cells.pool.hints[ranges.cells.at] == HINT_GAUGE
    if is_counter:
        before = np.concatenate([np.zeros(1, np.int64), np.cumsum(gauge)])
        wrong = before[last + 1] > before[first]
    else:
        wrong = ~gauge[first] | ~gauge[last]
    message = NOT_COUNTER if is_counter else NOT_GAUGE
    ranges.remarks.warn(message, ranges.all.samples.labels, points.rows[wrong])


def _increase(
    ranges: Ranges, first: Int64Array, last: Int64Array, nulled: BoolArray, was_reset: BoolArray
) -> Merged:
    """The last less the first, with what stood before each reset added; a nulled first counts as nothing."""
    at = ranges.cells.at
    resets = np.flatnonzero(was_reset)
    low, high = np.searchsorted(resets, first + nulled, "right"), np.searchsorted(resets, last, "right")
    sizes = high - low
    begins = np.cumsum(sizes) - sizes
    between = resets[np.arange(sizes.sum()) + np.repeat(low - begins, sizes)] - 1
    cells = np.arange(len(first))
    plan = Plan.of(
        len(first),
        np.concatenate([cells, cells[~nulled], np.repeat(cells, sizes)]),
        at[np.concatenate([last, first[~nulled], between])].astype(np.int64),
        np.concatenate([np.ones(len(first)), -np.ones(int((~nulled).sum())), np.ones(len(between))]),
    )
    merged = merge(ranges.cells.pool, plan)
    ranges.remarks.reconciled(merged.has_subtracted_bounds, "subtraction")
    ranges.remarks.reconciled(merged.has_added_bounds, "addition")
    return merged


def _factors(
    windows: Windows,
    points: Points,
    first: Int64Array,
    last: Int64Array,
    counter: tuple[Float64Array, Float64Array] | None,
) -> Float64Array:
    """By how much an increase grows to cover its whole window.

    counter: the first counts and their increases, as a counter is not carried to before it was 0.
    """
    times = windows.samples.timestamps_ms
    ends_ms = windows.ends_ms[points.steps]
    to_start = (times[first] - (ends_ms - windows.window_ms)) / 1000
    to_end = (ends_ms - times[last]) / 1000
    sampled = (times[last] - times[first]) / 1000
    mean = sampled / (last - first)
    to_start = np.where(to_start >= mean * _THRESHOLD, mean / 2, to_start)
    to_end = np.where(to_end >= mean * _THRESHOLD, mean / 2, to_end)
    if counter is not None:
        count, increase = counter
        with np.errstate(all="ignore"):
            to_zero = np.where((increase > 0) & (count >= 0), sampled * (count / increase), np.inf)
        to_start = np.minimum(to_start, to_zero)
    factors: Float64Array = (sampled + to_start + to_end) / sampled
    return factors


def _instant(is_rate: bool) -> Callable[[Ranges], Block]:
    """irate and idelta: of the last two samples (Prometheus, instantValue)."""

    def run(ranges: Ranges) -> Block:
        windows = ranges.all
        assert windows.samples.cells is not None
        at, times = windows.samples.cells.at, windows.samples.timestamps_ms
        points = Points.where(windows.high - windows.low >= 2)
        last = _places(windows, points, True)
        kinds = np.stack([at[last - 1] >= 0, at[last] >= 0])
        mixed = kinds[0] != kinds[1]
        ranges.remarks.warn(MIXED_KINDS, windows.samples.labels, points.rows[mixed])
        block = ranges.of_floats()
        are_floats = np.zeros(block.present.shape, np.bool_)
        are_floats[points.rows, points.steps] = ~(kinds[0] | kinds[1])
        block = block.where(block.present & are_floats)
        points, last = points.kept(kinds[0] & kinds[1]), last[kinds[0] & kinds[1]]
        _check_pair(ranges, points, last, is_rate)
        subtracted = ~(differences(windows.samples)[1][last] & is_rate)
        merged = _last_two(ranges, at, last, subtracted)
        interval_s = (times[last] - times[last - 1]) / 1000
        found = scaled(merged.histograms, 1 / interval_s) if is_rate else merged.histograms
        return unless_mixed(ranges, block, points, merged, gauges(found))

    return run


def _check_pair(ranges: Ranges, points: Points, last: Int64Array, is_rate: bool) -> None:
    cells = ranges.all.samples.cells
    assert cells is not None
    gauge = cells.pool.hints[cells.at] == HINT_GAUGE
    wrong = gauge[last] | gauge[last - 1] if is_rate else ~gauge[last] | ~gauge[last - 1]
    message = NOT_COUNTER if is_rate else NOT_GAUGE
    ranges.remarks.warn(message, ranges.all.samples.labels, points.rows[wrong])


def _last_two(ranges: Ranges, at: Int32Array, last: Int64Array, subtracted: BoolArray) -> Merged:
    cells = np.arange(len(last))
    plan = Plan.of(
        len(last),
        np.concatenate([cells, cells[subtracted]]),
        at[np.concatenate([last, last[subtracted] - 1])].astype(np.int64),
        np.concatenate([np.ones(len(last)), -np.ones(int(subtracted.sum()))]),
    )
    merged = merge(ranges.cells.pool, plan)
    ranges.remarks.reconciled(merged.has_subtracted_bounds, "subtraction")
    return merged


_FUNCTIONS: Final[dict[str, Callable[[Ranges], Block]]] = {
    "": _pick(True),
    "last_over_time": _pick(True),
    "first_over_time": _pick(False),
    "changes": _differing(False),
    "resets": _differing(True),
    "sum_over_time": _total(False),
    "avg_over_time": _total(True),
    "rate": _extrapolated(True, True),
    "increase": _extrapolated(True, False),
    "delta": _extrapolated(False, False),
    "irate": _instant(True),
    "idelta": _instant(False),
}
