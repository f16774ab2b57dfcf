"""Every expression of well-known rules and dashboards evaluates on the engine."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from alerts.rules import load
from query.engine import Engine
from storage.catalogue import Catalogue
from storage.errors import Error
from storage.memory import MemoryStorage
from storage.model import METRIC_NAME, canonical

_NOW_MS = 1_700_000_000_000
_VALUES = {
    "__range_s": "3600",
    "__range_ms": "3600000",
    "port": "9100",
    "resolution": "30s",
    "quantile": "0.9",
}
_DURATION = re.compile(r"interval|range|window|rate", re.IGNORECASE)
_VARIABLE = re.compile(r"\$(?:\{(\w+)(?::\w+)?\}|(\w+)|__(\w+))|\[\[(\w+)\]\]")


def targets(value: Any) -> Iterator[str]:
    """The `expr` of every target, at any depth."""
    if isinstance(value, dict):
        if isinstance(value.get("expr"), str) and value["expr"].strip():
            yield value["expr"]
        for inner in value.values():
            yield from targets(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from targets(inner)


def filled(expr: str) -> str:
    def value(found: re.Match[str]) -> str:
        name = next(group for group in found.groups() if group)
        return _VALUES.get(name, "5m" if _DURATION.search(name) else "node")

    return _VARIABLE.sub(value, expr)


def dashboards(root: Path) -> Iterator[Any]:
    for path in sorted(root.rglob("*.json")):
        yield json.loads(path.read_text())
    for path in sorted(root.rglob("*.yaml")):
        for item in yaml.load(path.read_text(), yaml.CSafeLoader)["items"]:
            yield from (json.loads(text) for text in item["data"].values())


@pytest.fixture(params=["empty", "node"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    storage = MemoryStorage()
    if request.param == "node":
        series = [
            canonical({METRIC_NAME: name, "job": "node", "instance": "node", **labels})
            for name in ("up", "node_cpu_seconds_total", "node_load1", "node_filesystem_avail_bytes")
            for labels in ({"mode": "idle", "cpu": "0"}, {"mode": "user", "cpu": "0"})
        ]
        times = _NOW_MS - np.arange(40) * 15_000
        index = np.repeat(np.arange(len(series)), len(times))
        storage.append(
            series, index, np.tile(times, len(series)), np.tile(np.arange(40.0)[::-1], len(series))
        )
    found = Engine(storage, Catalogue(storage))
    yield found
    found.close()


def refused(engine: Engine, expressions: list[str]) -> list[str]:
    wrong = []
    for expr in expressions:
        try:
            engine.instant(expr, _NOW_MS)
        except Error as error:
            wrong.append(f"{expr}: {error}")
    print(f"{len(expressions)} expressions, {len(wrong)} refused")
    return wrong


@pytest.mark.slow
def test_every_expression_of_the_rules_evaluates(engine: Engine, shared_data: Path) -> None:
    paths = [
        *(shared_data / "rules").rglob("*Rule.yaml"),
        *(shared_data / "rules/node_exporter").glob("*.yml"),
    ]
    groups = load([str(path) for path in sorted(paths)])

    assert refused(engine, [rule.text for group in groups for rule in group.rules]) == []


@pytest.mark.slow
def test_every_target_of_the_dashboards_evaluates(engine: Engine, shared_data: Path) -> None:
    found = {filled(expr) for board in dashboards(shared_data / "grafana") for expr in targets(board)}

    assert refused(engine, sorted(found)) == []
