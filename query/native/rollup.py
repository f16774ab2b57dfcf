"""Functions of ranges in which native histograms stand, alone or among floats."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from query.block import Block, Samples
from query.native.increase import extrapolated, instant
from query.native.merge.apply import Plan, average, merge
from query.native.ranges import Look, Points, Ranges, joined, places, ranges_of, unless_mixed, unmixed
from query.native.remarks import IGNORED_IN_RANGE
from query.native.samples import differences
from query.rollup.functions import Roller, Rollup
from storage.model import Float64Array, Int64Array

_OF_ANY_KIND: Final = frozenset(
    (
        "absent_over_time",
        "count_over_time",
        "present_over_time",
        "start_timestamp",
        "timestamp",
        "ts_of_first_over_time",
        "ts_of_last_over_time",
    )
)


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


def _floats_only(ranges: Ranges) -> Block:
    both = ranges.has_floats & ranges.has_histograms
    ranges.remarks.info(IGNORED_IN_RANGE, ranges.all.samples.labels, np.nonzero(both)[0])
    return ranges.of_floats()


def _pick(is_last: bool) -> Callable[[Ranges], Block]:
    """The first or last sample of each window."""

    def run(ranges: Ranges) -> Block:
        block, windows = ranges.of_floats(), ranges.histograms
        points = Points.where(ranges.has_histograms)
        mine = places(windows, points, is_last)
        others = ranges.floats
        has_float = ranges.has_floats[points.rows, points.steps]
        # Without a float any place does: it is not looked at.
        place = np.where(has_float, places(others, points, is_last), 0)
        times = np.append(others.samples.timestamps_ms, 0)[place]
        own = windows.samples.timestamps_ms[mine]
        wins = ~has_float | ((own > times) if is_last else (own < times))
        return joined(block, points.kept(wins), ranges.cells.at[mine[wins]], ranges.cells.pool)

    return run


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


_FUNCTIONS: Final[dict[str, Callable[[Ranges], Block]]] = {
    "": _pick(True),
    "last_over_time": _pick(True),
    "first_over_time": _pick(False),
    "changes": _differing(False),
    "resets": _differing(True),
    "sum_over_time": _total(False),
    "avg_over_time": _total(True),
    "rate": extrapolated(True, True),
    "increase": extrapolated(True, False),
    "delta": extrapolated(False, False),
    "irate": instant(True),
    "idelta": instant(False),
}
