"""The kubelet and the control plane have the labels and the families that kube-prometheus gives them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from collector.discovery.control_plane import COMPONENTS, control_plane_jobs
from collector.discovery.group import Group
from collector.discovery.job import Job, Scope, Static
from collector.discovery.kubelet import PAGE_RULES, Kubelet, dropping, kubelet_jobs
from collector.discovery.labelling import targets_of
from collector.discovery.monitors.endpoint import Monitor, Translation
from collector.discovery.monitors.service_monitor import service_monitor_jobs
from collector.target import Credentials, Target, Trust
from ingest.relabel.rules import Rule, relabel
from storage.errors import ConfigError
from tests.discovery.clusters import Objects, captured, decoded, written
from tests.discovery.feeding import targets_of_job

MANIFESTS = "k8s/kube-prometheus/manifests"
SERVICE = {
    "metadata": {
        "name": "kubelet",
        "namespace": "kube-system",
        "labels": {"app.kubernetes.io/name": "kubelet"},
    }
}


def monitor_jobs(shared_data: Path, name: str) -> tuple[Job, ...]:
    path = shared_data / MANIFESTS / f"kubernetesControlPlane-serviceMonitor{name}.yaml"
    content = msgspec.convert(yaml.safe_load(path.read_text()), Monitor)
    return service_monitor_jobs(content, Translation(role="endpoints"), Scope())


def kubelet_targets(kubelet: Kubelet) -> dict[str, Target]:
    found = {}
    for job in kubelet_jobs(kubelet):
        (source,) = job.sources
        assert isinstance(source, Static)
        targets, errors = targets_of(job, source.groups[0])
        assert errors == []
        found[job.path] = targets[0]
    return found


def test_the_kubelets_pages_are_those_of_kube_prometheus(shared_data: Path) -> None:
    objects = decoded({**written(), "services": [SERVICE]})
    ours = kubelet_targets(Kubelet("node-a", "192.168.0.1", interval_ms=30_000))

    for job in monitor_jobs(shared_data, "Kubelet"):
        targets, _ = targets_of_job(job, objects)
        (theirs,) = (target for target in targets if target.labels.get("node") == "node-a")
        own = ours[job.path]
        assert own.url == theirs.url
        assert own.labels == theirs.labels
        assert (own.honor_labels, own.honor_timestamps) == (theirs.honor_labels, theirs.honor_timestamps)
        assert own.credentials == theirs.credentials
        assert own.trust == Trust(ca_file=Path("/var/run/secrets/kubernetes.io/serviceaccount/ca.crt"))
    further = ours.keys() - {job.path for job in monitor_jobs(shared_data, "Kubelet")}
    assert further == {"/metrics/resource", "/stats/summary"}


def test_a_kubelet_is_asked_as_its_settings_say() -> None:
    (target,) = kubelet_targets(
        Kubelet("n", "fd00::1", 10255, "k", ("/metrics/probes",), 9000, 3000)
    ).values()

    assert target.url == "https://[fd00::1]:10255/metrics/probes"
    assert (target.labels["job"], target.job) == ("k", "k/metrics/probes")
    assert (target.interval_ms, target.timeout_ms) == (9000, 3000)


def series(page: str) -> list[dict[str, str]]:
    found = []
    for line in page.splitlines():
        match = re.match(r"([a-zA-Z_:][\w:]*)(?:\{(.*)\})? ", line)
        if match:
            labels = re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', match[2] or "")
            found.append({"__name__": match[1], **{name: value for name, value in labels if value}})
    return found


def left(rules: tuple[Rule, ...], labels: list[dict[str, str]]) -> list[dict[str, str]]:
    return [one for one in labels if relabel(rules, one) is not None]


@pytest.mark.parametrize("version", ["1_31", "1_35"])
def test_cadvisors_page_loses_what_kube_prometheus_drops_and_tunnels(shared_data: Path, version: str) -> None:
    page = shared_data / f"k8s/nri-kubernetes/internal/testutil/data/{version}/kubelet/metrics/cadvisor"
    came = series(page.read_text())
    (cadvisor,) = (job for job in monitor_jobs(shared_data, "Kubelet") if job.path == "/metrics/cadvisor")
    tunnels = dropping(
        "container_network_.*;(?:[a-z0-9_]*(?:gre|vti|tnl|tunl|sit|erspan|gretap)[a-z0-9]*)", "interface"
    )

    kept = left(PAGE_RULES["/metrics/cadvisor"], came)

    assert kept == left((*cadvisor.metric_rules, tunnels), came)
    assert {one["interface"] for one in kept if "interface" in one} == {"eth0"}
    assert len(kept) < 0.7 * len(came)


def test_the_resource_page_keeps_what_cadvisor_does_not_say(shared_data: Path) -> None:
    page = shared_data / "k8s/metrics-server"
    text = "".join(path.read_text() for path in page.rglob("*.prom"))
    names = {one["__name__"] for one in left(PAGE_RULES["/metrics/resource"], series(text))}

    assert "node_cpu_usage_seconds_total" in names
    assert not any(name.startswith("container_") for name in names)


EXPECTED = {
    "apiserver": {
        "url": "https://192.168.67.2:8443/metrics",
        "labels": {
            "job": "apiserver",
            "instance": "192.168.67.2:8443",
            "namespace": "default",
            "service": "kubernetes",
            "endpoint": "https",
        },
    },
    "scheduler": {
        "url": "https://192.168.67.2:10259/metrics",
        "labels": {
            "job": "kube-scheduler",
            "instance": "192.168.67.2:10259",
            "namespace": "kube-system",
            "pod": "kube-scheduler-NODE",
            "node": "NODE",
            "container": "kube-scheduler",
        },
    },
    "controller-manager": {
        "url": "https://192.168.67.2:10257/metrics",
        "labels": {
            "job": "kube-controller-manager",
            "instance": "192.168.67.2:10257",
            "namespace": "kube-system",
            "pod": "kube-controller-manager-NODE",
            "node": "NODE",
            "container": "kube-controller-manager",
        },
    },
    "etcd": {
        "url": "http://192.168.67.2:2381/metrics",
        "labels": {
            "job": "etcd",
            "instance": "192.168.67.2:2381",
            "namespace": "kube-system",
            "pod": "etcd-NODE",
            "node": "NODE",
            "container": "etcd",
        },
    },
}


def control_plane(cluster: Objects, name: str) -> list[Target]:
    (job,) = control_plane_jobs((name,), Scope(), "endpoints")
    targets, error = targets_of_job(job, decoded(cluster))
    assert error == ""
    return targets


@pytest.mark.parametrize("name", EXPECTED)
def test_the_control_plane_of_a_real_cluster_is_found(shared_data: Path, name: str) -> None:
    cluster = captured(shared_data)["1_35"]
    node = cluster["nodes"][0]["metadata"]["name"]

    (target,) = control_plane(cluster, name)

    expected: Mapping[str, Any] = EXPECTED[name]
    assert target.url == expected["url"]
    labels = {key: value.replace("NODE", node) for key, value in expected["labels"].items()}
    assert target.labels == labels


@pytest.mark.parametrize("name", ["coredns", "kube-proxy"])
def test_what_runs_on_every_node_is_found(shared_data: Path, name: str) -> None:
    cluster = captured(shared_data)["1_35"]

    (target,) = control_plane(cluster, name)

    assert target.url.endswith(f":{COMPONENTS[name].port}/metrics")
    assert target.labels["job"] == name


def test_the_api_servers_labels_are_those_of_kube_prometheus(shared_data: Path) -> None:
    cluster = captured(shared_data)["1_35"]
    job, _ = monitor_jobs(shared_data, "Apiserver")

    (theirs,), _ = targets_of_job(job, decoded(cluster))
    (ours,) = control_plane(cluster, "apiserver")

    assert (ours.url, ours.labels) == (theirs.url, theirs.labels)
    assert ours.credentials == theirs.credentials == Credentials(bearer_file=theirs.credentials.bearer_file)


def test_the_api_servers_page_loses_what_kube_prometheus_drops(shared_data: Path) -> None:
    page = shared_data / "k8s/nri-kubernetes/internal/testutil/data/1_35/controlplane/api-server/metrics"
    read = {(one["__name__"], one.get("le", "")): one for one in series(page.read_text())}
    came = [*read.values()]
    job, _ = monitor_jobs(shared_data, "Apiserver")

    ours = left(COMPONENTS["apiserver"].rules, came)
    theirs = left(job.metric_rules, came)

    assert all(one in ours for one in theirs)
    assert len(theirs) <= len(ours) < len(came)


def test_a_component_that_is_unknown_is_refused() -> None:
    with pytest.raises(ConfigError, match="control_plane: 'dns' is unknown, expected one of apiserver"):
        control_plane_jobs(("dns",), Scope(), "endpoints")


def test_a_pod_of_another_namespace_is_no_control_plane() -> None:
    (job,) = control_plane_jobs(("etcd",), Scope(), "endpoints")
    labels = {"__meta_kubernetes_namespace": "x", "__meta_kubernetes_pod_label_component": "etcd"}

    assert targets_of(job, Group([{"__address__": "a:1"}], labels)) == ([], [])
