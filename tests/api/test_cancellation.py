"""A query whose client leaves, or whose time is up, stops and makes room for the next."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import httpx
import numpy as np
import pytest
from fastapi import FastAPI

from query.api import create_router
from query.engine import Engine
from storage.catalogue import Catalogue
from storage.errors import Error
from storage.memory import MemoryStorage
from storage.model import canonical
from tests.serving import served

_START_MS = 1_700_000_000_000
_SLOW = {
    "query": 'max(mad_over_time({__name__=~"x.*"}[30m]))',
    "start": _START_MS / 1000 + 1800,
    "end": _START_MS / 1000 + 3600,
    "step": 15,
}


@dataclass(slots=True)
class Watched:
    """An application on one worker, and how its queries ended."""

    url: str
    executor: ThreadPoolExecutor
    endings: list[str] = field(default_factory=list)


class WatchedEngine(Engine):
    """Notes the error that each range query ended with."""

    endings: list[str]

    def range(self, *args: object, **options: object) -> object:  # type: ignore[override]
        try:
            return super().range(*args, **options)  # type: ignore[arg-type]
        except Error as error:
            self.endings.append(type(error).__name__)
            raise


@pytest.fixture(scope="module")
def watched() -> Iterator[Watched]:
    """Two thousand series of 240 samples: the slow query takes seconds."""
    storage = MemoryStorage()
    labels = [canonical({"__name__": f"x{i % 10}", "pod": str(i)}) for i in range(2_000)]
    storage.append(
        labels,
        np.repeat(np.arange(len(labels)), 240),
        np.tile(_START_MS + 15_000 * np.arange(240), len(labels)),
        np.random.default_rng(1).random(240 * len(labels)),
    )
    engine = WatchedEngine(storage, Catalogue(storage))
    app = FastAPI()
    with ThreadPoolExecutor(1) as executor:
        app.include_router(
            create_router(engine, Catalogue(storage), storage, lambda: _START_MS / 1000, executor=executor)
        )
        with served(app) as url:
            found = Watched(url, executor)
            engine.endings = found.endings
            yield found
    engine.close()


def test_a_query_stops_when_its_client_leaves(watched: Watched) -> None:
    watched.endings.clear()

    with pytest.raises(httpx.ReadTimeout):
        httpx.get(f"{watched.url}/api/v1/query_range", params=_SLOW, timeout=0.3)

    # The only worker is free again once the query has ended.
    watched.executor.submit(lambda: None).result()
    assert watched.endings == ["CancelledError"]


def test_a_query_stops_when_its_time_is_up(watched: Watched) -> None:
    answer = httpx.get(f"{watched.url}/api/v1/query_range", params={**_SLOW, "timeout": "200ms"}, timeout=60)

    assert (answer.status_code, answer.json()["errorType"]) == (503, "timeout")
    assert "timed out after 0.2 s" in answer.json()["error"]


def test_others_are_answered_after_a_query_was_stopped(watched: Watched) -> None:
    with pytest.raises(httpx.ReadTimeout):
        httpx.get(f"{watched.url}/api/v1/query_range", params=_SLOW, timeout=0.2)

    answer = httpx.get(f"{watched.url}/api/v1/query", params={"query": "1 + 1"}, timeout=60)

    assert answer.json()["data"]["result"][1] == "2"
