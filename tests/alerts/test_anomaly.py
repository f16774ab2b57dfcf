"""Anomaly rules: read, previewed and stepped as any other rule, with one band at every zoom."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import orjson
import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient, Response
from prometheus_client import CollectorRegistry

from alerts.anomaly.preview import asked_of, preview
from alerts.anomaly.rule import anomaly_of
from alerts.anomaly.suitability import reason_against
from alerts.api import create_router
from alerts.evaluator import Evaluator
from alerts.group import RunningGroup, World
from alerts.rules import load
from query.block import Block
from query.engine import Engine
from storage.catalogue import Catalogue
from storage.errors import ConfigError, LimitError
from storage.memory import MemoryStorage
from storage.model import canonical

DAY_S = 86_400
START_S = 1_790_035_200 // DAY_S * DAY_S
STEP_S = 300
DAYS = 6
SPIKE_S = START_S + 5 * DAY_S + 3 * 3_600 + STEP_S
WATCHED = {"selector": "load", "history": "4d", "step": "5m"}


@pytest.fixture
def engine() -> Iterator[Engine]:
    """Six days of two series, a spike in one of them."""
    storage = MemoryStorage()
    at_s = np.arange(START_S, START_S + DAYS * DAY_S, STEP_S)
    random = np.random.default_rng(4)
    for pod in ("a", "b"):
        values = 100 + 30 * np.sin(at_s * 2 * np.pi / DAY_S) + random.normal(0, 1, len(at_s))
        if pod == "a":
            values[at_s == SPIKE_S] = 300
        storage.append(
            [canonical({"__name__": "load", "pod": pod})], np.zeros(len(at_s), np.int64), at_s * 1000, values
        )
    engine = Engine(storage, Catalogue(storage))
    yield engine
    engine.close()


def values_at(
    engine: Engine, query: str, start_s: int, end_s: int, step_s: int
) -> dict[tuple[str, int], float]:
    answer = engine.range(query, start_s * 1000, end_s * 1000, step_s * 1000)
    assert isinstance(answer.value, Block)
    pods = [row["pod"] for row in answer.value.labels.rows()]
    return {
        (pods[row], int(answer.steps_ms[step])): float(answer.value.values[row, step])
        for row, step in np.argwhere(answer.value.present).tolist()
    }


@pytest.mark.parametrize("function", ["anomaly_score", "anomaly_band_upper", "anomaly_band_lower"])
def test_every_window_of_a_chart_shows_the_same_band(engine: Engine, function: str) -> None:
    query = f"{function}(load[3d:5m])"
    whole = values_at(engine, query, START_S + 3 * DAY_S, START_S + 6 * DAY_S - STEP_S, STEP_S)
    windows = [
        (START_S + 4 * DAY_S + 1_500, START_S + 5 * DAY_S + 30_000, STEP_S),
        (START_S + 3 * DAY_S, START_S + 6 * DAY_S - STEP_S, 3_600),
        (SPIKE_S, SPIKE_S, STEP_S),
    ]

    assert len(whole) == 2 * 3 * DAY_S // STEP_S
    for window in windows:
        part = values_at(engine, query, *window)
        assert part
        assert part == {key: whole[key] for key in part}


def test_a_preview_tells_bands_verdicts_and_when_it_would_have_fired(engine: Engine) -> None:
    start, end = START_S + 4 * DAY_S, START_S + 6 * DAY_S - STEP_S

    found = preview(engine, asked_of({"anomaly": WATCHED, "start": start, "end": end, "points": 100}))

    assert [(one["labels"], one["start"], one["severity"]) for one in found["firings"]] == [
        ({"pod": "a"}, SPIKE_S, "critical")
    ]
    first = found["series"][0]
    assert len(first["score"]) == len(found["times"]) <= 100
    assert max(first["score"]) > 2
    assert all(low < high for low, high in zip(first["lower"], first["upper"], strict=True))


def test_a_duration_keeps_one_point_from_firing(engine: Engine) -> None:
    start, end = START_S + 4 * DAY_S, START_S + 6 * DAY_S - STEP_S

    found = preview(engine, asked_of({"anomaly": WATCHED, "for": "10m", "start": start, "end": end}))

    assert found["firings"] == []


def test_an_exclusion_silences_the_rule(engine: Engine) -> None:
    watched = {**WATCHED, "exclude": ["hour() == 3"]}
    start, end = START_S + 4 * DAY_S, START_S + 6 * DAY_S - STEP_S

    assert preview(engine, asked_of({"anomaly": watched, "start": start, "end": end}))["firings"] == []


def test_a_sender_that_stopped_is_seen_against_its_habit(engine: Engine) -> None:
    watched = {"selector": "load", "kind": "silence", "history": "1d"}
    start, end = START_S + 6 * DAY_S - 3_600, START_S + 6 * DAY_S + 3_600

    found = preview(engine, asked_of({"anomaly": watched, "start": start, "end": end}))

    assert [one["labels"]["pod"] for one in found["firings"]] == ["a", "b"]
    assert {one["start"] for one in found["firings"]} == {START_S + 6 * DAY_S - STEP_S + 660}


def test_a_preview_of_too_many_steps_is_refused(engine: Engine) -> None:
    with pytest.raises(LimitError, match="the limit is 100000"):
        preview(engine, asked_of({"anomaly": {"selector": "load"}, "start": 0, "end": 10_000_000}))


def test_a_rule_reads_its_anomaly_as_an_expression(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(
        "groups:\n- name: g\n  rules:\n  - alert: LatencyUnusual\n    for: 5m\n    anomaly:\n"
        "      selector: sum(rate(x[5m]))\n      direction: above\n      exclude: ['up == 0']\n"
    )

    rule = load([str(path)])[0].rules[0]

    assert rule.text == (
        '(anomaly_score((sum(rate(x[5m])))[2w:1m], "medium", "above", "weekly") > 1) unless on () (up == 0)'
    )


BAD = {
    "no selector": ({}, "selector: holds nothing"),
    "unknown key": ({"selector": "x", "loud": 1}, "unknown key 'loud'"),
    "bad selector": ({"selector": "sum("}, "selector: "),
    "direction": ({"selector": "x", "direction": "up"}, "direction: is 'up', expected one of both"),
    "step": ({"selector": "x", "step": "7m"}, "step: .*divide a day"),
    "silence of an expression": ({"selector": "sum(x)", "kind": "silence"}, "expected a plain selector"),
    "exclusion": ({"selector": "x", "exclude": ["("]}, "exclude: "),
}


@pytest.mark.parametrize(("document", "message"), BAD.values(), ids=BAD.keys())
def test_a_wrong_anomaly_is_refused_with_its_place(document: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        anomaly_of("rule 1", document)


def test_a_series_that_no_band_fits_is_named_with_the_reason() -> None:
    random = np.random.default_rng(1)
    noise, calm = random.normal(100, 5, 3_000), np.zeros(3_000)
    wild = np.where(np.arange(3_000) % 40 == 0, 3.0, 0.0)

    assert reason_against(noise, calm, 300_000) == ""
    assert "spans 0.3 days" in reason_against(noise[:100], calm[:100], 300_000)
    assert "0 in 97%" in reason_against(np.where(np.arange(3_000) % 33 == 0, noise, 0), calm, 300_000)
    assert "2 different values" in reason_against(np.arange(3_000) % 2.0, calm, 300_000)
    assert "times a week" in reason_against(noise, wild, 300_000)


def test_the_api_previews_a_rule_and_refuses_a_wrong_one(engine: Engine) -> None:
    world = World(engine, MemoryStorage())
    app = FastAPI()
    evaluator = Evaluator(lambda: (), world, CollectorRegistry())
    app.include_router(create_router(evaluator))
    good = {"anomaly": WATCHED, "start": SPIKE_S - 3_600, "end": SPIKE_S + 3_600}

    async def ask(body: bytes) -> Response:
        async with AsyncClient(transport=ASGITransport(app), base_url="http://swell") as client:
            return await client.post("/api/v1/anomaly/preview", content=body)

    found = asyncio.run(ask(orjson.dumps(good))).json()
    wrong = asyncio.run(ask(orjson.dumps({**good, "anomaly": {"selector": "sum("}})))
    garbage = asyncio.run(ask(b"{"))
    evaluator.stop()

    assert [one["labels"] for one in found["data"]["firings"]] == [{"pod": "a"}]
    assert (wrong.status_code, garbage.status_code) == (400, 400)
    assert "anomaly, selector" in wrong.json()["error"]


def test_an_anomaly_rule_fires_live_when_its_preview_says_so(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(
        "groups:\n- name: g\n  rules:\n  - alert: Odd\n    anomaly: {selector: load, history: 4d, step: 5m}\n"
    )
    running = RunningGroup(load([str(path)])[0], World(engine, MemoryStorage()))

    changes = {at_s: running.evaluate(at_s * 1000) for at_s in range(SPIKE_S - 600, SPIKE_S + 601, STEP_S)}

    assert {at_s: len(found) for at_s, found in changes.items() if found} == {SPIKE_S: 1, SPIKE_S + STEP_S: 1}
