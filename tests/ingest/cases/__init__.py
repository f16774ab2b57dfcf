"""Cases as data, and what reads them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ingest.decoded import Decoded

_HERE = Path(__file__).parent


def cases(name: str) -> list[Any]:
    """The cases of a file, as parameters named by their titles."""
    return [pytest.param(case, id=case["title"]) for case in json.loads((_HERE / name).read_text())]


def written(labels: list[tuple[str, str]]) -> str:
    """`name{label="value"}`, nothing escaped."""
    rest = ",".join(f'{name}="{value}"' for name, value in labels if name != "__name__")
    return f"{dict(labels)['__name__']}{{{rest}}}"


def check(found: Decoded, case: dict[str, Any]) -> None:
    """Compare samples and refusals with what a case says."""
    samples = [
        [written(found.labels(i)), int(time), float(value)]
        for i, time, value in zip(
            found.series_index.tolist(), found.timestamps_ms.tolist(), found.values.tolist(), strict=True
        )
    ]
    assert samples == [
        [name, time, pytest.approx(float(value), rel=0, nan_ok=True)] for name, time, value in case["series"]
    ]
    assert {reason: one.count for reason, one in found.refused.items()} == case.get("refused", {})
    if "example" in case:
        assert case["example"] in " ".join(one.example for one in found.refused.values())
