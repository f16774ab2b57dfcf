"""Runs rule groups when they are due: one thread keeps the time, a few workers evaluate."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, TypeAlias

from prometheus_client import CollectorRegistry

from alerts.group import RunningGroup, World, sendable
from alerts.metrics import AlertMetrics
from alerts.notify import Notice
from alerts.rules import Group
from alerts.schedule import latest_slot_ms, missed, next_slot_ms
from alerts.state import Phase
from query.engine import Engine

_LOG = logging.getLogger("swell.alerts")
_LONGEST_WAIT_S: Final = 5.0

Notify: TypeAlias = Callable[[Sequence[Notice], int], None]
"""Takes what fires and what has resolved in one group, and the time of evaluation in ms. Never blocks."""


class Evaluator:
    """Owns the running groups.

    `load` gives the groups at start and at each reload and raises `ConfigError`, on which the former groups
    go on. `clock` gives seconds since the epoch. `wait(seconds)` returns early, and true, when it is time
    to stop.
    """

    def __init__(
        self,
        load: Callable[[], Sequence[Group]],
        world: World,
        registry: CollectorRegistry,
        notify: Notify = lambda notices, now_ms: None,
        clock: Callable[[], float] = time.time,
        wait: Callable[[float], bool] | None = None,
        workers: int = 2,
    ) -> None:
        self._load = load
        self._world = world
        self._notify = notify
        self._clock = clock
        self._stopping = threading.Event()
        self._wait = wait or self._stopping.wait
        self._metrics = AlertMetrics(registry)
        self._lock = threading.Lock()
        self._due: dict[tuple[str, str], int] = {}
        self._last: dict[tuple[str, str], int] = {}
        self._running: dict[tuple[str, str], Future[None]] = {}
        self._pool = ThreadPoolExecutor(workers, "rules")
        self._thread: threading.Thread | None = None
        self._groups: tuple[RunningGroup, ...] = ()
        self.reload()

    @property
    def groups(self) -> tuple[RunningGroup, ...]:
        """The groups as they run; see `alerts.view` for plain values."""
        return self._groups

    @property
    def engine(self) -> Engine:
        """What the rules ask."""
        return self._world.engine

    def reload(self) -> None:
        """Read the rules again; alerts of rules that stay keep their state. Raises `ConfigError`."""
        loaded = self._load()
        now_ms = self._now_ms()
        with self._lock:
            for future in list(self._running.values()):
                future.exception()
            before = {running.group.key: running for running in self._groups}
            groups = []
            for group in loaded:
                former = before.pop(group.key, None)
                groups.append(self._renewed(group, former, now_ms))
            for gone in before.values():
                gone.end(now_ms)
            self._groups = tuple(groups)
            self._due = {
                group.key: self._due.get(group.key, next_slot_ms(group, now_ms - group.interval_ms))
                for group in loaded
            }
        _LOG.info("%d rules in %d groups", sum(len(group.rules) for group in loaded), len(loaded))

    def evaluate(self, running: RunningGroup, now_ms: int) -> None:
        """Evaluate one group at an explicit time, in this thread, and tell the notifiers."""
        running.evaluate(now_ms)
        self._last[running.group.key] = now_ms
        self._metrics.observe(running)
        notices = [
            Notice(alert, rule.text, running.group.name)
            for rule, alert in sendable(running)
            if alert.phase is Phase.FIRING or alert.resolved_at_ms is not None
        ]
        self._notify(notices, now_ms)

    def run_once(self, now_ms: int) -> None:
        """Evaluate every group at one time, in this thread; for tests and backtests of whole files."""
        for running in self._groups:
            self.evaluate(running, now_ms)

    def run_due(self) -> float:
        """Hand every group that is due to a worker; returns the seconds until the next one is.

        A group that is still at work is left alone; the moments that it misses are counted, never caught up.
        """
        now_ms = self._now_ms()
        with self._lock:
            for running in self._groups:
                key = running.group.key
                busy = self._running.get(key)
                if self._due[key] > now_ms or (busy is not None and not busy.done()):
                    continue
                slot_ms = latest_slot_ms(running.group, now_ms)
                self._metrics.missed.inc(missed(running.group, self._last.get(key), slot_ms))
                self._due[key] = slot_ms + running.group.interval_ms
                self._running[key] = self._pool.submit(self._guarded, running, slot_ms)
            next_ms = min(self._due.values(), default=now_ms + 60_000)
        return min(max((next_ms - now_ms) / 1000, 0.01), _LONGEST_WAIT_S)

    def start(self) -> None:
        """Begin to evaluate when groups are due."""
        self._stopping.clear()
        self._thread = threading.Thread(target=self._keep_time, name="rules-clock", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End after the evaluations that are under way."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self._pool.shutdown()

    def _keep_time(self) -> None:
        while not self._stopping.is_set():
            if self._wait(self.run_due()):
                return

    def _guarded(self, running: RunningGroup, slot_ms: int) -> None:
        try:
            self.evaluate(running, slot_ms)
        except Exception:  # noqa: BLE001 - one group's defect must not end the evaluation of the others
            _LOG.exception("group %r failed", running.group.name)

    def _renewed(self, group: Group, former: RunningGroup | None, now_ms: int) -> RunningGroup:
        if former is not None and former.group == group:
            return former
        running = RunningGroup(group, self._world)
        if former is not None:
            running.take_over(former, now_ms)
        return running

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)
