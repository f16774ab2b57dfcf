"""Late samples, through HTTP, on each backend: a query that was asked before sees them when asked again."""

import time

import numpy as np
import pytest

from tests.e2e.conftest import Starter
from tests.e2e.swell import labels
from tests.peers import wait_until

pytestmark = pytest.mark.slow


def test_late_samples_are_seen_after_the_same_query_was_asked(start: Starter, storage_url: str) -> None:
    swell = start(["--storage.url", storage_url, "--no-collect.enabled", "--log-level", "warning"])
    now_ms = int(time.time() * 1000)
    series = [labels("late", {"pod": "a"})]

    def write(*ages_s: int) -> None:
        times = now_ms - 1000 * np.array(ages_s, np.int64)
        answer = swell.write(series, np.zeros(len(ages_s), np.int64), times, np.ones(len(ages_s)))
        assert answer.status_code == 204, answer.text

    def count(window: str) -> int:
        found = swell.instant(f"count_over_time(late[{window}])", now_ms / 1000)
        return int(found[0]["value"][1]) if found else 0

    write(0, 10, 20)
    wait_until(lambda: count("1h") == 3, "what came in order")
    write(15, 1_800, 5)
    wait_until(lambda: count("1h") == 6, "what came late, in the stretch that is warm")
    write(3 * 3_600, 2 * 86_400)
    wait_until(lambda: count("3d") == 8, "what came late, before the stretch that is warm")
    assert count("1h") == 6
    panel = swell.data(
        "/api/v1/query_range", query="late", start=now_ms / 1000 - 20, end=now_ms / 1000, step=5
    )
    assert len(panel["result"][0]["values"]) == 5
