"""Objects of real clusters, beside what kube-state-metrics said of the same objects at the same moment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from collector.state.choice import Allowed, StateChoice
from collector.state.state import State
from collector.state.table import KINDS
from tests.state.rebuild import FIELDS, rebuilt
from tests.state.series import Families, feed, of_objects, of_state, of_text

VERSIONS = ("1_31", "1_35")
CAPTURED = ("nodes", "pods", "services", "namespaces", "endpoints")
DIFFERENCES: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "differences.yaml").read_text())
# What the kube-state-metrics of a capture did not have, as in differences.yaml.
NEWER = {
    ("1_31", "deployments"): {"kube_deployment_owner": [0, 6, 0]},
    # A number of failures without a reason.
    ("1_31", "jobs"): {"kube_job_status_failed": [0, 1, 0]},
    # The label `timezone`.
    ("1_31", "cronjobs"): {"kube_cronjob_info": [1, 1, 0]},
    # The condition `failed`.
    ("1_31", "certificatesigningrequests"): {"kube_certificatesigningrequest_condition": [0, 1, 0]},
}


@pytest.fixture(scope="module", params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture(scope="module")
def root(shared_data: Path, version: str) -> Path:
    path = shared_data / "k8s/nri-kubernetes/internal/testutil/data" / version
    if not path.is_dir():
        pytest.skip(f"no capture of a cluster at {path}")
    return path


@pytest.fixture(scope="module")
def theirs(root: Path) -> Families:
    return of_text((root / "ksm/metrics").read_text())


def _objects(root: Path, plural: str) -> list[Any]:
    loaded = yaml.load((root / f"{plural}.yaml").read_text(), yaml.CSafeLoader)
    items: list[Any] = loaded["items"]
    return items


def _picked(theirs: Families, plurals: tuple[str, ...]) -> Families:
    names = {spec.family.name for plural in plurals for spec in KINDS[plural].specs}
    prefixes = tuple(f"{KINDS[plural].specs[0].family.name.rpartition('_')[0]}_" for plural in plurals)
    return {name: found for name, found in theirs.items() if name in names or name.startswith(prefixes)}


def _unlike(ours: Families, theirs: Families) -> dict[str, list[int]]:
    found = {}
    for name in {*ours, *theirs}:
        one, other = ours.get(name, {}), theirs.get(name, {})
        unequal = sum(one[series] != other[series] for series in one.keys() & other.keys())
        counts = [len(other.keys() - one.keys()), len(one.keys() - other.keys()), unequal]
        if any(counts):
            found[name] = counts
    return found


def test_captured_objects_give_the_captured_series(root: Path, theirs: Families, version: str) -> None:
    keys = "[environment,team,description,owner]"
    allowed = Allowed.parse(f"pods={keys},namespaces={keys}")
    state = State({}, StateChoice(frozenset(CAPTURED), labels=allowed, annotations=allowed))
    for plural in CAPTURED:
        feed(state, plural, _objects(root, plural))
    ours = of_state(state)

    listed = {one["family"]: one["versions"][version] for one in DIFFERENCES if version in one["versions"]}

    assert _unlike(ours, _picked(theirs, CAPTURED)) == listed
    assert sum(map(len, ours.values())) > 1000


def test_every_difference_is_explained() -> None:
    assert all(len(one["why"]) > 10 for one in DIFFERENCES)


@pytest.mark.parametrize("plural", FIELDS)
def test_objects_made_again_from_the_captured_series_give_them_again(
    plural: str, theirs: Families, version: str
) -> None:
    captured = _picked(theirs, (plural,))
    has_text = {
        key: [name for name in captured if name.endswith(f"_{key}")] for key in ("labels", "annotations")
    }
    allowed = {key: Allowed.parse(f"{plural}=[*]" if names else "") for key, names in has_text.items()}
    choice = StateChoice(frozenset({plural}), labels=allowed["labels"], annotations=allowed["annotations"])

    ours = of_objects(plural, rebuilt(plural, captured), choice)

    assert captured
    assert _unlike(ours, captured) == NEWER.get((version, plural), {})
