"""ClickHouse goes away under load and comes back: nothing acknowledged is lost.

SWELL_AWAY_S sets for how long (3 by default).
"""

import os
import time
from typing import Any

import pytest

from tests.e2e.conftest import Starter
from tests.e2e.test_kill import Load, check
from tests.peers import wait_until

pytestmark = pytest.mark.slow

_AWAY_S = float(os.environ.get("SWELL_AWAY_S", "3"))


def test_samples_wait_in_the_log_while_clickhouse_is_away(start: Starter, clickhouse_server: Any) -> None:
    flags = ["--storage.url", clickhouse_server.url("away"), "--no-collect.enabled", "--log-level", "warning"]
    swell = start([*flags, "--ingest.flush-interval-s", "0.2"])
    start_ms = int(time.time() * 1000)
    load = Load(swell, start_ms)

    with load.running():
        time.sleep(1)
        clickhouse_server.stop()
        before = len(load.acknowledged)
        time.sleep(_AWAY_S)
        assert len(load.acknowledged) > before, "senders were not served while ClickHouse was away"
        clickhouse_server.start()
        time.sleep(1)

    wait_until(lambda: check(swell, load, start_ms)[0] == 0, "everything stored", 60)
    missing, altered, doubled = check(swell, load, start_ms)
    print(f"away {_AWAY_S} s: {len(load.acknowledged) * 50} samples acknowledged, {missing} missing")
    assert (missing, altered, doubled) == (0, 0, 0)
