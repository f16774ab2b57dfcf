"""How long a system takes to answer the queries of dashboards and alerts, from request to last byte."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from http.client import HTTPConnection
from urllib.parse import quote

from bench.payloads import STEP_MS, Fleet
from bench.systems import Running


@dataclass(frozen=True, slots=True)
class Case:
    """One row of the table. A range case runs over the fleet's last 120 steps, an instant one at its end."""

    title: str
    query: str
    is_range: bool


_M = "container_metric_00_total"
_N = "container_metric_01_total"

CASES: Sequence[Case] = (
    Case("sum by (namespace) (rate), 1k series x 120 steps", f"sum by (namespace) (rate({_M}[5m]))", True),
    Case(
        "sum by (__name__) (rate), 20k series x 120 steps",
        'sum by (__name__) (rate({job="kubelet"}[5m]))',
        True,
    ),
    Case("rate, 1k series x 120 steps", f"rate({_M}[5m])", True),
    Case("topk(10, rate), 1k series, instant", f"topk(10, rate({_M}[5m]))", False),
    Case("sum, 20k series, instant", 'sum({job="kubelet"})', False),
    Case(
        "max(quantile_over_time(0.9)), 1k series x 120 steps",
        f"max(quantile_over_time(0.9, {_M}[10m]))",
        True,
    ),
    Case(
        "ratio of two sum by (pod) (rate), 2k series x 120 steps",
        f"sum by (pod) (rate({_M}[5m])) / sum by (pod) (rate({_N}[5m]))",
        True,
    ),
    Case("one series x 120 steps", f'{_M}{{pod="workload-000-00000000"}}', True),
)


def measure(systems: Sequence[Running], fleet: Fleet, case: Case, runs: int) -> list[float]:
    """Median milliseconds of each system; they take turns, so that a slow moment hits all of them.

    Connections are kept, as dashboards keep them.
    """
    taken: list[list[float]] = [[] for _ in systems]
    with ExitStack() as stack:
        connections = [stack.enter_context(closing(running.connect())) for running in systems]
        for turn in range(runs + 1):
            for i, running in enumerate(systems):
                milliseconds = _ask(running, connections[i], fleet, case)
                if turn:  # the first turn warms up
                    taken[i].append(milliseconds)
    return [statistics.median(times) for times in taken]


def _ask(running: Running, connection: HTTPConnection, fleet: Fleet, case: Case) -> float:
    end_s = fleet.end_ms / 1000
    path = f"/api/v1/query?query={quote(case.query)}&time={end_s}"
    if case.is_range:
        start_s = end_s - 119 * STEP_MS / 1000
        path = f"/api/v1/query_range?query={quote(case.query)}&start={start_s}&end={end_s}&step=15"
    began = time.perf_counter()
    connection.request("GET", path + running.system.query_extra)
    answer = connection.getresponse()
    body = answer.read()
    milliseconds = (time.perf_counter() - began) * 1000
    if answer.status != 200 or b'"result":[{' not in body:
        raise RuntimeError(f"{running.system.name} answered {answer.status} to {case.query}: {body[:200]!r}")
    return milliseconds
