"""kill -9 at random moments under load, of one process with its store, and of many on one ClickHouse."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

from tests.crash.load import Load
from tests.crash.node import Spec
from tests.crash.nursery import Child, Nursery
from tests.crash.totals import Totals
from tests.peers import ClickHouseServer, free_port, wait_until

_INGESTERS = 3
_LONGEST_S = 0.5
Tell = Callable[[str], None]


def embedded(nursery: Nursery, root: Path, kills: int, rng: random.Random) -> Totals:
    """One node with chDB in it; a fifth of the kills come while it starts."""
    node = Child(nursery, Spec(str(root / "embedded"), free_port()).as_dict())
    node.start()
    node.wait_ready()
    load = Load(f"embedded_{rng.randrange(1 << 40)}", _now_ms(), lambda: [node.url], rng.randrange(1 << 30))
    with load.running():
        for _ in range(kills):
            if rng.random() < 0.8:
                node.wait_ready()
            time.sleep(rng.uniform(0, _LONGEST_S))
            node.kill()
            node.start()
        node.wait_ready()
    found = load.check(node.url) + Totals(kills=kills)
    node.kill()
    return found


def fleet(nursery: Nursery, server: ClickHouseServer, root: Path, kills: int, rng: random.Random) -> Totals:
    """Ingesters on one ClickHouse and a process that queries it; any is killed, and ClickHouse too."""
    url = server.url(f"crash{rng.randrange(1 << 40)}")
    ingesters = [
        Child(nursery, Spec(str(root / f"ingest{i}"), free_port(), url, queries=False).as_dict())
        for i in range(_INGESTERS)
    ]
    reader = Child(nursery, Spec(str(root / "query"), free_port(), url, ingests=False).as_dict())
    for child in (*ingesters, reader):
        child.start()
        child.wait_ready()
    load = Load(
        f"fleet_{rng.randrange(1 << 40)}",
        _now_ms(),
        lambda: [child.url for child in ingesters],
        rng.randrange(1 << 30),
    )
    done = 0
    with load.running():
        while done < kills:
            done += _strike(rng, server, ingesters, reader)
        for child in (*ingesters, reader):
            child.wait_ready()
    found = load.check(reader.url) + Totals(kills=done)
    for child in (*ingesters, reader):
        child.kill()
    return found


def _strike(rng: random.Random, server: ClickHouseServer, ingesters: list[Child], reader: Child) -> int:
    """Kill something, start it again, and say how many processes were killed."""
    time.sleep(rng.uniform(0, _LONGEST_S))
    kind = rng.choices(["ingest", "clickhouse", "both", "query"], [70, 12, 12, 6])[0]
    victims = {"ingest": [rng.choice(ingesters)], "both": [rng.choice(ingesters)], "query": [reader]}.get(
        kind, []
    )
    for child in victims:
        child.kill()
    away = kind in ("clickhouse", "both")
    if away:
        server.stop()
        time.sleep(rng.uniform(0, _LONGEST_S))
        server.start()
    for child in victims:
        child.start()
    if away:
        wait_until(lambda: any(child.is_alive() for child in ingesters), "an ingester lives")
    return len(victims) + away


def _now_ms() -> int:
    return int(time.time() * 1000)
