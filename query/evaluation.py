"""Evaluates an expression over all its steps at once.

A node comes to a `Value`: selectors read flat samples, rollups turn windows of them into blocks of
(series x steps), everything above works on blocks. Presence is kept apart from values, since NaN is a value.
What a selector, a function or an operator does lies in the module named after it; this one walks the tree.
"""

from __future__ import annotations

from concurrent.futures import Executor
from contextlib import nullcontext
from dataclasses import replace

import numpy as np

from query import info, order
from query.aggregate import aggregate
from query.annotations import Annotations, format_float
from query.ast import (
    Aggregate,
    Binary,
    Call,
    Expr,
    MatrixSelector,
    Modifier,
    NumberLiteral,
    Paren,
    StringLiteral,
    Subquery,
    Unary,
    VectorSelector,
)
from query.binary import binary
from query.block import Block, Cells, Samples, ScalarBlock, StringValue, Value
from query.deadline import Deadline
from query.limits import Memory, QueryLimits
from query.models import banding
from query.native.edges import edge_rolled
from query.native.merge.apply import scaled
from query.native.ranges import Look, ranges_of
from query.native.remarks import OVERLAPS, Remarks
from query.native.rollup import rolled
from query.native.samples import unhinted
from query.rollup.edges.apply import edged, smoothed
from query.rollup.functions import LATEST, LATEST_TIME, ROLLUPS, Roller, Rollup
from query.rollup.starts.apply import from_starts, overlapping, starts_of
from query.select import Reader, without_stale
from query.tally import Tally
from query.times import Times
from query.transform import TAKES_HISTOGRAMS, TRANSFORMS, Context
from storage.errors import ExecutionError
from storage.labels import LabelTable
from storage.model import METRIC_NAME, Float64Array, Int64Array, TimeRange

_COUNTER_ENDINGS = ("_total", "_sum", "_count", "_bucket")
_RELABELLING = frozenset(("histogram_quantiles", "label_join", "label_replace"))


class Evaluation:
    """One walk over one tree."""

    def __init__(
        self,
        reader: Reader,
        executor: Executor,
        limits: QueryLimits,
        memory: Memory,
        deadline: Deadline,
        notes: Annotations,
        lookback_ms: int,
        summarised: frozenset[int],
        tally: Tally | None = None,
    ) -> None:
        """`summarised`: ids of the selectors whose histograms are read for count and sum alone.

        `tally`: where samples are counted, step by step; that takes a little time.
        """
        self._reader = reader
        self._roller = Roller(executor, deadline)
        self._limits = limits
        self._memory = memory
        self._deadline = deadline
        self._notes = notes
        self._lookback_ms = lookback_ms
        self._summarised = summarised
        self._tally = tally

    def value(self, expr: Expr, times: Times) -> Value:
        """What an expression comes to at every step of `times`."""
        found = self._evaluated(expr, times)
        return found if self._limits.delayed_names or not isinstance(found, Block) else order.named(found)

    def _evaluated(self, expr: Expr, times: Times) -> Value:
        self._deadline.check()
        match expr:
            case NumberLiteral():
                return ScalarBlock(np.full(times.count, expr.value))
            case StringLiteral():
                return StringValue(expr.value)
            case Paren():
                return self.value(expr.expr, times)
            case VectorSelector():
                return self._selector(expr, times, LATEST, self._look("", expr))
            case MatrixSelector() | Subquery():
                return self._raw(expr, times)
            case Call():
                return self._call(expr, times)
            case Aggregate():
                return self._aggregate(expr, times)
            case Binary():
                return binary(expr, self.value(expr.lhs, times), self.value(expr.rhs, times), self._notes)
            case Unary():
                return self._unary(expr, times)

    def _check(self, characters: int) -> None:
        """Raise where it is time to stop, or labels of so many characters would be too much."""
        self._deadline.check()
        self._memory.expect_text(characters)

    def _read(self, expr: VectorSelector, wanted: TimeRange) -> Samples:
        return self._reader.read(expr.matchers, wanted, tells_resets=id(expr) in self._summarised)

    def _selector(self, expr: VectorSelector, times: Times, rollup: Rollup, look: Look) -> Block:
        seen = times.at(expr.at, expr.offset)
        if expr.modifier is Modifier.SMOOTHED:
            return self._smoothed(expr, seen, times)
        return self._latest(expr, seen, times, rollup, look)

    def _latest(self, expr: VectorSelector, seen: Times, times: Times, rollup: Rollup, look: Look) -> Block:
        wanted = TimeRange(seen.start_ms - self._lookback_ms + 1, seen.end_ms)
        samples = self._read(expr, wanted)
        return self._rolled(rollup, samples, seen, self._lookback_ms, times, (), look)

    def _smoothed(self, expr: VectorSelector, seen: Times, times: Times) -> Block:
        reach = self._lookback_ms
        wanted = TimeRange(seen.start_ms - reach + 1, seen.end_ms + reach)
        samples = without_stale(self._read(expr, wanted))
        look = self._look("", expr, expr.modifier, reach, reach)
        return self._rolled(smoothed(reach), samples, seen.later(reach), 2 * reach, times, (), look)

    def _edged(self, call: Call, expr: MatrixSelector, times: Times) -> Value:
        selector, reach = expr.selector, self._lookback_ms
        after_ms = reach if selector.modifier is Modifier.SMOOTHED else 0
        seen = times.at(selector.at, selector.offset)
        window_ms = times.positive_ms(expr.range, "range") + reach
        wanted = TimeRange(seen.start_ms - window_ms + 1, seen.end_ms + after_ms)
        samples = without_stale(self._read(selector, wanted))
        rollup = edged(call.name, selector.modifier, reach)
        look = self._look(call.name, expr, selector.modifier, reach, after_ms)
        block = self._rolled(rollup, samples, seen.later(after_ms), window_ms + after_ms, times, (), look)
        if rollup.for_counters:
            self._note_non_counters(call, samples, block)
        return block

    def _rolled(
        self,
        rollup: Rollup,
        samples: Samples,
        seen: Times,
        window_ms: int,
        times: Times,
        args: tuple[Float64Array, ...],
        look: Look,
    ) -> Block:
        self._memory.expect_cells(samples.labels.size, times.count)
        ends_ms = seen.steps_ms()
        if args and seen.count != times.count:
            ends_ms = np.repeat(ends_ms, times.count)  # one window, but arguments of each step
        if samples.starts_ms is not None and look.name in ("increase", "rate"):
            rows = overlapping(self._roller.windows(samples, ends_ms, window_ms))
            look.remarks.warn(OVERLAPS, samples.labels, rows)
        if look.name == "start_timestamp":
            rollup = starts_of(samples)
        if samples.cells is None:
            rollup = from_starts(look.name, samples, rollup)
            block = self._roller.apply(rollup, self._roller.windows(samples, ends_ms, window_ms), args)
        elif look.modifier is Modifier.NONE:
            block = rolled(self._roller, rollup, look, samples, ends_ms, window_ms, args)
        else:
            block = edge_rolled(ranges_of(self._roller, rollup, look, samples, ends_ms, window_ms))
        if self._tally is not None:
            if rollup is LATEST or rollup is LATEST_TIME:
                self._tally.add_latest(block)
            else:
                self._tally.add_windows(self._roller.windows(samples, ends_ms, window_ms))
        return block if len(ends_ms) == times.count else block.steps(times.count)

    def _look(self, name: str, at: Expr, modifier: Modifier = Modifier.NONE, *wider_ms: int) -> Look:
        return Look(name, Remarks(self._notes, at.span), modifier, *wider_ms)

    def _window(
        self, expr: MatrixSelector | Subquery, times: Times, is_answer: bool = False
    ) -> tuple[Samples, Times, int]:
        """The samples of a range vector, the times that look at them, and the window's length."""
        if isinstance(expr, MatrixSelector):
            selector = expr.selector
            seen = times.at(selector.at, selector.offset)
            window_ms = times.positive_ms(expr.range, "range")
            wanted = TimeRange(seen.start_ms - window_ms + 1, seen.end_ms)
            return without_stale(self._read(selector, wanted)), seen, window_ms
        seen = times.at(expr.at, expr.offset)
        window_ms = times.positive_ms(expr.range, "range")
        step_ms = self._limits.subquery_step_ms if expr.step is None else times.positive_ms(expr.step, "step")
        inner = seen.inner(window_ms, step_ms)
        self._limits.check_steps(inner.count)
        with self._tally.paused() if self._tally is not None and not is_answer else nullcontext():
            flat = _flattened(self.value(expr.expr, inner), inner.steps_ms())
        return unhinted(flat), seen, window_ms

    def _raw(self, expr: MatrixSelector | Subquery, times: Times) -> Samples:
        samples, seen, window_ms = self._window(expr, times, is_answer=True)
        inside = (samples.timestamps_ms > seen.end_ms - window_ms) & (samples.timestamps_ms <= seen.end_ms)
        found = samples.where(inside)
        if self._tally is not None and isinstance(expr, MatrixSelector):
            self._tally.add_samples(found)
        return found

    def _call(self, call: Call, times: Times) -> Value:
        if call.name in ROLLUPS or call.name == "absent_over_time":
            return self._rollup(call, times)
        if call.name in banding.FUNCTIONS:
            return self._banded(call, times)
        if call.name == "info":
            return self._info(call, times)
        if call.name in ("start_timestamp", "timestamp") and isinstance(
            selector := _bare(call.args[0]), VectorSelector
        ):
            look = self._look(call.name, selector)
            return self._selector(selector, times, LATEST_TIME, look)
        args = [self.value(arg, times) for arg in call.args]
        if call.name not in TAKES_HISTOGRAMS:
            args = [arg.floats() if isinstance(arg, Block) else arg for arg in args]
        found = TRANSFORMS[call.name](call, args, Context(times, self._notes, self._check))
        if isinstance(found, Block) and call.name in _RELABELLING:
            return order.merged(found, order.SAME_LABELS)
        return found

    def _info(self, call: Call, times: Times) -> Value:
        block = self.value(call.args[0], times)
        if not isinstance(block, Block):
            raise AssertionError("the parser lets only vectors be given labels")
        request, infos = info.Request.of(call, block), None
        if request.has_targets:
            seen = info.seen_by(call.args[0], times)
            latest = self._latest(request.selector, seen, times, LATEST, self._look("", call))
            if latest.is_histogram.any():
                raise ExecutionError("info sample should be float")
            infos = self._latest(request.selector, seen, times, LATEST_TIME, self._look("timestamp", call))
        return order.merged(request.enriched(infos, self._memory), order.SAME_LABELS)

    def _banded(self, call: Call, times: Times) -> Value:
        window, options = _bare(call.args[0]), [self.value(arg, times) for arg in call.args[1:]]
        if not isinstance(window, MatrixSelector | Subquery):
            raise AssertionError("the parser lets only range vectors be modelled")
        step_ms = banding.STEP_MS
        if isinstance(window, Subquery):
            step_ms = self._limits.subquery_step_ms
            step_ms = step_ms if window.step is None else times.positive_ms(window.step, "step")
        setting = banding.setting_of(step_ms, [one.value for one in options if isinstance(one, StringValue)])
        history_ms = times.positive_ms(window.range, "range")
        wider = replace(window, range=(history_ms + banding.MARGIN_MS) / 1000)
        samples, seen, _ = self._window(wider, times)
        band = banding.Banding(self._roller, self._memory, setting, history_ms)
        block = band.block(call.name, samples, seen.steps_ms())
        return block if seen.count == times.count else block.steps(times.count)

    def _rollup(self, call: Call, times: Times) -> Value:
        window = next(arg for arg in map(_bare, call.args) if isinstance(arg, MatrixSelector | Subquery))
        if isinstance(window, MatrixSelector) and window.selector.modifier is not Modifier.NONE:
            return self._edged(call, window, times)
        args = tuple(
            value.values
            for value in (self.value(arg, times) for arg in call.args if _bare(arg) is not window)
            if isinstance(value, ScalarBlock)
        )
        samples, seen, window_ms = self._window(window, times)
        name = "present_over_time" if call.name == "absent_over_time" else call.name
        rollup = ROLLUPS[name]
        if call.name in ("forecast", "linearforecast", "predict_linear"):
            # It predicts from the step, wherever offset and @ let it look.
            args = (args[0] + (times.steps_ms() - seen.steps_ms()) / 1000,)
        block = self._rolled(rollup, samples, seen, window_ms, times, args, self._look(call.name, window))
        if call.name == "absent_over_time":
            return TRANSFORMS[call.name](call, [block], Context(times, self._notes, self._check))
        if call.name == "quantile_over_time":
            self._note_quantiles(call, args[0], block)
        if rollup.for_counters:
            self._note_non_counters(call, samples, block)
        return block

    def _note_quantiles(self, call: Call, phi: Float64Array, block: Block) -> None:
        asked = phi[block.present.any(axis=0)]
        for one in np.unique(asked[~((asked >= 0) & (asked <= 1))]).tolist():
            self._notes.warn(
                f"quantile value should be between 0 and 1, got {format_float(one)}", call.args[0].span
            )

    def _note_non_counters(self, call: Call, samples: Samples, block: Block) -> None:
        column = samples.labels.columns.get(METRIC_NAME)
        if column is None:
            return
        answered = block.floats().present.any(axis=1)
        for code in np.unique(column.codes[answered]).tolist():
            name = column.values[code]
            if name and not name.endswith(_COUNTER_ENDINGS):
                ends = "/".join(_COUNTER_ENDINGS)
                self._notes.info(
                    f'metric might not be a counter, name does not end in {ends}: "{name}"', call.args[0].span
                )

    def _aggregate(self, expr: Aggregate, times: Times) -> Value:
        block = self.value(expr.expr, times)
        param = None if expr.param is None else self.value(expr.param, times)
        if not isinstance(block, Block) or isinstance(param, Block | Samples):
            raise AssertionError("the parser lets only vectors be aggregated, by scalars and strings")
        return aggregate(expr, block, param, self._notes, self._memory)

    def _unary(self, expr: Unary, times: Times) -> Value:
        value = self.value(expr.expr, times)
        if expr.op == "+":
            return value
        if isinstance(value, ScalarBlock):
            return ScalarBlock(-value.values)
        if not isinstance(value, Block):
            raise AssertionError("the parser lets only scalars and vectors be negated")
        cells = value.cells
        if cells is not None:
            cells = Cells(cells.at, scaled(cells.pool, np.full(len(cells.pool), -1.0)))
        return Block(value.labels, -value.values, value.present, cells).nameless()


def _bare(expr: Expr) -> Expr:
    while isinstance(expr, Paren):
        expr = expr.expr
    return expr


def _flattened(value: Value, steps_ms: Int64Array) -> Samples:
    """A block as the samples that a subquery's function sees."""
    if isinstance(value, ScalarBlock):
        value = Block(LabelTable({}, 1), value.values[None, :], np.ones((1, len(steps_ms)), np.bool_))
    if not isinstance(value, Block):
        raise AssertionError("the parser lets only vectors be subqueried")
    counts = np.count_nonzero(value.present, axis=1)
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)]).astype(np.int64)
    timestamps = np.broadcast_to(steps_ms, value.present.shape)[value.present]
    cells = None if value.cells is None else value.cells[value.present]
    values = value.values[value.present]
    return Samples(value.labels, timestamps, values, offsets, cells, value.drops_name)
