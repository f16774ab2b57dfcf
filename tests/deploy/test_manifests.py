"""The manifests are valid, ask for little, and name settings that exist."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from server.collecting import of_cluster, of_node
from server.settings import Settings, load
from tests.e2e.swell import ROOT

DEPLOY = ROOT / "deploy"
VERSIONS = ("1.27", "1.31", "1.35")
Object = dict[str, Any]
VALUES: dict[str, Object] = {
    "defaults": {},
    "collectors alone": {"server": {"enabled": False}, "url": "https://swell.example", "clusterName": "a"},
    "sharded": {"cluster": {"shards": 3, "monitors": True}},
    "without extras": {"networkPolicy": {"enabled": False}, "priorityClass": {"create": False}},
    "pinned": {"image": {"digest": "sha256:" + "0" * 64, "pullSecrets": ["registry"]}},
}


def run(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout


@pytest.fixture(scope="module")
def charts() -> dict[str, list[Object]]:
    """Objects by the names of VALUES, made in processes of their own: the renderer is heavy."""
    script = str(DEPLOY / "render.py")
    return {
        name: json.loads(run(sys.executable, script, json.dumps(values))) for name, values in VALUES.items()
    }


def base() -> list[Object]:
    """What the kustomization's base installs."""
    found = yaml.safe_load((DEPLOY / "kustomize/base/kustomization.yaml").read_text())
    files = [DEPLOY / "kustomize/base" / name for name in found["resources"]]
    return [each for file in files for each in yaml.safe_load_all(file.read_text()) if each]


def key(given: Object) -> tuple[str, str]:
    return given["kind"], given["metadata"]["name"]


def by_key(objects: list[Object]) -> dict[tuple[str, str], Object]:
    return {key(each): each for each in objects}


def pods(objects: list[Object]) -> Iterator[tuple[str, Object]]:
    """Pod templates' specs, by the name of what makes them."""
    for each in objects:
        if "template" in each.get("spec", {}):
            yield each["metadata"]["name"], each["spec"]["template"]["spec"]


def config_of(objects: list[Object], name: str) -> Object:
    text = by_key(objects)["ConfigMap", name]["data"]["config.yaml"]
    return dict(yaml.safe_load(text))


def loaded(objects: list[Object], name: str, directory: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The settings of the first container of a workload, read as it would read them."""
    [container] = dict(pods(objects))[name]["containers"]
    path = directory / "config.yaml"
    path.write_text(yaml.safe_dump(config_of(objects, name)))
    for variable in container.get("env", []):
        value = "0" if variable["name"].endswith("SHARD") else "10.0.0.1"
        monkeypatch.setenv(variable["name"], variable.get("value", value))
    flags = [word.replace("/etc/swell/config.yaml", str(path)) for word in container["args"]]
    return load([word for word in flags if word not in ("collect", "node", "cluster", "up")], {})


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("values", VALUES)
def test_every_object_is_valid(charts: dict[str, list[Object]], values: str, version: str) -> None:
    for each in charts[values]:
        kubernetes_validate.validate(each, version, strict=True)


def test_the_kustomization_installs_what_the_chart_installs(charts: dict[str, list[Object]]) -> None:
    assert by_key(base()) == by_key(charts["defaults"])


@pytest.mark.parametrize("overlay", ["namespaced", "collectors"])
def test_overlays_are_valid(overlay: str) -> None:
    try:
        text = run("kubectl", "kustomize", f"deploy/kustomize/overlays/{overlay}")
    except FileNotFoundError:
        pytest.skip("kubectl is not installed")
    objects = list(yaml.safe_load_all(text))

    for each in objects:
        kubernetes_validate.validate(each, "1.35", strict=True)
    assert ("Namespace", "swell") in by_key(objects)
    assert (("StatefulSet", "swell") in by_key(objects)) is (overlay == "namespaced")
    if overlay == "collectors":
        for _, spec in pods(objects):
            flags = spec["containers"][0]["args"][6:]
            assert load(flags, {}).collect.cluster == "production"


@pytest.mark.parametrize("values", VALUES)
def test_settings_in_manifests_exist(
    charts: dict[str, list[Object]], values: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, _ in pods(charts[values]):
        settings = loaded(charts[values], name, tmp_path, monkeypatch)
        collect = of_cluster(settings) if name == "swell-cluster" else of_node(settings)
        assert collect.pushing.destinations[0].url.startswith("http")


def test_the_node_collector_keeps_kube_prometheus_contract(
    charts: dict[str, list[Object]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = of_node(loaded(charts["defaults"], "swell-node", tmp_path, monkeypatch))

    assert settings.node_labels == {
        "job": "node-exporter",
        "instance": "10.0.0.1",
        "namespace": "10.0.0.1",
        "pod": "10.0.0.1",
    }
    assert settings.node is not None
    assert settings.node.roots.net == "/host/root/proc/1/net"
    assert settings.scraping is not None
    assert settings.scraping.kubelet is not None
    assert "/metrics/cadvisor" in settings.scraping.kubelet.pages


@pytest.mark.parametrize("values", VALUES)
def test_containers_may_do_nothing_that_they_need_not(charts: dict[str, list[Object]], values: str) -> None:
    for name, spec in pods(charts[values]):
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not spec.get("hostNetwork")
        assert bool(spec.get("hostPID")) is (name == "swell-node")
        for container in spec["containers"]:
            security = container["securityContext"]
            assert security["readOnlyRootFilesystem"] is True
            assert security["allowPrivilegeEscalation"] is False
            assert security["capabilities"] == {"drop": ["ALL"]}
            assert {"livenessProbe", "readinessProbe"} <= set(container)
            assert set(container["resources"]["requests"]) == {"cpu", "memory"}
            assert "memory" in container["resources"]["limits"]
            for mount in container["volumeMounts"]:
                host = [
                    each for each in spec["volumes"] if each["name"] == mount["name"] and "hostPath" in each
                ]
                assert not host or mount["readOnly"] is True


@pytest.mark.parametrize("values", VALUES)
def test_roles_are_for_reading_and_never_for_secrets_or_the_kubelets_proxy(
    charts: dict[str, list[Object]], values: str
) -> None:
    for each in charts[values]:
        for rule in each.get("rules", []):
            resources = set(rule.get("resources", []))
            assert not resources & {"nodes/proxy", "secrets", "configmaps", "pods/exec", "*"}
            assert "*" not in [*rule["verbs"], *rule.get("apiGroups", [])]
            writes = set(rule["verbs"]) - {"get", "list", "watch"}
            assert not writes or (each["kind"] == "Role" and resources == {"leases"})


def test_the_token_comes_as_a_file_of_a_secret_that_exists(charts: dict[str, list[Object]]) -> None:
    for _, spec in pods(charts["defaults"]):
        [token] = [each for each in spec["volumes"] if each["name"] == "token"]
        assert token["secret"]["secretName"] == "swell-token"
        assert not any("TOKEN" in each["name"] for each in spec["containers"][0].get("env", []))
    assert not any(each["kind"] == "Secret" for each in charts["defaults"])


def test_shards_of_the_cluster_collector_are_ordinals(charts: dict[str, list[Object]]) -> None:
    found = by_key(charts["sharded"])["StatefulSet", "swell-cluster"]
    environment = {each["name"]: each for each in found["spec"]["template"]["spec"]["containers"][0]["env"]}
    config = config_of(charts["sharded"], "swell-cluster")

    assert found["spec"]["replicas"] == config["collect"]["shards"] == 3
    assert config["collect"]["state"]["election"] == ""
    assert "pod-index" in str(environment["SWELL_COLLECT__SHARD"])


def test_the_image_runs_as_nobody_and_writes_no_bytecode() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    copied = {
        line.split()[1] for line in text.splitlines() if line.startswith("COPY ") and "--from" not in line
    }

    assert "USER 65534:65534" in text
    assert "PYTHONDONTWRITEBYTECODE=1" in text
    assert all((ROOT / name).exists() for name in copied)
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests", "bench"}
    assert packages <= copied
