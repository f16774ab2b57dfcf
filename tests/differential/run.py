"""Asks both sides and compares."""

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import orjson

from query.ast import Expr, children
from query.engine import Engine
from query.parser import parse
from query.render.json import render_result
from query.types import type_of
from storage.catalogue import Catalogue
from storage.errors import Error
from storage.memory import MemoryStorage
from storage.model import Labels, canonical
from tests.differential.data import START_MS, STEP_MS, STEPS, generate
from tests.differential.grammar import Expressions
from tests.differential.prometheus import Prometheus

Point: TypeAlias = tuple[float, ...]
"""A float, or a histogram: count, sum and what its buckets say."""

Answer: TypeAlias = dict[tuple[Labels, int], Point] | str
"""Point by (labels, time in ms), or an error's message."""

_RELATIVE = 1e-9
_END_MS = START_MS + STEP_MS * STEPS


@dataclass(frozen=True, slots=True)
class Question:
    """An expression over a range; one step is asked as an instant query."""

    expr: str
    start_ms: int
    end_ms: int
    step_ms: int


@dataclass(slots=True)
class Counts:
    """How the questions of a run ended.

    contradicted: Prometheus's answer to an instant query is ours, and not what it gave for that step of the
    range. Of histograms that are aggregated, 3.5 sometimes answers the later steps from changed earlier ones.
    """

    equal: int = 0
    contradicted: int = 0
    empty: int = 0
    errors_on_both: int = 0
    different: int = 0


class Comparison:
    """Swell's engine and a Prometheus over the same data."""

    def __init__(self, prometheus: Prometheus, seed: int) -> None:
        self._prometheus = prometheus
        self._rng = random.Random(seed)
        self._expressions = Expressions(self._rng)
        self.counts = Counts()
        storage = MemoryStorage()
        series = generate(seed)
        prometheus.write(series)
        for one in series:
            index = np.zeros(len(one.values), np.int64)
            if one.histograms is None:
                storage.append([one.labels], index, one.timestamps_ms, one.values)
            else:
                storage.append_histograms([one.labels], index, one.timestamps_ms, one.histograms)
        self._engine = Engine(storage, Catalogue(storage))

    def run(self, count: int) -> Iterator[str]:
        """Ask `count` questions; yields each difference, shrunk."""
        for _ in range(count):
            question = self._question()
            ours, theirs = self.swell(question), self.prometheus(question)
            if difference(ours, theirs) is None:
                self.counts.errors_on_both += isinstance(ours, str)
                self.counts.equal += not isinstance(ours, str)
                self.counts.empty += ours == {}
                continue
            if self._contradicts(question, ours, theirs):
                self.counts.contradicted += 1
                continue
            self.counts.different += 1
            small = self._shrunk(question)
            yield f"{small}\n    {difference(self.swell(small), self.prometheus(small))}"

    def close(self) -> None:
        """Release the engine's threads."""
        self._engine.close()

    def _question(self) -> Question:
        expr = self._expressions.expression()
        start_ms = self._rng.randrange(START_MS, _END_MS, 1000)
        if self._rng.random() < 0.4:
            return Question(expr, start_ms, start_ms, 0)
        step_ms = self._rng.choice((15_000, 20_000, 60_000))
        return Question(expr, start_ms, start_ms + step_ms * self._rng.randrange(1, 20), step_ms)

    def _contradicts(self, question: Question, ours: Answer, theirs: Answer) -> bool:
        """Whether Prometheus gives our answer when it is asked for the first differing step alone."""
        if isinstance(ours, str) or isinstance(theirs, str) or not question.step_ms:
            return False
        at_ms = min(at for _, at in differing(ours, theirs))
        alone = self.prometheus(Question(question.expr, at_ms, at_ms, 0))
        mine = {key: point for key, point in ours.items() if key[1] == at_ms}
        return difference(mine, alone) is None

    def _shrunk(self, question: Question) -> Question:
        """The smallest part of the expression that still differs, at the first step that does."""
        for part in _parts(parse(question.expr)):
            smaller = Question(
                question.expr[part.span.start : part.span.end],
                question.start_ms,
                question.end_ms,
                question.step_ms,
            )
            if smaller.expr != question.expr and difference(self.swell(smaller), self.prometheus(smaller)):
                return self._shrunk(smaller)
        return question

    def swell(self, question: Question) -> Answer:
        """What the engine answers; a crash is an error that no Prometheus gives."""
        try:
            if question.step_ms:
                result = self._engine.range(
                    question.expr, question.start_ms, question.end_ms, question.step_ms
                )
            else:
                result = self._engine.instant(question.expr, question.start_ms)
        except Error as error:
            return str(error)
        except Exception as error:  # noqa: BLE001 - a crash of the engine is the finding
            return {((("crash", repr(error)),), 0): (math.nan,)}
        return _answer(orjson.loads(render_result(result)))

    def prometheus(self, question: Question) -> Answer:
        """What Prometheus answers."""
        times = {
            "start": question.start_ms / 1000,
            "end": question.end_ms / 1000,
            "step": question.step_ms / 1000,
        }
        path, window = (
            ("query_range", times) if question.step_ms else ("query", {"time": question.start_ms / 1000})
        )
        found = self._prometheus.ask(path, {"query": question.expr, **window})
        return str(found["error"]) if found["status"] != "success" else _answer(found)


def _answer(found: dict[str, Any]) -> Answer:
    """The points of Prometheus's JSON."""
    data = found["data"]
    result = [{"metric": {}, "value": data["result"]}] if data["resultType"] == "scalar" else data["result"]
    return {
        (canonical(series["metric"]), round(at * 1000)): point
        for series in result
        for at, point in _points(series)
    }


def _points(series: dict[str, Any]) -> Iterator[tuple[float, Point]]:
    for at, value in series.get("values", [series["value"]] if "value" in series else []):
        yield at, (float(value),)
    for at, value in series.get("histograms", [series["histogram"]] if "histogram" in series else []):
        # How many empty buckets become NaN with all others depends on Prometheus's chunk.
        held = [bucket for bucket in value.get("buckets", []) if bucket[3] != "NaN"]
        buckets = [float(part) for bucket in held for part in bucket]
        yield at, (float(value["count"]), float(value["sum"]), *buckets)


def _parts(expr: Expr) -> Iterator[Expr]:
    for child in children(expr):
        if type_of(child) in ("vector", "scalar"):
            yield child
        else:
            yield from _parts(child)


def differing(
    ours: dict[tuple[Labels, int], Point], theirs: dict[tuple[Labels, int], Point]
) -> Iterator[tuple[Labels, int]]:
    """Where one side has no point, or another one."""
    yield from sorted(ours.keys() ^ theirs.keys())
    for key in ours.keys() & theirs.keys():
        one, two = ours[key], theirs[key]
        if len(one) != len(two) or not all(map(same, one, two)):
            yield key


def difference(ours: Answer, theirs: Answer) -> str | None:
    """The first difference as a sentence."""
    if isinstance(ours, str) or isinstance(theirs, str):
        if isinstance(ours, str) and isinstance(theirs, str):
            return None
        return f"ours {_short(ours)}, theirs {_short(theirs)}"
    for key in sorted(ours.keys() ^ theirs.keys()):
        return f"{key}: ours {ours.get(key)}, theirs {theirs.get(key)}"
    for key, value in ours.items():
        other = theirs[key]
        if len(value) != len(other):
            return f"{key}: ours {value!r}, theirs {other!r}"
        for at, (one, two) in enumerate(zip(value, other, strict=True)):
            if not same(one, two):
                return f"{key}: ours {one!r}, theirs {two!r} at place {at} of {len(value)}"
    return None


def same(a: float, b: float) -> bool:
    """Equal within 1e-9; NaN equals NaN."""
    return math.isclose(a, b, rel_tol=_RELATIVE, abs_tol=1e-12) or (math.isnan(a) and math.isnan(b))


def _short(answer: Answer) -> str:
    return f"error {answer[:200]!r}" if isinstance(answer, str) else f"{len(answer)} points"
