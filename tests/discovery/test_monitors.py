"""Monitors are read as the Prometheus Operator reads them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from collector.discovery.document import parse_jobs
from collector.discovery.finder import Clusters
from collector.discovery.job import Job, Kubernetes, Scope
from collector.discovery.joined import DiscoverySettings, Joined
from collector.discovery.kubernetes.cluster import Cluster
from collector.discovery.kubernetes.roles import KINDS
from collector.discovery.monitors.endpoint import Monitor, Translation
from collector.discovery.monitors.pod_monitor import pod_monitor_jobs
from collector.discovery.monitors.probe import probe_jobs
from collector.discovery.monitors.service_monitor import service_monitor_jobs
from collector.discovery.monitors.watching import Monitors, monitor_roles
from collector.discovery.pool import Pool
from collector.discovery.section import as_text
from collector.kube.change import Change, Kind
from collector.target import Credentials, Target, Trust
from storage.errors import ConfigError
from tests.discovery.clusters import decoded, written
from tests.discovery.feeding import Api, tell

CASES = yaml.safe_load((Path(__file__).parent / "operator.yml").read_text())
TRANSLATE = {"servicemonitors": service_monitor_jobs, "podmonitors": pod_monitor_jobs, "probes": probe_jobs}


def monitor(content: Mapping[str, Any]) -> Monitor:
    return msgspec.convert(content, Monitor)


def targets(job: Job) -> list[Target]:
    pool = Pool(job)
    for number, source in enumerate(job.sources):
        if isinstance(source, Kubernetes):
            objects = decoded(written())
            cluster = Cluster(replace(source.scope, namespaces=()), [source.role])
            cluster.subscribe(source.role, pool, "")
            for kind in KINDS:
                if cluster.lists(kind):
                    tell(
                        cluster,
                        kind,
                        [item for item in objects[kind] if within(item, source.scope.namespaces)],
                    )
        else:
            pool.set_all(f"{number}:", ((str(n), group) for n, group in enumerate(source.groups)))  # type: ignore[union-attr]
    return pool.targets


def within(item: Any, namespaces: tuple[str, ...]) -> bool:
    return not namespaces or not item.metadata.namespace or item.metadata.namespace in namespaces


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_monitor_finds_what_the_operators_configuration_finds(case: dict[str, Any]) -> None:
    how = Translation(role=case["role"])
    (job,) = TRANSLATE[case["kind"]](monitor(case["monitor"]), how, Scope())
    content = as_text({"scrape_configs": [{"job_name": job.name, **case["config"]}]})
    (expected,) = parse_jobs(content, Path("/"), "case")

    found = [replace(target, found={}) for target in targets(job)]

    assert found
    assert found == [replace(target, found={}) for target in targets(expected)]
    assert job.target_limit == expected.target_limit


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("servicemonitors", {"endpoints": [{"oauth2": {}}]}, "endpoints[0]: oauth2: is not supported"),
    ("servicemonitors", {"endpoints": [{"interval": "x"}]}, "endpoints[0]: interval: 'x' is not a duration"),
    ("servicemonitors", {"endpoints": [{"scheme": "ftp"}]}, "scheme: 'ftp' is unknown"),
    ("servicemonitors", {"endpoints": [{"interval": "1s", "scrapeTimeout": "2s"}]}, "is above the interval"),
    (
        "podmonitors",
        {"podMetricsEndpoints": [{"relabelings": [{"action": "x"}]}]},
        "relabelings: rule 1: action",
    ),
    (
        "servicemonitors",
        {"selector": {"matchExpressions": [{"operator": "Gt"}]}},
        "operator: 'Gt' is unknown",
    ),
    ("probes", {}, "prober: has no url"),
    ("probes", {"prober": {"url": "x"}}, "targets: has neither staticConfig nor ingress"),
    (
        "servicemonitors",
        {"endpoints": [{"basicAuth": {"username": {"name": "s", "key": "user"}}}]},
        "basicAuth: username: names the Secret 's', which a collector does not read; expected a mounted file",
    ),
    (
        "servicemonitors",
        {"endpoints": [{"authorization": {"credentials": {"name": "s", "key": "t"}}}]},
        "authorization: credentials: names the Secret 's'",
    ),
    (
        "podmonitors",
        {"podMetricsEndpoints": [{"tlsConfig": {"ca": {"secret": {"name": "s", "key": "ca"}}}}]},
        "tlsConfig: ca: secret: names the Secret 's'",
    ),
]


@pytest.mark.parametrize(("kind", "spec", "reason"), REFUSED)
def test_what_cannot_be_done_is_refused_with_the_monitors_name(kind: str, spec: Any, reason: str) -> None:
    with pytest.raises(ConfigError) as caught:
        TRANSLATE[kind](
            monitor({"metadata": {"name": "n", "namespace": "ns"}, "spec": spec}), Translation(), Scope()
        )

    assert " ns/n: " in str(caught.value)
    assert reason in str(caught.value)


def test_secrets_are_files_where_they_are_mounted(tmp_path: Path) -> None:
    def reference(key: str) -> dict[str, str]:
        return {"name": "s", "key": key}

    (tmp_path / "ns/s").mkdir(parents=True)
    (tmp_path / "ns/s/user").write_text("ann\n")
    endpoints = [
        {"basicAuth": {"username": reference("user"), "password": reference("word")}},
        {"authorization": {"type": "Token", "credentials": reference("token")}},
        {"bearerTokenSecret": reference("token"), "tlsConfig": {"ca": {"configMap": reference("ca")}}},
        {"bearerTokenSecret": {"key": "", "name": ""}, "tlsConfig": {"keySecret": reference("key")}},
    ]
    content = {"metadata": {"name": "n", "namespace": "ns"}, "spec": {"endpoints": endpoints}}
    jobs = service_monitor_jobs(monitor(content), Translation(secrets=tmp_path), Scope())

    directory = tmp_path / "ns/s"
    assert [job.access.credentials for job in jobs] == [
        Credentials(username="ann", password_file=directory / "word"),
        Credentials(bearer_file=directory / "token", scheme="Token"),
        Credentials(bearer_file=directory / "token"),
        Credentials(),
    ]
    assert jobs[2].access.trust == Trust(ca_file=directory / "ca")
    assert jobs[3].access.trust == Trust(key_file=directory / "key")


def test_a_secrets_name_cannot_leave_its_directory(tmp_path: Path) -> None:
    endpoint = {"bearerTokenSecret": {"name": "..", "key": "token"}}
    content = {"metadata": {"name": "n", "namespace": "ns"}, "spec": {"endpoints": [endpoint]}}

    with pytest.raises(ConfigError, match=r"'\.\.' is not a name"):
        service_monitor_jobs(monitor(content), Translation(secrets=tmp_path), Scope())


def test_all_monitors_of_kube_prometheus_are_read(shared_data: Path) -> None:
    paths = sorted((shared_data / "k8s/kube-prometheus/manifests").glob("*[sS]erviceMonitor*.yaml"))
    assert len(paths) == 13
    for path in paths:
        content = yaml.safe_load(path.read_text())
        jobs = service_monitor_jobs(monitor(content), Translation(), Scope())

        assert len(jobs) == len(content["spec"]["endpoints"]), path.name
        for job, endpoint in zip(jobs, content["spec"]["endpoints"], strict=True):
            assert len(job.metric_rules) == len(endpoint.get("metricRelabelings", []))
            assert job.access.trust.insecure == endpoint.get("tlsConfig", {}).get("insecureSkipVerify", False)


def test_each_monitor_of_kube_prometheus_finds_the_service_beside_it(shared_data: Path) -> None:
    root = shared_data / "k8s/kube-prometheus/manifests"
    for path in sorted(root.glob("*-serviceMonitor.yaml")):
        service = yaml.safe_load(path.with_name(path.name.replace("-serviceMonitor", "-service")).read_text())
        content = yaml.safe_load(path.read_text())
        jobs = service_monitor_jobs(monitor(content), Translation(), Scope())
        kinds = {"endpointslices": [slice_of(service)], "services": [service]}
        cluster = Cluster(Scope(), ["endpointslice"])
        pools = [Pool(job) for job in jobs]
        for pool in pools:
            cluster.subscribe("endpointslice", pool, "")
        for kind in ("endpointslice", "service", "pod"):
            tell(cluster, kind, decoded(kinds)[kind])

        labels = [target.labels for pool in pools for target in pool.targets]
        wanted = [endpoint["port"] for endpoint in content["spec"]["endpoints"]]
        kept = [own.get("endpoint", "https-main") for own in labels]  # a rule of kube-state-metrics drops it
        assert kept == wanted, path.name


def slice_of(service: dict[str, Any]) -> dict[str, Any]:
    metadata = service["metadata"]
    ports = [{"name": port["name"], "port": port["port"]} for port in service["spec"]["ports"]]
    return {
        "metadata": {
            "name": metadata["name"] + "-1",
            "namespace": metadata["namespace"],
            "labels": {"kubernetes.io/service-name": metadata["name"]},
        },
        "endpoints": [{"addresses": ["10.0.0.1"], "conditions": {}}],
        "ports": ports,
    }


def followed() -> tuple[Monitors, Cluster]:
    clusters = Clusters(monitor_roles(Scope(), "endpointslice"))
    found = Monitors(clusters, Translation(), Scope())
    for cluster in clusters.all:
        for kind in KINDS:
            if cluster.lists(kind):
                tell(cluster, kind, decoded(written())[kind])
    return found, next(iter(clusters.all))


def a_pod_monitor(port: str) -> Monitor:
    spec = {"selector": {}, "podMetricsEndpoints": [{"port": port}]}
    return monitor({"metadata": {"name": "m", "namespace": "shop"}, "spec": spec})


def urls(monitors: Monitors) -> list[str]:
    return [target.url for pool in monitors.pools for target in pool.targets]


def test_monitors_come_change_and_go() -> None:
    monitors, _ = followed()
    monitors.apply("podmonitors", "", Change(Kind.SET, a_pod_monitor("http")))
    assert urls(monitors) == ["http://10.1.0.5:8080/metrics"]

    version = monitors.version
    monitors.apply("podmonitors", "", Change(Kind.SET, a_pod_monitor("http")))
    assert monitors.version == version

    monitors.apply("podmonitors", "", Change(Kind.SET, a_pod_monitor("metrics")))
    assert urls(monitors) == ["http://10.1.0.5:9090/metrics"]

    wrong = msgspec.structs.replace(a_pod_monitor("http"), spec={"podMetricsEndpoints": [{"scheme": "ftp"}]})
    monitors.apply("podmonitors", "", Change(Kind.SET, wrong))
    assert urls(monitors) == []
    assert "ftp" in monitors.problems["podmonitors shop/m"]

    monitors.apply("podmonitors", "", Change(Kind.SET, a_pod_monitor("http")))
    assert monitors.problems == {}
    monitors.apply("podmonitors", "", Change(Kind.GONE, a_pod_monitor("http")))
    assert urls(monitors) == []


def test_a_monitor_that_a_new_list_lacks_is_gone() -> None:
    monitors, _ = followed()
    monitors.apply("podmonitors", "", Change(Kind.SET, a_pod_monitor("http")))
    monitors.apply("podmonitors", "", Change(Kind.SYNCED))
    assert urls(monitors)

    monitors.apply("podmonitors", "", Change(Kind.SYNCED))
    assert urls(monitors) == []


def test_monitors_are_watched_and_joined() -> None:
    found: list[str] = []

    def then(joined: Joined) -> None:
        found.extend(target.url for target in joined.targets)

    kinds = {KINDS[kind].plural: items for kind, items in decoded(written()).items()}
    api = Api({**kinds, "podmonitors": [a_pod_monitor("http")]})
    settings = DiscoverySettings(monitors=True, monitor_selector="team=a")
    asyncio.run(api.follow(settings, then))

    assert found == ["http://10.1.0.5:8080/metrics"]
    selectors = {resource.plural: resource.label_selector for resource in api.asked}
    assert {selectors[plural] for plural in TRANSLATE} == {"team=a"}
    assert selectors["pods"] == ""
