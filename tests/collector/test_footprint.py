"""A collector is small: it loads neither a compiler nor a store."""

import subprocess
import sys

import pytest

from tests.e2e.swell import ROOT


@pytest.mark.parametrize("entry", ["collector.collect", "server.cli, server.collect"])
@pytest.mark.parametrize("module", ["numba", "chdb", "polars", "fastapi", "pyarrow", "dash"])
def test_the_collector_does_without(module: str, entry: str) -> None:
    program = f"import {entry}, sys; sys.exit({module!r} in sys.modules)"

    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 0
