"""Several `swell ingest` on one ClickHouse and a `swell query`: any ingester may be killed at any time.

SWELL_KILLS sets how many rounds of kills (1 by default).
"""

import os
import random
import time

import pytest

from tests.crash.load import Load
from tests.e2e.conftest import Starter
from tests.peers import ClickHouseServer

pytestmark = [pytest.mark.slow, pytest.mark.peers]

_ROUNDS = int(os.environ.get("SWELL_KILLS", "1"))


def test_everything_acknowledged_by_any_ingester_is_readable(
    start: Starter, clickhouse_server: ClickHouseServer
) -> None:
    rng = random.Random(7)
    flags = ["--storage.url", clickhouse_server.url("fleet"), "--log-level", "warning"]
    reader = start(flags, "query", "query")
    write = [*flags, "--ingest.flush-interval-s", "0.2"]
    ingesters = [start(write, "ingest", f"ingest{i}") for i in range(3)]
    load = Load("fleet", int(time.time() * 1000), lambda: [one.url for one in ingesters], 7)

    with load.running():
        for _ in range(_ROUNDS):
            time.sleep(rng.uniform(0.1, 1))
            victims = rng.sample(ingesters, 2)
            for victim in victims:
                victim.kill()
            time.sleep(rng.uniform(0.1, 1))
            for victim in victims:
                victim.start()

    found = load.check(reader.url)
    print(found)
    assert found.acknowledged > 0
    assert found.is_sound, str(found)
