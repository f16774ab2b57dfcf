"""The captured /proc and /sys of node_exporter's own tests, and what it reads from them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from collector.node.roots import Roots
from tests.collector.receiver import Receiver, receiving
from tests.collector.ttar import unpack


@pytest.fixture(scope="session")
def captured(shared_data: Path) -> Path:
    """The directory of node_exporter's fixtures, outside of this repository."""
    path = shared_data / "k8s/node_exporter/collector/fixtures"
    if not path.is_dir():
        pytest.skip(f"node_exporter's fixtures are not at {path}")
    return path


@pytest.fixture(scope="session")
def captured_roots(captured: Path, tmp_path_factory: pytest.TempPathFactory) -> Roots:
    """Roots of the captured machine, its /sys unpacked."""
    into = tmp_path_factory.mktemp("captured")
    unpack((captured / "sys.ttar").read_text(), into)
    unpack((captured / "udev.ttar").read_text(), into)
    proc = str(captured / "proc")
    return Roots(proc, str(into / "sys"), str(captured), f"{proc}/net", str(into / "udev/data"))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found
