"""Stores that tests share: one embedded directory a process, a fresh tenant a test."""

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from storage.clickhouse import ClickHouseStorage
from storage.embedded import open_embedded
from storage.server import open_server
from tests.peers import ClickHouseServer

_TENANTS = itertools.count()

# The first run of a kernel compiles it: an example is not slow for that.
settings.register_profile("swell", deadline=None)
settings.load_profile("swell")


@pytest.fixture(scope="session")
def embedded_root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The one directory of this process. It is held open, so that a tenant opens fast."""
    root = tmp_path_factory.mktemp("embedded")
    keeper = open_embedded(root, "keeper")
    yield root
    keeper.close()


@pytest.fixture(scope="session")
def clickhouse_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseServer]:
    """A real server. A test that stops it must start it again."""
    program = ClickHouseServer.program()
    if program is None:
        pytest.skip("clickhouse-server is not installed; Debian's package of that name has it")
    server = ClickHouseServer(tmp_path_factory.mktemp("clickhouse"), program)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def embedded_storage(embedded_root: Path) -> Iterator[ClickHouseStorage]:
    storage = open_embedded(embedded_root, f"t{next(_TENANTS)}")
    yield storage
    storage.close()


@pytest.fixture
def server_storage(clickhouse_server: ClickHouseServer) -> Iterator[ClickHouseStorage]:
    storage = open_server(clickhouse_server.url(f"t{next(_TENANTS)}"))
    yield storage
    storage.close()


@pytest.fixture(params=["embedded", pytest.param("server", marks=pytest.mark.peers)])
def storage(request: pytest.FixtureRequest) -> ClickHouseStorage:
    """An empty store of each backend in turn."""
    found: ClickHouseStorage = request.getfixturevalue(f"{request.param}_storage")
    return found


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real data that lies beside the repository; tests that need it skip where it is absent."""
    path = Path(os.environ.get("SWELL_SHARED", Path(__file__).resolve().parents[2] / "shared")) / "data"
    if not path.is_dir():
        pytest.skip(f"real data is not at {path}; set SWELL_SHARED to its parent")
    return path
