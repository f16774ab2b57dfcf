"""rate, increase, delta, irate and idelta of native histograms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from query.block import Block
from query.native.merge.apply import Merged, Plan, gauges, merge, scaled
from query.native.ranges import Points, Ranges, places, unless_mixed, unmixed
from query.native.remarks import MIXED_KINDS, MIXED_SCHEMAS, NOT_COUNTER, NOT_GAUGE
from query.native.samples import differences
from query.rollup.functions import Windows
from storage.histograms import CUSTOM_SCHEMA, HINT_GAUGE
from storage.model import BoolArray, Float64Array, Int32Array, Int64Array

_THRESHOLD: Final = 1.1
"""How far from a range's end, in mean distances, a sample may lie to be carried to it (extrapolatedRate)."""


def extrapolated(is_counter: bool, is_rate: bool) -> Callable[[Ranges], Block]:
    """rate, increase and delta (Prometheus, histogramRate and extrapolatedRate)."""

    def run(ranges: Ranges) -> Block:
        block, windows = unmixed(ranges), ranges.histograms
        points, first, last, opens = _stretches(ranges, is_counter)
        was_reset = differences(windows.samples)[1] & is_counter
        # The first counts as nothing before a reset; where the counter began in the window, from 0.
        nulled = np.zeros(len(first), np.bool_)
        nulled[last > first] = was_reset[first[last > first] + 1]
        nulled &= ~opens
        mixed = _is_mixed(ranges, first + nulled, last, is_counter)
        ranges.remarks.warn(MIXED_SCHEMAS, ranges.all.samples.labels, points.rows[mixed])
        points, first, last = points.kept(~mixed), first[~mixed], last[~mixed]
        nulled, opens = nulled[~mixed], opens[~mixed]
        _check_hints(ranges, points, first, last, is_counter)
        merged = _increase(ranges, first, last, nulled, opens, was_reset)
        counts = ranges.cells.pool.counts[ranges.cells.at[first]]
        counter = (counts, merged.histograms.counts) if is_counter else None
        factors = _factors(windows, points, first, last, opens, counter)
        if is_rate:
            factors /= windows.window_ms / 1000
        found = gauges(scaled(merged.histograms, factors))
        return unless_mixed(ranges, block, points, merged, found)

    return run


def _stretches(ranges: Ranges, is_counter: bool) -> tuple[Points, Int64Array, Int64Array, BoolArray]:
    """The windows with an answer: the first and last sample, and whether the first began to count inside.

    Two samples make an answer, or one that began inside.
    """
    windows = ranges.histograms
    points = Points.where(ranges.has_histograms & ~ranges.has_floats)
    first, last = places(windows, points, False), places(windows, points, True)
    opens = np.zeros(len(first), np.bool_)
    if is_counter and windows.samples.starts_ms is not None:
        start = windows.samples.starts_ms[first]
        opens = (start > windows.ends_ms[points.steps] - windows.window_ms) & (
            start < windows.samples.timestamps_ms[first]
        )
    kept = (last > first) | opens
    return points.kept(kept), first[kept], last[kept], opens[kept]


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
    ranges: Ranges,
    first: Int64Array,
    last: Int64Array,
    nulled: BoolArray,
    opens: BoolArray,
    was_reset: BoolArray,
) -> Merged:
    """The last less the first, with what stood before each reset added; a nulled first counts as nothing."""
    subtracted = ~nulled & ~opens
    at = ranges.cells.at
    resets = np.flatnonzero(was_reset)
    low, high = np.searchsorted(resets, first + nulled, "right"), np.searchsorted(resets, last, "right")
    sizes = high - low
    begins = np.cumsum(sizes) - sizes
    between = resets[np.arange(sizes.sum()) + np.repeat(low - begins, sizes)] - 1
    cells = np.arange(len(first))
    plan = Plan.of(
        len(first),
        np.concatenate([cells, cells[subtracted], np.repeat(cells, sizes)]),
        at[np.concatenate([last, first[subtracted], between])],
        np.concatenate([np.ones(len(first)), -np.ones(int(subtracted.sum())), np.ones(len(between))]),
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
    opens: BoolArray,
    counter: tuple[Float64Array, Float64Array] | None,
) -> Float64Array:
    """By how much an increase grows to cover its whole window; `opens`: it is known from its very start on.

    counter: the first counts and their increases, as a counter is not carried to before it was 0.
    """
    times = windows.samples.timestamps_ms
    ends_ms = windows.ends_ms[points.steps]
    to_start = (times[first] - (ends_ms - windows.window_ms)) / 1000
    to_end = (ends_ms - times[last]) / 1000
    mean = (times[last] - times[first]) / 1000 / np.maximum(last - first, 1)
    begins = times[first]
    if windows.samples.starts_ms is not None:
        begins = np.where(opens, windows.samples.starts_ms[first], begins)
    sampled = (times[last] - begins) / 1000
    to_start = np.where(to_start >= mean * _THRESHOLD, mean / 2, to_start)
    to_end = np.where(to_end >= mean * _THRESHOLD, mean / 2, to_end)
    if counter is not None:
        count, increase = counter
        with np.errstate(all="ignore"):
            to_zero = np.where((increase > 0) & (count >= 0), sampled * (count / increase), np.inf)
        to_start = np.where(opens, 0.0, np.minimum(to_start, to_zero))
    factors: Float64Array = (sampled + to_start + to_end) / sampled
    return factors


def instant(is_rate: bool) -> Callable[[Ranges], Block]:
    """irate and idelta: of the last two samples (Prometheus, instantValue)."""

    def run(ranges: Ranges) -> Block:
        windows = ranges.all
        assert windows.samples.cells is not None
        at, times = windows.samples.cells.at, windows.samples.timestamps_ms
        points = Points.where(windows.high - windows.low >= 2)
        last = places(windows, points, True)
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
