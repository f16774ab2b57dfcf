"""Stores that tests share: one embedded directory a process, a fresh tenant a test."""

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.clickhouse import ClickHouseStorage
from storage.embedded import open_embedded

_TENANTS = itertools.count()


@pytest.fixture(scope="session")
def embedded_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("embedded")


@pytest.fixture
def embedded_storage(embedded_root: Path) -> Iterator[ClickHouseStorage]:
    storage = open_embedded(embedded_root, f"t{next(_TENANTS)}")
    yield storage
    storage.close()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real data that lies beside the repository; tests that need it skip where it is absent."""
    path = Path(os.environ.get("SWELL_SHARED", Path(__file__).resolve().parents[2] / "shared")) / "data"
    if not path.is_dir():
        pytest.skip(f"real data is not at {path}; set SWELL_SHARED to its parent")
    return path
