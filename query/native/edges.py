"""Functions of `anchored` and `smoothed` ranges of native histograms, and the `smoothed` selector.

The value at an edge, and what a reset adds, are all sums of weighted samples (Prometheus,
promql/functions.go, extendedHistogramRate): one sum a window gives the answer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from query.ast import Modifier
from query.block import Block
from query.native.merge.apply import Merged, Plan, gauges, merge, scaled
from query.native.ranges import Points, Ranges, unless_mixed, unmixed
from query.native.remarks import MIXED_SCHEMAS, NOT_COUNTER, NOT_GAUGE
from query.native.samples import differences
from query.rollup.edges import kernels
from query.rollup.functions import Windows
from storage.histograms import CUSTOM_SCHEMA, HINT_GAUGE
from storage.model import BoolArray, Float64Array, Int64Array


@dataclass(frozen=True, slots=True, eq=False)
class Edges:
    """The samples that count in some windows: first and last, as flat indexes, inclusive.

    left, right: how far beyond its earlier sample an edge lies, 0 to 1, where it lies between two samples;
    NaN where a sample itself stands for the edge.
    """

    points: Points
    first: Int64Array
    last: Int64Array
    left: Float64Array
    right: Float64Array


def edge_rolled(ranges: Ranges) -> Block:
    """Evaluate a function whose window is widened to the samples around its range."""
    if not ranges.look.name:
        return _at_step(ranges)
    if ranges.look.name in ("changes", "resets"):
        return _differing(ranges)
    return _change(ranges)


def _range(ranges: Ranges) -> tuple[Int64Array, Int64Array]:
    """(starts, ends) of the ranges themselves; int64 (steps,), in ms."""
    windows, look = ranges.all, ranges.look
    ends = windows.ends_ms - look.after_ms
    return ends - (windows.window_ms - look.before_ms - look.after_ms), ends


def _found(
    windows: Windows, starts: Int64Array, ends: Int64Array, is_smoothed: bool
) -> tuple[Int64Array, Int64Array, BoolArray]:
    shape = windows.low.shape
    first, last = np.empty(shape, np.int64), np.empty(shape, np.int64)
    present = np.empty(shape, np.bool_)
    kernels.edges(
        windows.low,
        windows.high,
        windows.samples.timestamps_ms,
        starts,
        ends,
        is_smoothed,
        first,
        last,
        present,
    )
    return first, last, present


def _edges(ranges: Ranges) -> Edges:
    windows, times = ranges.histograms, ranges.histograms.samples.timestamps_ms
    starts, ends = _range(ranges)
    is_smoothed = ranges.look.modifier is Modifier.SMOOTHED
    firsts, lasts, present = _found(windows, starts, ends, is_smoothed)
    points = Points.where(present & ~ranges.has_floats)
    first, last = firsts[points.rows, points.steps], lasts[points.rows, points.steps]
    starts, ends = starts[points.steps], ends[points.steps]
    lows = windows.low[points.rows, points.steps]
    before = is_smoothed & (times[first] < starts) & (first < last)
    after = is_smoothed & (times[last] > ends) & (last > lows)
    return Edges(
        points,
        first,
        last,
        _share(times, np.where(before, first, -1), starts),
        _share(times, np.where(after, last - 1, -1), ends),
    )


def _share(times: Int64Array, at: Int64Array, moments: Int64Array) -> Float64Array:
    """How far moments lie from sample `at` to the next; NaN where `at` is -1."""
    there = at >= 0
    found = np.full(len(at), np.nan)
    begin, end = times[at[there]], times[at[there] + 1]
    found[there] = (moments[there] - begin) / (end - begin)
    return found


def _between(
    cells: Int64Array, at: Int64Array, share: Float64Array, was_reset: BoolArray, sign: float
) -> tuple[Int64Array, Int64Array, Float64Array]:
    """(cell, sample, weight) of values on the line from sample `at` to the next; after a reset, from 0."""
    kept = ~was_reset[at + 1]
    return (
        np.concatenate([cells[kept], cells]),
        np.concatenate([at[kept], at + 1]),
        sign * np.concatenate([1 - share[kept], share]),
    )


def _change(ranges: Ranges) -> Block:
    is_counter = ranges.look.name != "delta"
    block, edges = unmixed(ranges), _edges(ranges)
    was_reset = differences(ranges.histograms.samples)[1] & is_counter
    _check_hints(ranges, edges, is_counter)
    merged = _summed(ranges, edges, was_reset)
    found = merged.histograms
    if ranges.look.name == "rate":
        starts, ends = _range(ranges)
        found = scaled(found, 1000 / (ends - starts)[edges.points.steps])
    return unless_mixed(ranges, block, edges.points, merged, gauges(found))


def _check_hints(ranges: Ranges, edges: Edges, is_counter: bool) -> None:
    gauge = ranges.cells.pool.hints[ranges.cells.at] == HINT_GAUGE
    if is_counter:
        before = np.concatenate([np.zeros(1, np.int64), np.cumsum(gauge)])
        wrong = before[edges.last + 1] > before[edges.first]
    else:
        wrong = ~gauge[edges.first] | ~gauge[edges.last]
    message = NOT_COUNTER if is_counter else NOT_GAUGE
    ranges.remarks.warn(message, ranges.all.samples.labels, edges.points.rows[wrong])


def _summed(ranges: Ranges, edges: Edges, was_reset: BoolArray) -> Merged:
    """The right edge less the left, with what stood before each reset between them."""
    cells, first, last = np.arange(len(edges.first)), edges.first, edges.last
    inner_left, inner_right = ~np.isnan(edges.left), ~np.isnan(edges.right)
    resets = np.flatnonzero(was_reset)
    low, high = np.searchsorted(resets, first + inner_left, "right"), np.searchsorted(resets, last, "right")
    sizes = np.maximum(high - low, 0)
    begins = np.cumsum(sizes) - sizes
    between = resets[np.arange(sizes.sum()) + np.repeat(low - begins, sizes)] - 1
    parts = [
        (cells[~inner_right], last[~inner_right], np.ones(int((~inner_right).sum()))),
        _between(cells[inner_right], last[inner_right] - 1, edges.right[inner_right], was_reset, 1.0),
        (cells[~inner_left], first[~inner_left], -np.ones(int((~inner_left).sum()))),
        _between(cells[inner_left], first[inner_left], edges.left[inner_left], was_reset, -1.0),
        (np.repeat(cells, sizes), between, np.ones(len(between))),
    ]
    of_cell, at, weights = (np.concatenate([part[i] for part in parts]) for i in range(3))
    plan = Plan.of(len(cells), of_cell.astype(np.int64), ranges.cells.at[at], weights)
    merged = merge(ranges.cells.pool, plan)
    ranges.remarks.reconciled(merged.has_subtracted_bounds, "subtraction")
    ranges.remarks.reconciled(merged.has_added_bounds, "addition")
    return merged


def _differing(ranges: Ranges) -> Block:
    windows = ranges.all
    flags = differences(windows.samples)[int(ranges.look.name == "resets")]
    first, last, present = _found(windows, *_range(ranges), False)
    before = np.concatenate([np.zeros(1, np.int64), np.cumsum(flags)])
    counts = before[np.where(present, last + 1, 0)] - before[np.where(present, first + 1, 0)]
    return Block(windows.samples.labels, counts.astype(np.float64), present).nameless()


def _at_step(ranges: Ranges) -> Block:
    """A smoothed selector: on the line between the histograms around each step."""
    block, windows = unmixed(ranges), ranges.histograms
    moments, times = windows.ends_ms - ranges.look.after_ms, windows.samples.timestamps_ms
    first, _, _ = _found(windows, moments, moments, False)
    held = (windows.high > windows.low) & ~ranges.has_floats
    held[held] &= times[first[held]] <= np.broadcast_to(moments, held.shape)[held]
    points = Points.where(held)
    at, moments = first[held], moments[points.steps]
    has_next = (at + 1 < windows.high[held]) & (times[at] < moments)
    custom = ranges.cells.pool.schemas[ranges.cells.at] == CUSTOM_SCHEMA
    mixed = has_next & (custom[at] != custom[at + has_next])
    ranges.remarks.warn(MIXED_SCHEMAS, windows.samples.labels, points.rows[mixed])
    points, at, moments, has_next = points.kept(~mixed), at[~mixed], moments[~mixed], has_next[~mixed]
    share = _share(times, np.where(has_next, at, -1), moments)
    gauge = ranges.cells.pool.hints[ranges.cells.at] == HINT_GAUGE
    was_reset = differences(windows.samples)[1] & ~gauge
    cells = np.arange(len(at))
    parts = [
        (cells[~has_next], at[~has_next], np.ones(int((~has_next).sum()))),
        _between(cells[has_next], at[has_next], share[has_next], was_reset, 1.0),
    ]
    of_cell, samples, weights = (np.concatenate([part[i] for part in parts]) for i in range(3))
    plan = Plan.of(len(cells), of_cell.astype(np.int64), ranges.cells.at[samples], weights)
    merged = merge(ranges.cells.pool, plan)
    return unless_mixed(ranges, block, points, merged, merged.histograms)
