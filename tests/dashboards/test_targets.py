"""The page of targets: from answers to components."""

from __future__ import annotations

import numpy as np

from dashboards.pages import targets
from dashboards.targets import read_collectors
from query.ast import ValueType
from query.block import Block, Result
from storage.labels import LabelTable
from tests.dashboards.test_pages import text_of

NOW_MS = 1_772_637_377_000
COLLECTOR = {"cluster": "eu", "instance": "node-a", "job": "swell-collector"}
SHOP = {**COLLECTOR, "target_job": "shop", "target_instance": "10.0.0.1:80", "url": "http://10.0.0.1/metrics"}
NODE = {**COLLECTOR, "target_job": "node", "target_instance": "node-a", "url": "node"}
ANSWERS: list[tuple[str, list[tuple[dict[str, str], float]]]] = [
    ("target_up", [(NODE, 1.0), (SHOP, 0.0)]),
    ("target_last_scrape", [(NODE, NOW_MS / 1000 - 5), (SHOP, NOW_MS / 1000 - 61)]),
    ("target_scrape_seconds", [(NODE, 0.004), (SHOP, 10.0)]),
    ("target_samples", [(NODE, 512.0), (SHOP, 0.0)]),
    ("target_error", [({**SHOP, "error": "no whole page within 10 s"}, 1.0)]),
    ("spool_bytes", [(COLLECTOR, 2048.0)]),
]


def instant(text: str, at_ms: int) -> Result:
    rows = next((found for part, found in ANSWERS if part in text), [])
    values = np.array([[value] for _, value in rows], dtype=np.float64).reshape(len(rows), 1)
    table = LabelTable.from_rows(tuple(labels for labels, _ in rows))
    block = Block(table, values, np.ones(values.shape, np.bool_))
    return Result(ValueType.VECTOR, block, np.array([at_ms]))


def test_targets_that_are_down_come_first_and_say_why() -> None:
    [collector] = read_collectors(instant, NOW_MS)

    assert (collector.cluster, collector.name, collector.waiting_bytes) == ("eu", "node-a", 2048)
    assert [target.job for target in collector.targets] == ["shop", "node"]
    assert collector.targets[0].error == "no whole page within 10 s"
    assert np.isnan(collector.targets[0].dropped)


def test_the_page_tells_state_last_scrape_duration_samples_and_error() -> None:
    text = text_of(targets.shown(read_collectors(instant, NOW_MS), NOW_MS, "http://swell"))

    for part in ("1 of 2", "node-a", "http://10.0.0.1/metrics", "no whole page within 10 s", "512", "ago"):
        assert part in text


def test_a_page_without_collectors_says_how_to_start_one() -> None:
    assert "swell collect node --collect.url http://swell" in text_of(
        targets.shown([], NOW_MS, "http://swell")
    )
