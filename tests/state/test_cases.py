"""Objects and the series that they have to give, written by hand; and lists of real ones."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from collector.state.table import KINDS
from tests.state.series import Series, of_objects, of_text

HERE = Path(__file__).parent
CASES = [
    case for path in sorted((HERE / "cases").glob("*.yaml")) for case in yaml.safe_load(path.read_text())
]
REAL: list[dict[str, Any]] = yaml.safe_load((HERE / "real.yaml").read_text())


@pytest.mark.parametrize("case", CASES, ids=[case["is"] for case in CASES])
def test_an_object_gives(case: dict[str, Any]) -> None:
    ours = of_objects(case["resource"], [case["object"]])
    expected = of_text(case["gives"])
    if "families" in case:
        ours = {name: found for name, found in ours.items() if name in case["families"]}

    assert ours == expected


@pytest.mark.parametrize("case", REAL, ids=[case["is"] for case in REAL])
def test_a_real_object_gives(case: dict[str, Any], shared_data: Path) -> None:
    path = shared_data / "k8s" / case["file"]
    if not path.is_file():
        pytest.skip(f"no real objects at {path}")
    ours = of_objects(case["resource"], json.loads(path.read_text())["items"])
    expected = of_text(case["gives"])
    told = {name: _without_uid(found) for name, found in ours.items()}

    assert expected == {name: told.get(name, {}) for name in expected}


def _without_uid(found: Mapping[Series, float]) -> dict[Series, float]:
    """Uids are long and tell nothing here."""
    return {frozenset(pair for pair in series if pair[0] != "uid"): value for series, value in found.items()}


def _lists(root: Path) -> Iterator[tuple[str, list[Any]]]:
    for path in sorted(root.rglob("*.json")):
        plural = path.stem if path.stem in KINDS else path.parent.name
        if plural in KINDS:
            yield plural, json.loads(path.read_text()).get("items") or []
    for path in sorted(root.rglob("*.yaml")):
        for item in yaml.safe_load_all(path.read_text()):
            plural = f"{item['kind'].lower()}s".replace("ys", "ies").replace("sss", "sses")
            plural = plural.replace("ingresss", "ingresses").replace("classs", "classes")
            if plural in KINDS:
                yield plural, [item]


@pytest.mark.parametrize(
    ("folder", "at_least"),
    [
        ("troubleshoot/pkg/analyze/files", 20),
        ("kube-state-metrics/tests/manifests", 25),
        ("local-kube-apiserver-1.20.2", 10),
    ],
)
def test_no_real_object_is_refused(folder: str, at_least: int, shared_data: Path) -> None:
    root = shared_data / "k8s" / folder
    if not root.is_dir():
        pytest.skip(f"no real objects at {root}")
    told = []
    for plural, items in _lists(root):
        unlike = {(one["metadata"].get("namespace"), one["metadata"]["name"]): one for one in items}
        told.append(of_objects(plural, unlike.values()))

    assert len(told) >= at_least
    assert sum(bool(one) for one in told) >= at_least - 2
