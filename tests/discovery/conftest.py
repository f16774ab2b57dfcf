"""Where captured clusters lie."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data_root() -> Path:
    """The captures' directory, whether it is there or not: objects of this repository are compared too."""
    return Path(os.environ.get("SWELL_SHARED", Path(__file__).resolve().parents[3] / "shared")) / "data"
