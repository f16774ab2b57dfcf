"""Answers queries: parses, evaluates, finishes, and tells what it cost."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

from query import order
from query.annotations import Annotations
from query.ast import Expr, ValueType
from query.block import Result, Samples, Stats
from query.deadline import Deadline
from query.evaluation import Evaluation
from query.limits import Memory, QueryLimits
from query.native.summaries import summarised
from query.parser import ParseOptions, parse
from query.plan import Cost, Node, Planner
from query.select import Reader, newest
from query.tally import Tally
from query.times import Times
from query.types import type_of
from query.warm.cache import WarmCache
from storage.errors import InputError
from storage.interface import SeriesCatalogue, Storage
from storage.model import Matcher, TimeRange

_THREADS = 2
_PARSED = 1_000
"""Queries whose trees are kept: dashboards and rules ask the same ones again and again."""


class Engine:
    """Answers queries on one tenant's store. Safe from any thread."""

    def __init__(
        self,
        storage: Storage,
        catalogue: SeriesCatalogue,
        limits: QueryLimits | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.limits = limits or QueryLimits()
        self._storage = storage
        self._warm = WarmCache(storage, self.limits.warm_bytes)
        self._catalogue = catalogue
        self._clock = clock
        self._parse = lru_cache(_PARSED)(parse)
        self._executor = ThreadPoolExecutor(_THREADS, thread_name_prefix="query")

    def instant(
        self,
        query: str | Expr,
        at_ms: int,
        *,
        lookback_ms: int | None = None,
        deadline: Deadline | None = None,
        with_tally: bool = False,
    ) -> Result:
        """Evaluate at one moment; `with_tally` counts the samples that each step looks at.

        Raises `ParseError`, `InputError`, `ExecutionError`, `LimitError`, `DeadlineError`, `CancelledError`.
        """
        return self._run(query, Times(at_ms, at_ms, 0, at_ms, at_ms), lookback_ms, deadline, with_tally)

    def range(
        self,
        query: str | Expr,
        start_ms: int,
        end_ms: int,
        step_ms: int,
        *,
        lookback_ms: int | None = None,
        deadline: Deadline | None = None,
        with_tally: bool = False,
    ) -> Result:
        """Evaluate at start, start + step, … up to end, inclusive. Raises what `instant` raises."""
        if step_ms <= 0:
            raise InputError(f"step is {step_ms} ms, expected a duration greater than 0")
        if end_ms < start_ms:
            raise InputError(f"end {end_ms} ms lies before start {start_ms} ms")
        return self._run(
            query, Times(start_ms, end_ms, step_ms, start_ms, end_ms), lookback_ms, deadline, with_tally
        )

    def read(
        self, matchers: Sequence[Matcher], time_range: TimeRange, *, deadline: Deadline | None = None
    ) -> Samples:
        """Raw samples in [start, end], and perhaps some outside, stale markers and all.

        Raises `LimitError`, `DeadlineError`, `CancelledError`.
        """
        reader = self._reader(deadline or Deadline(self.limits.timeout_s, self._clock), Memory(self.limits))
        return reader.read(matchers, time_range)

    def newest(self, matchers: Sequence[Matcher], at_ms: int, *, deadline: Deadline | None = None) -> Samples:
        """The newest sample of each series that matches, within the lookback, with its own time.

        Raises `LimitError`, `DeadlineError`, `CancelledError`.
        """
        lookback_ms = self.limits.lookback_ms
        samples = self.read(matchers, TimeRange(at_ms - lookback_ms + 1, at_ms), deadline=deadline)
        return newest(samples, at_ms, lookback_ms)

    def explain(
        self, query: str, start_ms: int, end_ms: int, step_ms: int, *, lookback_ms: int | None = None
    ) -> tuple[Node, Cost]:
        """The plan of a query and what it will cost; an instant query has equal ends and a step of 0.

        Raises `ParseError`, `ExecutionError`, and what the store raises.
        """
        expr = parse(query, ParseOptions(self.limits.max_length, self.limits.max_depth))
        times = Times(start_ms, end_ms, step_ms, start_ms, end_ms)
        planner = Planner(self._storage, self._catalogue, self.limits, lookback_ms or self.limits.lookback_ms)
        return planner.plan(expr, times), planner.cost()

    def close(self) -> None:
        """Stop the engine's threads."""
        self._executor.shutdown()

    def _reader(self, deadline: Deadline, memory: Memory) -> Reader:
        return Reader(
            self._storage, self._warm, self._catalogue, self._executor, self.limits, memory, deadline
        )

    def _run(
        self,
        query: str | Expr,
        times: Times,
        lookback_ms: int | None,
        deadline: Deadline | None,
        with_tally: bool,
    ) -> Result:
        text = query if isinstance(query, str) else ""
        options = ParseOptions(self.limits.max_length, self.limits.max_depth)
        expr = self._parse(query, options) if isinstance(query, str) else query
        self.limits.check_steps(times.count)
        kind = type_of(expr)
        if not times.is_instant and kind not in (ValueType.SCALAR, ValueType.VECTOR):
            word = "range vector" if kind is ValueType.MATRIX else kind.value
            raise InputError(
                f'invalid expression type "{word}" for range query, must be Scalar or instant Vector'
            )
        deadline = deadline or Deadline(self.limits.timeout_s, self._clock)
        memory = Memory(self.limits, deadline.check)
        reader = self._reader(deadline, memory)
        notes = Annotations(text)
        tally = Tally(times.count) if with_tally else None
        began = time.perf_counter()
        evaluation = Evaluation(
            reader,
            self._executor,
            self.limits,
            memory,
            deadline,
            notes,
            lookback_ms or self.limits.lookback_ms,
            frozenset(map(id, summarised(expr))),
            tally,
        )
        value = evaluation.value(expr, times)
        cost = reader.cost
        total_ms = (time.perf_counter() - began) * 1000
        deadline.check()
        kind, value = order.finished(value, kind, times.is_instant)
        return Result(
            type=kind,
            value=value,
            steps_ms=times.steps_ms(),
            warnings=notes.warnings,
            infos=notes.infos,
            stats=Stats(cost.series, cost.samples, cost.fetch_ms, total_ms - cost.fetch_ms),
            per_step=None if tally is None else tally.per_step,
        )
