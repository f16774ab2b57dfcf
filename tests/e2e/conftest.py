"""Running Swells, on each backend."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.e2e.swell import Swell
from tests.peers import ClickHouseServer

Starter = Callable[..., Swell]
_DATABASES = itertools.count()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Starter]:
    """Starts Swells that end with the test."""
    started: list[Swell] = []

    def run(
        flags: Sequence[str] = (), command: str = "up", name: str = "data", token: str | None = None
    ) -> Swell:
        started.append(Swell(tmp_path / name / "data", flags, command, token=token).start())
        return started[-1]

    yield run
    for swell in started:
        swell.stop()


@pytest.fixture(params=["embedded", "server"])
def storage_url(request: pytest.FixtureRequest) -> str:
    if request.param == "embedded":
        return "embedded"
    server: ClickHouseServer = request.getfixturevalue("clickhouse_server")
    return f"{server.url('e2e')}{next(_DATABASES)}"
