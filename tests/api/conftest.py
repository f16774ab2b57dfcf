"""The API over a store that holds the data of the differential test, and a Prometheus that holds the same."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np
import pytest
from fastapi import FastAPI

from query.answers.status import Status
from query.api import create_router
from query.engine import Engine
from storage.catalogue import Catalogue
from storage.interface import Storage
from storage.memory import MemoryStorage
from tests.differential.data import START_MS, generate
from tests.differential.prometheus import Prometheus, find_program
from tests.serving import served

SEED = 7
NOW_S = START_MS / 1000 + 1500


@contextmanager
def serving(storage: Storage, engine: Engine) -> Iterator[httpx.Client]:
    """The API of one store at a fixed time, and a client of it."""
    app = FastAPI()
    status = Status("1.2.3", {"listen": "127.0.0.1:9470"}, "listen: x\n", NOW_S, "90d")
    app.include_router(create_router(engine, Catalogue(storage), storage, lambda: NOW_S, status=status))
    with served(app) as url, httpx.Client(base_url=url, timeout=60) as client:
        yield client


@pytest.fixture(scope="package")
def swell() -> Iterator[httpx.Client]:
    """Swell with the data of the seed."""
    storage = MemoryStorage()
    for one in generate(SEED):
        index = np.zeros(len(one.values), np.int64)
        if one.histograms is None:
            storage.append([one.labels], index, one.timestamps_ms, one.values)
        else:
            storage.append_histograms([one.labels], index, one.timestamps_ms, one.histograms)
    engine = Engine(storage, Catalogue(storage))
    with serving(storage, engine) as client:
        yield client
    engine.close()


@pytest.fixture(scope="package")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A real Prometheus with the same data."""
    program, version = find_program()
    if program is None:
        pytest.skip(version)
    found = Prometheus(program, Path(tmp_path_factory.mktemp("prometheus")))
    found.write(generate(SEED))
    yield found
    found.close()
