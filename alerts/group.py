"""A group at work: its rules evaluated one after another at an explicit time, and what they remember."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import numpy as np

from alerts.history import History
from alerts.outbox import Outbox
from alerts.rules import AlertingRule, Group, RecordingRule, Rule, metrics_read
from alerts.samples import rule_samples
from alerts.state import ALERT_NAME, RESTORE_GRACE_MS, Alert, Element, RuleState, Transition, restore, step
from alerts.template import Surroundings, Vector, expand
from query.ast import Expr
from query.block import Block, Cells, ScalarBlock
from query.deadline import Deadline
from query.engine import Engine
from storage.errors import Error, ExecutionError, LimitError
from storage.interface import Appender
from storage.model import METRIC_NAME, Labels, canonical

_LOG = logging.getLogger("swell.alerts")
_ALERT_METRICS: Final = frozenset({"ALERTS", "ALERTS_FOR_STATE"})
_EVALUATIONS_BEFORE_RESTORE: Final = 2

Timer: TypeAlias = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Report:
    """How the last evaluation of a rule went. `health` is unknown, ok or err; durations in seconds."""

    health: str = "unknown"
    last_error: str = ""
    last_evaluation_ms: int | None = None
    duration_s: float = 0.0


@dataclass(slots=True)
class RunningRule:
    """A rule and what it remembers. Its fields are replaced, never changed, so that any thread may read."""

    rule: Rule
    reads_earlier: bool
    restored: bool
    state: RuleState = field(default_factory=RuleState)
    report: Report = field(default_factory=Report)


@dataclass(frozen=True, slots=True)
class World:
    """What a group reaches outside of itself.

    `flush` waits until appended samples can be queried; `history` is None where nothing is to be restored.
    """

    engine: Engine
    appender: Appender
    flush: Callable[[], bool] = lambda: True
    history: History | None = None
    external_url: str = ""
    external_labels: Mapping[str, str] | None = None
    timeout_s: float = 60.0
    timer: Timer = time.perf_counter


class RunningGroup:
    """Evaluates one group. Only one evaluation runs at a time; the caller sees to that."""

    def __init__(self, group: Group, world: World) -> None:
        self.group = group
        self.rules = tuple(
            RunningRule(rule, reads, world.history is None or _is_short(rule))
            for rule, reads in zip(group.rules, _reading_earlier(group.rules), strict=True)
        )
        self.report = Report()
        self.evaluations = 0
        self._world = world

    def take_over(self, before: RunningGroup, now_ms: int) -> None:
        """Go on from the state of a former version of the group; series of rules that are gone end."""
        left = list(before.rules)
        for running in self.rules:
            match = next((old for old in left if _same(old.rule, running.rule)), None)
            if match is not None:
                left.remove(match)
                running.state, running.restored, running.report = match.state, match.restored, match.report
        self.evaluations = before.evaluations
        self._end(left, now_ms)

    def end(self, now_ms: int) -> None:
        """End the series of every rule: the group is gone."""
        self._end(self.rules, now_ms)

    def evaluate(self, now_ms: int) -> tuple[Transition, ...]:
        """Run every rule at `now_ms`. What fails is kept in the reports and never raised."""
        started = self._world.timer()
        outbox = Outbox(self._world.appender, self._world.flush, now_ms - self.group.query_offset_ms)
        transitions = [change for rule in self.rules for change in self._evaluate(rule, now_ms, outbox)]
        error = self._send(outbox)
        self.evaluations += 1
        if self.evaluations >= _EVALUATIONS_BEFORE_RESTORE:
            self._restore(now_ms)
        failed = next((rule.report.last_error for rule in self.rules if rule.report.last_error), error)
        health = "err" if failed else "ok"
        self.report = Report(health, failed, now_ms, self._world.timer() - started)
        return tuple(transitions)

    def _evaluate(self, running: RunningRule, now_ms: int, outbox: Outbox) -> Sequence[Transition]:
        started, error = self._world.timer(), ""
        transitions: Sequence[Transition] = ()
        try:
            if running.reads_earlier:
                outbox.settle()
            transitions = self._run(running, now_ms, outbox)
        except Error as failure:
            error = str(failure)
            if isinstance(failure, LimitError):
                running.state = RuleState({}, running.state.written)
            _LOG.warning("group %r, rule %r: %s", self.group.name, running.rule.name, error)
        duration_s = self._world.timer() - started
        running.report = Report("err" if error else "ok", error, now_ms, duration_s)
        return transitions

    def _run(self, running: RunningRule, now_ms: int, outbox: Outbox) -> Sequence[Transition]:
        rule, at_ms = running.rule, now_ms - self.group.query_offset_ms
        if isinstance(rule, RecordingRule):
            answer = self._answer(rule.expr, at_ms)
            live = record(rule, _vector(answer), self.group.limit)
            outbox.add(rule_samples(live, running.state.written, _cells(answer)))
            running.state = RuleState(written=frozenset(live))
            return ()
        elements = self._elements(rule, self._ask(rule.expr, at_ms), at_ms)
        done = step(running.state, now_ms, elements, rule, self.group.limit, running.restored)
        outbox.add(done.samples)
        running.state = done.state
        return done.transitions

    def _ask(self, expr: str | Expr, at_ms: int) -> Vector:
        return _vector(self._answer(expr, at_ms))

    def _answer(self, expr: str | Expr, at_ms: int) -> Block | ScalarBlock:
        deadline = Deadline(self._world.timeout_s)
        value = self._world.engine.instant(expr, at_ms, deadline=deadline).value
        if not isinstance(value, Block | ScalarBlock):
            raise ExecutionError("rule result is not a vector or scalar")
        return value

    def _elements(self, rule: AlertingRule, vector: Vector, at_ms: int) -> list[Element]:
        around = Surroundings(
            lambda text: self._ask(text, at_ms), self._world.external_url, self._world.external_labels or {}
        )
        return [instance(rule, labels, value, around) for labels, value in vector]

    def _send(self, outbox: Outbox) -> str:
        try:
            outbox.send()
        except Error as failure:
            _LOG.warning("group %r: its samples are not stored: %s", self.group.name, failure)
            return f"samples are not stored: {failure}"
        return ""

    def _restore(self, now_ms: int) -> None:
        history = self._world.history
        for running in self.rules:
            if running.restored or history is None or not isinstance(running.rule, AlertingRule):
                continue
            try:
                last = history.last(running.rule, now_ms)
            except Error as failure:
                _LOG.warning("rule %r: its state is not restored yet: %s", running.rule.name, failure)
                continue
            running.state = restore(running.state, now_ms, running.rule, last)
            running.restored = True

    def _end(self, rules: Sequence[RunningRule], now_ms: int) -> None:
        outbox = Outbox(self._world.appender, self._world.flush, now_ms - self.group.query_offset_ms)
        for running in rules:
            outbox.add(rule_samples({}, running.state.written))
        self._send(outbox)


def _vector(answer: Block | ScalarBlock) -> Vector:
    """Labels and values; a histogram counts as 0, as in Prometheus's alerts."""
    if isinstance(answer, ScalarBlock):
        return [({}, float(answer.values[0]))]
    values = np.where(answer.is_histogram, 0.0, answer.values)[:, 0]
    return list(zip(answer.labels.rows(), values.tolist(), strict=True))


def _cells(answer: Block | ScalarBlock) -> Cells | None:
    if isinstance(answer, ScalarBlock) or answer.cells is None:
        return None
    return Cells(answer.cells.at[:, 0], answer.cells.pool)


def instance(rule: AlertingRule, labels: Mapping[str, str], value: float, around: Surroundings) -> Element:
    """One series of an answer as the alert that it raises."""
    own = {name: expand(template, labels, value, around) for name, template in rule.labels}
    notes = [(name, expand(template, labels, value, around)) for name, template in rule.annotations]
    kept = {name: text for name, text in labels.items() if name != METRIC_NAME}
    return Element(canonical({**kept, **own, ALERT_NAME: rule.name}), tuple(notes), value)


def record(rule: RecordingRule, vector: Vector, limit: int) -> dict[Labels, float]:
    """The series that a rule records. Raises `ExecutionError` for twins, `LimitError` for too many."""
    own = {METRIC_NAME: rule.name, **dict(rule.labels)}
    live = {canonical({**labels, **own}): value for labels, value in vector}
    if len(live) < len(vector):
        raise ExecutionError("vector contains metrics with the same labelset after applying rule labels")
    if limit and len(live) > limit:
        raise LimitError(f"exceeded limit of {limit} with {len(live)} series")
    return live


def sendable(group: RunningGroup) -> list[tuple[AlertingRule, Alert]]:
    """Alerts that notifiers should know of: firing, and resolved ones that are still remembered."""
    return [
        (running.rule, alert)
        for running in group.rules
        if isinstance(running.rule, AlertingRule)
        for alert in running.state.alerts.values()
        if alert.fired_at_ms is not None
    ]


def _reading_earlier(rules: Sequence[Rule]) -> list[bool]:
    """For each rule, whether it may read what an earlier one of the group writes."""
    written: set[str] = set()
    found = []
    for rule in rules:
        read = metrics_read(rule.expr)
        found.append(bool(written) if read is None else not written.isdisjoint(read))
        written |= {rule.name} if isinstance(rule, RecordingRule) else _ALERT_METRICS
    return found


def _is_short(rule: Rule) -> bool:
    """Whether nothing of a rule is worth restoring."""
    return isinstance(rule, RecordingRule) or rule.for_ms < RESTORE_GRACE_MS


def _same(old: Rule, new: Rule) -> bool:
    return type(old) is type(new) and (old.name, old.labels) == (new.name, new.labels)
