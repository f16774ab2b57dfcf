"""A collector is small: it loads neither a compiler nor a store."""

import subprocess
import sys

import pytest

from tests.e2e.swell import ROOT


@pytest.mark.parametrize("module", ["numba", "chdb", "polars", "fastapi", "pydantic"])
def test_the_collector_does_without(module: str) -> None:
    program = f"import collector.collect, sys; sys.exit({module!r} in sys.modules)"

    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 0
