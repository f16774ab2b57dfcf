"""The table of families beside what is known of kube-state-metrics 2.20 and what dashboards ask for."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from collector.state.choice import StateChoice
from collector.state.state import OWN
from collector.state.table import KINDS, chosen
from storage.errors import ConfigError

FAMILIES = {spec.family.name: spec for kind in KINDS.values() for spec in kind.specs}
# What the documentation calls by another label than kube-state-metrics gives, or leaves out.
UNDOCUMENTED = {
    "kube_node_spec_taint": {"value", "effect"},
    "kube_pod_runtimeclass_name_info": {"runtimeclass_name"},
}
# A dashboard asks for a name that kube-state-metrics gave up with version 2.
GONE = {"kube_hpa_labels"}


def _rows(shared_data: Path, name: str) -> list[dict[str, str]]:
    path = shared_data.parent / "research" / name
    if not path.is_file():
        pytest.skip(f"no list of families at {path}")
    with path.open() as file:
        return list(csv.DictReader(file, delimiter="\t"))


def test_every_documented_family_is_there_and_no_other(shared_data: Path) -> None:
    documented = {row["metric"] for row in _rows(shared_data, "ksm_metrics.tsv")}

    assert documented == set(FAMILIES)


def test_types_and_labels_are_the_documented_ones(shared_data: Path) -> None:
    for row in _rows(shared_data, "ksm_metrics.tsv"):
        spec = FAMILIES[row["metric"]]
        documented = {name for name in row["labels"].split(",") if not re.search("[A-Z]", name)} - {
            "_default",
            "",
        }
        own = set(spec.family.label_names) - UNDOCUMENTED.get(row["metric"], set())
        assert own == documented, row["metric"]
        assert spec.family.type.value == row["type"].lower(), row["metric"]


@pytest.mark.parametrize("version", ["1_31", "1_35"])
def test_helps_and_types_are_the_captured_ones(shared_data: Path, version: str) -> None:
    path = shared_data / f"k8s/nri-kubernetes/internal/testutil/data/{version}/ksm/metrics"
    if not path.is_file():
        pytest.skip(f"no capture at {path}")
    stages = re.compile(r"^\[STABLE\] |^\(Deprecated since [^)]*\) ")
    for line in path.read_text().splitlines():
        if not line.startswith("# "):
            continue
        _, word, name, text = line.split(" ", 3)
        if name in FAMILIES and word == "TYPE":
            assert FAMILIES[name].family.type.value == text, name
        elif name in FAMILIES and version == "1_35":
            assert FAMILIES[name].family.help == text
        elif name in FAMILIES:
            said = stages.sub("", stages.sub("", FAMILIES[name].family.help))
            assert said == stages.sub("", stages.sub("", text)), name


def test_every_metric_that_rules_and_dashboards_ask_for_is_there(shared_data: Path) -> None:
    rows = _rows(shared_data, "mixin_used_metrics.tsv")
    asked = {row["metric"] for row in rows if row["source"] == "kube-state-metrics"}

    assert asked - set(FAMILIES) - {family.name for family in OWN} == GONE


def test_contents_of_configmaps_and_secrets_are_not_asked_for_by_default() -> None:
    usual = {kind.resource.plural for kind in chosen(StateChoice())}

    assert {"pods", "nodes", "horizontalpodautoscalers", "validatingwebhookconfigurations"} <= usual
    assert not {"configmaps", "secrets", "roles", "clusterrolebindings", "serviceaccounts"} & usual


@pytest.mark.parametrize(
    "choice",
    [StateChoice(frozenset({"podz"})), StateChoice(opt_in=frozenset({"kube_pod_info"}))],
    ids=["resource", "family"],
)
def test_a_choice_of_what_is_not_there_is_refused(choice: StateChoice) -> None:
    with pytest.raises(ConfigError, match="state of the cluster"):
        chosen(choice)
