"""How a query will be answered and what it will cost, found without answering it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from query.ast import (
    Aggregate,
    Binary,
    Call,
    Expr,
    MatrixSelector,
    Modifier,
    Paren,
    Subquery,
    Unary,
    VectorSelector,
    children,
)
from query.limits import BYTES_A_CELL, BYTES_A_SAMPLE, QueryLimits
from query.printer import format_expr
from query.times import Times
from query.types import type_of
from storage.interface import SeriesCatalogue, Storage
from storage.model import Matcher, TimeRange


@dataclass(frozen=True, slots=True)
class Read:
    """What a selector reads: metrics, series and samples in a stretch of time, both ends inclusive."""

    metrics: int
    series: int
    samples: int
    time_range: TimeRange


@dataclass(frozen=True, slots=True)
class Node:
    """One operation. `series` is how many come out of it at most, at each of `steps` steps."""

    operation: str
    text: str
    type: str
    series: int
    steps: int
    read: Read | None = None
    inputs: tuple[Node, ...] = ()

    def document(self) -> dict[str, Any]:
        """As plain values."""
        found: dict[str, Any] = {
            "operation": self.operation,
            "query": self.text,
            "type": self.type,
            "series": self.series,
            "steps": self.steps,
        }
        if self.read is not None:
            found["read"] = {
                "metrics": self.read.metrics,
                "series": self.read.series,
                "samples": self.read.samples,
                "from_ms": self.read.time_range.start_ms,
                "to_ms": self.read.time_range.end_ms,
            }
        return {**found, "inputs": [one.document() for one in self.inputs]}

    def lines(self, depth: int = 0) -> list[str]:
        """As indented text, a line an operation."""
        what = f"{self.series} series x {self.steps} steps" if self.type != "string" else ""
        if self.read is not None:
            what += f", reads {self.read.samples} samples of {self.read.series} series"
        own = f"{'  ' * depth}{self.operation}: {self.text}  ({what})"
        return [own, *(line for one in self.inputs for line in one.lines(depth + 1))]


@dataclass(frozen=True, slots=True)
class Cost:
    """What a query reads and holds, by estimate."""

    series: int
    samples: int
    bytes: int


@dataclass(slots=True)
class Planner:
    """Plans the queries of one tenant. Equal reads are counted once, as they are done once."""

    storage: Storage
    catalogue: SeriesCatalogue
    limits: QueryLimits
    lookback_ms: int
    _reads: dict[tuple[tuple[Matcher, ...], TimeRange], Read] = field(default_factory=dict)
    _cells: int = 0

    def plan(self, expr: Expr, times: Times) -> Node:
        """The operations of a tree. Raises `ExecutionError` for durations without a value."""
        while isinstance(expr, Paren):
            expr = expr.expr
        match expr:
            case VectorSelector():
                reach = self.lookback_ms
                return self._selected(expr, expr, times, reach, "select the newest sample")
            case MatrixSelector():
                window_ms = times.positive_ms(expr.range, "range")
                if expr.selector.modifier is not Modifier.NONE:
                    window_ms += self.lookback_ms
                return self._selected(expr, expr.selector, times, window_ms, "select a range")
            case Subquery():
                return self._subquery(expr, times)
        inputs = tuple(self.plan(child, times) for child in children(expr))
        return self._node(expr, _operation(expr), times.count, _series(expr, inputs), inputs=inputs)

    def cost(self) -> Cost:
        """What everything planned so far comes to."""
        samples = sum(one.samples for one in self._reads.values())
        series = sum(one.series for one in self._reads.values())
        return Cost(series, samples, samples * BYTES_A_SAMPLE + self._cells * BYTES_A_CELL)

    def _selected(
        self, expr: Expr, selector: VectorSelector, times: Times, window_ms: int, operation: str
    ) -> Node:
        seen = times.at(selector.at, selector.offset)
        later_ms = self.lookback_ms if selector.modifier is Modifier.SMOOTHED else 0
        wanted = TimeRange(seen.start_ms - window_ms + 1, seen.end_ms + later_ms)
        read = self._read(selector.matchers, wanted)
        return self._node(expr, operation, times.count, read.series, read)

    def _read(self, matchers: Sequence[Matcher], time_range: TimeRange) -> Read:
        key = (tuple(matchers), time_range)
        if key not in self._reads:
            selections = self.catalogue.select(matchers, time_range)
            samples = sum(
                self.storage.count_samples(
                    one.metric_id, None if one.is_whole else one.series_ids, time_range
                )
                for one in selections
            )
            series = sum(len(one.series_ids) for one in selections)
            self._reads[key] = Read(len(selections), series, samples, time_range)
        return self._reads[key]

    def _subquery(self, expr: Subquery, times: Times) -> Node:
        seen = times.at(expr.at, expr.offset)
        default_ms = self.limits.subquery_step_ms
        step_ms = default_ms if expr.step is None else times.positive_ms(expr.step, "step")
        inner = seen.inner(times.positive_ms(expr.range, "range"), step_ms)
        below = self.plan(expr.expr, inner)
        return self._node(expr, "evaluate at each step", times.count, below.series, inputs=(below,))

    def _node(
        self,
        expr: Expr,
        operation: str,
        steps: int,
        series: int,
        read: Read | None = None,
        inputs: tuple[Node, ...] = (),
    ) -> Node:
        self._cells = max(self._cells, steps * series)
        return Node(operation, format_expr(expr), type_of(expr).value, series, steps, read, inputs)


def _operation(expr: Expr) -> str:
    match expr:
        case Aggregate():
            return f"aggregate by {expr.op}"
        case Call():
            return f"call {expr.name}"
        case Binary():
            return f"combine by {expr.op}"
        case Unary():
            return f"apply {expr.op}"
    return "constant"


def _series(expr: Expr, inputs: Sequence[Node]) -> int:
    """The most series that an operation can give."""
    below = [one.series for one in inputs if one.type in ("vector", "matrix")]
    match expr:
        case Aggregate() if not expr.grouping and not expr.without and expr.op not in _SELECTING:
            return min([1, *below])
        case Binary() if expr.op == "or":
            return sum(below)
        case Binary() if expr.op in ("and", "unless"):
            return below[0]
        case Call() if expr.name in ("absent", "absent_over_time"):
            return 1
    return max(below, default=1)


_SELECTING = frozenset(("topk", "bottomk", "limitk", "limit_ratio", "count_values"))
