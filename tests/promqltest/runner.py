"""Runs the cases of .test files: each scope between two `clear` has a tenant of its own."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from query.ast import (
    AtAnchor,
    AtTime,
    Call,
    Duration,
    DurationBinary,
    DurationCall,
    DurationUnary,
    Expr,
    MatrixSelector,
    Subquery,
    VectorSelector,
    children,
)
from query.block import Result
from query.notation import SeriesLine
from query.parser import parse
from storage.errors import Error
from storage.histograms import HistogramBatch
from storage.interface import Storage
from storage.model import (
    DAY_MS,
    METRIC_NAME,
    SampleBatch,
    SeriesRow,
    UInt64Array,
    metric_id,
    series_id,
)
from storage.starts import StartBatch
from tests.promqltest.classic import custom_histograms
from tests.promqltest.compare import differences, failure, middle
from tests.promqltest.script import Clear, Eval, Load, parse_script

_OF_ONE_QUERY = frozenset({"start", "end", "step", "range"})
_MINUTE_MS = 60_000


class Engine(Protocol):
    """What the runner asks of the engine."""

    def instant(self, query: str | Expr, at_ms: int) -> Result: ...

    def range(self, query: str | Expr, start_ms: int, end_ms: int, step_ms: int) -> Result: ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one case ended; no `reasons`: it passed."""

    file: str
    line: int
    expr: str
    reasons: list[str]


class Runner:
    """Runs files on stores that `open_tenant` opens by name and engines that `make_engine` builds."""

    def __init__(
        self,
        open_tenant: Callable[[str], Storage],
        make_engine: Callable[[Storage], Engine],
        prefix: str = "t",
    ) -> None:
        self._open_tenant = open_tenant
        self._make_engine = make_engine
        self._prefix = prefix
        self._scopes = 0

    def run(self, path: Path) -> Iterator[Outcome]:
        """Every case of a file, in order."""
        scope: Scope | None = None
        for command in parse_script(path.read_text()):
            if isinstance(command, Clear):
                scope = _closed(scope)
                continue
            scope = scope or self._open()
            if isinstance(command, Load):
                scope.load(command)
            else:
                yield Outcome(path.name, command.line, command.expr, scope.evaluate(command))
        _closed(scope)

    def _open(self) -> "Scope":
        self._scopes += 1
        storage = self._open_tenant(f"{self._prefix}{self._scopes}")
        return Scope(storage, self._make_engine(storage))


class Scope:
    """The data between two `clear` and the cases asked of it."""

    def __init__(self, storage: Storage, engine: Engine) -> None:
        self._storage = storage
        self._engine = engine

    def close(self) -> None:
        self._storage.close()

    def load(self, command: Load) -> None:
        """Store the series."""
        stored = [line for line in command.series if not line.start_times]
        for line in command.series:
            if line.start_times:
                self._storage.write_starts(_starts(line, command.step_ms), "")
        if command.with_nhcb:
            stored += custom_histograms(stored)
        # Of a series that one load names twice, the last counts.
        stored = list({line.labels: line for line in stored}.values())
        if stored:
            self._write(stored, command.step_ms)
            self._write_histograms([line for line in stored if line.cells is not None], command.step_ms)

    def _write(self, lines: list[SeriesLine], step_ms: int) -> None:
        floats = [_float_places(line) for line in lines]
        metrics, ids = _ids(lines, list(map(len, floats)))
        rows = [
            SeriesRow.of(line.labels, day)
            for line in lines
            for day in np.unique(np.flatnonzero(line.present) * step_ms // DAY_MS).tolist()
        ]
        batch = SampleBatch(
            metrics,
            ids,
            (np.concatenate(floats) * step_ms).astype(np.int64),
            np.concatenate([line.values[at] for line, at in zip(lines, floats, strict=True)]),
        )
        self._storage.write_series(rows)
        if len(batch):
            self._storage.write_samples(batch, "")

    def _write_histograms(self, lines: list[SeriesLine], step_ms: int) -> None:
        for line in lines:
            assert line.cells is not None
            places = np.flatnonzero(line.cells.at >= 0)
            batch = HistogramBatch(
                *_ids([line], [len(places)]), places * step_ms, line.cells.pool.take(line.cells.at[places])
            )
            self._storage.write_histograms(batch, "")

    def evaluate(self, case: Eval) -> list[str]:
        """Why the case fails; nothing when it passes."""
        try:
            expr = parse(case.expr)
            wrong = differences(case, self._ask(case))
            if case.fails:
                return ["expected an error, got an answer"]
            if not wrong and _has_range_form(case, expr):
                at = case.at_ms
                wrong = middle(
                    case, self._engine.range(case.expr, at - _MINUTE_MS, at + _MINUTE_MS, _MINUTE_MS)
                )
        except Error as error:
            return failure(case, str(error))
        except Exception as error:  # noqa: BLE001 - a crash of the engine is the finding
            return [f"crash: {type(error).__name__}: {error}"]
        return wrong

    def _ask(self, case: Eval) -> Result:
        window = case.window
        if window is None:
            return self._engine.instant(case.expr, case.at_ms)
        return self._engine.range(case.expr, window.start_ms, window.end_ms, window.step_ms)


def _closed(scope: Scope | None) -> None:
    if scope:
        scope.close()


def _ids(lines: list[SeriesLine], counts: list[int]) -> tuple[UInt64Array, UInt64Array]:
    """The metric and series ids of samples, counts[i] of them of line i."""
    metrics = np.array([metric_id(dict(line.labels).get(METRIC_NAME, "")) for line in lines], np.uint64)
    ids = np.array([series_id(line.labels) for line in lines], np.uint64)
    return np.repeat(metrics, counts), np.repeat(ids, counts)


def _float_places(line: SeriesLine) -> np.ndarray:
    return np.flatnonzero(line.present if line.cells is None else line.present & (line.cells.at < 0))


def _starts(line: SeriesLine, step_ms: int) -> StartBatch:
    """An `@st` line: seconds from each sample's time to its start."""
    places = np.flatnonzero(line.present)
    times_ms = places * step_ms
    starts_ms = times_ms + np.round(line.values[places] * 1000).astype(np.int64)
    return StartBatch(*_ids([line], [len(places)]), times_ms, starts_ms)


def _has_range_form(case: Eval, expr: Expr) -> bool:
    plain = case.window is None and not case.ordered and case.samples_window is None and case.string is None
    return plain and not _depends_on_query(expr)


def _depends_on_query(expr: Expr) -> bool:
    """Whether the value changes with the start, end or step of the query."""
    match expr:
        case Call() if expr.name in _OF_ONE_QUERY:
            return True
        case VectorSelector() if _anchored(expr.at) or _calls(expr.offset):
            return True
        case MatrixSelector() if _calls(expr.range):
            return True
        case Subquery() if _anchored(expr.at) or _calls(expr.offset, expr.range, expr.step):
            return True
    return any(_depends_on_query(child) for child in children(expr))


def _anchored(at: AtTime | None) -> bool:
    return at is not None and isinstance(at.at, AtAnchor)


def _calls(*durations: Duration | None) -> bool:
    for one in durations:
        match one:
            case DurationCall():
                return True
            case DurationBinary() if _calls(one.lhs, one.rhs):
                return True
            case DurationUnary() if _calls(one.operand):
                return True
    return False
