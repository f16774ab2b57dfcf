"""Rules on the real engine and store, at times that the test chooses."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient
from prometheus_client import CollectorRegistry

from alerts.api import create_router
from alerts.evaluator import Evaluator
from alerts.group import World
from alerts.history import StoredHistory
from alerts.notify import Notice
from alerts.rules import load
from ingest.limits import Limits
from ingest.pipeline import Pipeline
from query.block import Block
from query.engine import Engine
from storage.catalogue import Catalogue
from storage.clickhouse import ClickHouseStorage
from storage.errors import ConfigError
from storage.model import canonical

NOW_MS = 1_790_000_000_000
MINUTE_MS = 60_000
RULES = """
groups:
- name: load
  interval: 1m
  rules:
  - record: job:load:sum
    expr: sum by (job) (load)
    labels: {from: rule}
  - alert: LoadHigh
    expr: job:load:sum > 10
    for: 1m
    labels: {severity: page}
    annotations: {summary: 'load of {{ $labels.job }} is {{ $value }}'}
"""


@dataclass
class House:
    """A store, its write path and an evaluator of one rule file."""

    storage: ClickHouseStorage
    path: Path
    pipeline: Pipeline
    engine: Engine
    catalogue: Catalogue
    evaluator: Evaluator
    notices: list[tuple[int, Sequence[Notice]]]

    def put(self, name: str, at_ms: int, value: float, **labels: str) -> None:
        series = [canonical({"__name__": name, **labels})]
        self.pipeline.append(
            series, np.zeros(1, np.int64), np.array([at_ms], np.int64), np.array([value], np.float64)
        )
        self.pipeline.flush()

    def ask(self, query: str, at_ms: int) -> list[tuple[dict[str, str], float]]:
        self.pipeline.flush()
        value = self.engine.instant(query, at_ms).value
        assert isinstance(value, Block)
        return list(zip(value.labels.rows(), value.values[:, 0].tolist(), strict=True))

    def restarted(self) -> Evaluator:
        world = World(
            self.engine,
            self.pipeline,
            self.pipeline.flush,
            StoredHistory(self.storage, self.catalogue),
        )
        return Evaluator(
            lambda: load([str(self.path)]), world, CollectorRegistry(), clock=lambda: NOW_MS / 1000
        )


@pytest.fixture
def house(embedded_storage: ClickHouseStorage, tmp_path: Path) -> Iterator[House]:
    embedded_storage.migrate()
    path = tmp_path / "rules.yaml"
    path.write_text(RULES)
    pipeline = Pipeline(
        embedded_storage, tmp_path / "wal", Limits(), CollectorRegistry(), clock=lambda: NOW_MS / 1000
    )
    pipeline.start()
    catalogue = Catalogue(embedded_storage)
    engine = Engine(embedded_storage, catalogue)
    notices: list[tuple[int, Sequence[Notice]]] = []
    evaluator = Evaluator(
        lambda: load([str(path)]),
        World(engine, pipeline, pipeline.flush),
        CollectorRegistry(),
        notify=lambda found, now_ms: notices.append((now_ms, found)),
        clock=lambda: NOW_MS / 1000,
    )
    yield House(embedded_storage, path, pipeline, engine, catalogue, evaluator, notices)
    evaluator.stop()
    pipeline.stop()
    engine.close()


def test_a_rule_sees_what_an_earlier_rule_of_its_group_has_just_recorded(house: House) -> None:
    house.put("load", NOW_MS, 20, job="web", pod="a")

    house.evaluator.run_once(NOW_MS)

    assert house.ask("job:load:sum", NOW_MS) == [
        ({"__name__": "job:load:sum", "from": "rule", "job": "web"}, 20.0)
    ]
    assert house.ask("ALERTS", NOW_MS) == [
        (
            {
                "__name__": "ALERTS",
                "alertname": "LoadHigh",
                "alertstate": "pending",
                "from": "rule",
                "job": "web",
                "severity": "page",
            },
            1.0,
        )
    ]


def test_an_alert_fires_is_told_and_ends(house: House) -> None:
    for minute, value in enumerate([20, 20, 5]):
        house.put("load", NOW_MS + minute * MINUTE_MS, value, job="web", pod="a")
        house.evaluator.run_once(NOW_MS + minute * MINUTE_MS)

    told = [
        [(notice.is_firing, dict(notice.alert.annotations)["summary"]) for notice in found]
        for _, found in house.notices
    ]
    assert told == [[], [(True, "load of web is 20")], [(False, "load of web is 20")]]
    states = [
        [labels["alertstate"] for labels, _ in house.ask("ALERTS", NOW_MS + minute * MINUTE_MS)]
        for minute in range(3)
    ]
    assert states == [["pending"], ["firing"], []]
    assert house.ask("ALERTS_FOR_STATE", NOW_MS + MINUTE_MS)[0][1] == NOW_MS // 1000


def test_a_failing_rule_is_reported_and_the_others_go_on(house: House) -> None:
    house.path.write_text(
        "groups:\n- name: g\n  limit: 1\n  rules:\n"
        "  - {record: many, expr: load}\n  - {record: one, expr: 'sum(load)'}\n"
    )
    house.evaluator.reload()
    house.put("load", NOW_MS, 1, pod="a")
    house.put("load", NOW_MS, 2, pod="b")

    house.evaluator.run_once(NOW_MS)

    many, one = house.evaluator.groups[0].rules
    assert (many.report.health, many.report.last_error) == ("err", "exceeded limit of 1 with 2 series")
    assert one.report.health == "ok"
    assert house.ask("one", NOW_MS) == [({"__name__": "one"}, 3.0)]


def test_a_reload_keeps_the_alerts_of_rules_that_stay_and_ends_the_others(house: House) -> None:
    house.put("load", NOW_MS - MINUTE_MS, 20, job="web", pod="a")
    house.evaluator.run_once(NOW_MS - MINUTE_MS)

    house.path.write_text(RULES.replace("> 10", "> 5").replace("job:load:sum\n", "job:load:total\n"))
    house.evaluator.reload()

    assert len(house.evaluator.groups[0].rules[1].state.alerts) == 1
    assert house.ask("job:load:sum", NOW_MS) == []


def test_a_broken_reload_leaves_the_rules_as_they_were(house: House) -> None:
    house.path.write_text("groups: 3")

    with pytest.raises(ConfigError, match="groups: holds a int"):
        house.evaluator.reload()

    assert len(house.evaluator.groups) == 1


def test_a_restart_gives_a_pending_alert_its_time_back(house: House) -> None:
    house.path.write_text(RULES.replace("for: 1m", "for: 1h"))
    house.evaluator.reload()
    house.put("load", NOW_MS, 20, job="web", pod="a")
    house.evaluator.run_once(NOW_MS)
    later_ms = NOW_MS + 3 * MINUTE_MS
    again = house.restarted()

    again.run_once(later_ms)
    again.run_once(later_ms + MINUTE_MS)

    (alert,) = again.groups[0].rules[1].state.alerts.values()
    assert alert.active_at_ms == NOW_MS + 4 * MINUTE_MS
    again.stop()


def get(house: House, path: str) -> dict[str, Any]:
    app = FastAPI()
    app.include_router(create_router(house.evaluator))

    async def ask() -> dict[str, Any]:
        async with AsyncClient(transport=ASGITransport(app), base_url="http://swell") as client:
            found: dict[str, Any] = (await client.get(path)).json()
            return found

    return asyncio.run(ask())


def test_the_api_answers_in_prometheuss_shape(house: House) -> None:
    house.put("load", NOW_MS, 20, job="web", pod="a")
    house.evaluator.run_once(NOW_MS)

    (group,) = get(house, "/api/v1/rules?type=alert")["data"]["groups"]
    (alert,) = get(house, "/api/v1/alerts")["data"]["alerts"]

    (rule,) = group["rules"]
    assert (rule["name"], rule["state"], rule["type"], rule["health"]) == (
        "LoadHigh",
        "pending",
        "alerting",
        "ok",
    )
    assert rule["duration"] == 60
    assert (alert["value"], alert["state"]) == ("2e+01", "pending")
    assert get(house, "/api/v1/rules?type=x")["errorType"] == "bad_data"


def test_groups_run_when_due_and_the_clock_thread_ends(house: House) -> None:
    assert house.evaluator.run_due() <= 60

    house.evaluator.start()
    house.evaluator.stop()

    assert house.evaluator.groups[0].evaluations == 1


def test_rules_are_selected_by_their_labels_and_told_page_by_page(house: House) -> None:
    house.path.write_text(RULES + RULES.replace("groups:\n", "").replace("name: load", "name: more"))
    house.evaluator.reload()

    def names(found: dict[str, Any]) -> list[list[str]]:
        return [[rule["name"] for rule in group["rules"]] for group in found["groups"]]

    paging = get(house, '/api/v1/rules?match[]={severity="page"}')["data"]
    recording = get(house, '/api/v1/rules?match[]={severity="x"}&match[]={from=~"r.*",severity=""}')["data"]
    first = get(house, "/api/v1/rules?group_limit=1")["data"]
    token = first["groupNextToken"]
    second = get(house, f"/api/v1/rules?group_limit=1&group_next_token={token}")["data"]

    assert names(paging) == [["LoadHigh"], ["LoadHigh"]]
    assert names(recording) == [["job:load:sum"], ["job:load:sum"]]
    assert [group["name"] for group in first["groups"] + second["groups"]] == ["load", "more"]
    assert "groupNextToken" not in second
    for wrong in (
        "group_limit=0",
        f"group_next_token={token}",
        "group_limit=1&group_next_token=x",
        "match[]={",
    ):
        assert get(house, f"/api/v1/rules?{wrong}")["errorType"] == "bad_data", wrong
