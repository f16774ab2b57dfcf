"""Runs unit tests on the real engine and the real rule groups, over a store in memory."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TextIO, TypeAlias

import numpy as np

from alerts.group import RunningGroup, World
from alerts.rules import AlertingRule, Group, load
from alerts.state import ALERT_NAME, Phase
from alerts.unittest.document import AlertCase, ExprCase, UnitTest, UnitTestFile, load_tests
from query.block import Block, ScalarBlock
from query.engine import Engine
from query.limits import QueryLimits
from query.native.compare import equal_rows
from query.native.text import texts
from storage.catalogue import Catalogue
from storage.errors import Error
from storage.histograms import Histograms, concat
from storage.memory import MemoryStorage
from storage.model import METRIC_NAME, Int64Array, Labels, canonical

Sample: TypeAlias = tuple[Labels, float | Histograms]


def run_files(paths: Sequence[Path], out: TextIO) -> bool:
    """Run each file and tell of it as promtool does. True when every test passes."""
    passed = True
    for path in paths:
        print(f"Unit Testing:  {path}", file=out)
        failures = _failures(path)
        print("  FAILED:" if failures else "  SUCCESS", file=out)
        for failure in failures:
            print("    " + failure.replace("\n", "\n    "), file=out)
        print(file=out)
        passed = passed and not failures
    return passed


def _failures(path: Path) -> list[str]:
    try:
        document = load_tests(path)
        groups = _ordered(load(document.rule_files, document.interval_ms), document.order)
    except Error as error:
        return [str(error)]
    found = []
    for number, test in enumerate(document.tests, 1):
        place = f"name: {test.name},\n" if test.name else f"test {number}:\n"
        found += [place + failure for failure in _Stage(document, test, groups).run()]
    return found


def _ordered(groups: Sequence[Group], order: Sequence[str]) -> list[Group]:
    return sorted(groups, key=lambda group: order.index(group.name) if group.name in order else 0)


class _Stage:
    """One test: the store fills as time goes on, so that no rule sees what is yet to come."""

    def __init__(self, document: UnitTestFile, test: UnitTest, groups: Sequence[Group]) -> None:
        self._document = document
        self._test = test
        self._storage = MemoryStorage()
        # The default step of a subquery is the interval of evaluation, as in promtool.
        limits = replace(QueryLimits(), subquery_step_ms=document.interval_ms)
        self._engine = Engine(self._storage, Catalogue(self._storage), limits)
        world = World(
            self._engine,
            self._storage,
            external_url=test.external_url,
            external_labels=test.external_labels,
        )
        self._groups = [RunningGroup(group, world) for group in groups]

    def run(self) -> list[str]:
        """What is not as expected, a sentence each."""
        try:
            return [*self._evaluate(), *(one for case in self._test.exprs for one in self._expr(case))]
        finally:
            self._engine.close()

    def _evaluate(self) -> Iterator[str]:
        test, interval_ms = self._test, self._document.interval_ms
        loaded_ms = -1
        for at_ms in range(0, test.last_ms + 1, interval_ms):
            self._load(loaded_ms, at_ms)
            loaded_ms = at_ms
            yield from self._evaluate_groups(test.start_ms + at_ms)
            for case in test.alerts:
                if at_ms <= case.at_ms < at_ms + interval_ms:
                    yield from self._alerts(case)
        self._load(loaded_ms, test.last_ms)

    def _evaluate_groups(self, now_ms: int) -> Iterator[str]:
        for group in self._groups:
            group.evaluate(now_ms)
            for running in group.rules:
                if running.report.last_error:
                    seconds = (now_ms - self._test.start_ms) / 1000
                    yield f"rule: {running.rule.name}, time: {seconds:g}s, err: {running.report.last_error}"

    def _load(self, after_ms: int, until_ms: int) -> None:
        """Store the input's samples of (after, until], both counted from the start."""
        step_ms = self._test.interval_ms
        begin, end = after_ms // step_ms + 1, until_ms // step_ms + 1
        for line in self._test.series:
            there = np.flatnonzero(line.present[begin:end]) + begin
            held = there[:0]
            if line.cells is not None:
                held = there[line.cells.at[there] >= 0]
                there = there[line.cells.at[there] < 0]
                pool = line.cells.pool.take(line.cells.at[held])
            if len(there):
                self._storage.append([line.labels], *self._places(there, step_ms), line.values[there])
            if len(held):
                self._storage.append_histograms([line.labels], *self._places(held, step_ms), pool)

    def _places(self, steps: Int64Array, step_ms: int) -> tuple[Int64Array, Int64Array]:
        """The series, the only one, and the time of samples at some steps."""
        return np.zeros(len(steps), np.int64), self._test.start_ms + steps * step_ms

    def _alerts(self, case: AlertCase) -> list[str]:
        firing = [
            (alert.labels, alert.annotations)
            for group in self._groups
            for running in group.rules
            if isinstance(running.rule, AlertingRule) and running.rule.name == case.name
            for alert in running.state.alerts.values()
            if alert.phase is Phase.FIRING
        ]
        expected = [
            (canonical({**dict(one.labels), ALERT_NAME: case.name}), one.annotations) for one in case.alerts
        ]
        if sorted(firing) == sorted(expected):
            return []
        head = f"    alertname: {case.name}, time: {case.at_ms / 1000:g}s,"
        return [_compared(head, map(_alert, sorted(expected)), map(_alert, sorted(firing)))]

    def _expr(self, case: ExprCase) -> list[str]:
        head = f'    expr: "{case.expr}", time: {case.at_ms / 1000:g}s,'
        try:
            value = self._engine.instant(case.expr, self._test.start_ms + case.at_ms).value
        except Error as error:
            return [f"{head} err: {error}"]
        if not isinstance(value, Block | ScalarBlock):
            return [f"{head} err: the answer is neither a vector nor a scalar"]
        found, expected = (sorted(samples, key=_by_labels) for samples in (_samples(value), case.samples))
        if len(found) == len(expected) and all(map(self._same, found, expected)):
            return []
        return [_compared(head, map(_sample, expected), map(_sample, found))]

    def _same(self, found: Sample, expected: Sample) -> bool:
        is_equal = _nearly if self._document.is_fuzzy else _equal
        (labels, value), (wanted, number) = found, expected
        if isinstance(value, Histograms) or isinstance(number, Histograms):
            return labels == wanted and _alike(value, number)
        return labels == wanted and is_equal(value, number)


def _samples(value: Block | ScalarBlock) -> list[Sample]:
    if isinstance(value, ScalarBlock):
        return [((), float(value.values[0]))]
    rows = np.flatnonzero(value.present[:, 0])
    labels: Iterable[Labels] = map(canonical, value.labels.take(rows).rows())
    values: list[float | Histograms] = value.values[rows, 0].tolist()
    if value.cells is not None:
        at = value.cells.at[rows, 0]
        for i in np.flatnonzero(at >= 0).tolist():
            values[i] = value.cells.pool.take(at[i : i + 1])
    return list(zip(labels, values, strict=True))


def _by_labels(sample: Sample) -> Labels:
    return sample[0]


def _alike(a: float | Histograms, b: float | Histograms) -> bool:
    if not (isinstance(a, Histograms) and isinstance(b, Histograms)):
        return False
    same = equal_rows(concat([a, b]), np.zeros(1, np.int64), np.ones(1, np.int64))
    return bool(same[0] and a.hints[0] == b.hints[0])


def _equal(a: float, b: float) -> bool:
    return a == b or (math.isnan(a) and math.isnan(b))


def _nearly(a: float, b: float) -> bool:
    """Equal or neighbours among the float64, which is what `fuzzy_compare` forgives."""
    return _equal(a, b) or math.nextafter(a, b) == b


def _compared(head: str, expected: Iterable[str], found: Iterable[str]) -> str:
    return f"{head}\n        exp:{_listed(expected)}\n        got:{_listed(found)}"


def _listed(lines: Iterable[str]) -> str:
    shown = list(lines)
    return " nil" if not shown else "[\n            " + ",\n            ".join(shown) + "\n        ]"


def _alert(alert: tuple[Labels, Labels]) -> str:
    return f"Labels:{_braced(alert[0])} Annotations:{_braced(alert[1])}"


def _sample(sample: Sample) -> str:
    labels, value = sample
    shown = texts(value, np.zeros(1, np.int64))[0] if isinstance(value, Histograms) else repr(value)
    return f"{_braced(labels)} {shown}"


def _braced(labels: Labels) -> str:
    inner = ", ".join(f'{key}="{text}"' for key, text in labels if key != METRIC_NAME)
    return dict(labels).get(METRIC_NAME, "") + "{" + inner + "}"
