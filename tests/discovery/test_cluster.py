"""Targets follow the objects of a cluster, and those that these are made of."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from collector.discovery.job import Job, Kubernetes, Scope
from collector.discovery.kubernetes.cluster import Cluster
from collector.discovery.kubernetes.objects import Endpoints, Node, Pod, Service
from collector.discovery.pool import Pool
from ingest.relabel.rules import Rule
from tests.discovery.clusters import decoded, written
from tests.discovery.feeding import forget, tell


def a_rule(source: str, target: str) -> Rule:
    return Rule(source_labels=(source,), target_label=target)


RULES = (
    a_rule("__meta_kubernetes_service_label_tier", "tier"),
    a_rule("__meta_kubernetes_pod_phase", "phase"),
    a_rule("__meta_kubernetes_node_label_zone", "zone"),
)


def one(kind: str, name: str) -> Any:
    return next(item for item in decoded(written())[kind] if item.metadata.name == name)


@pytest.fixture
def followed() -> tuple[Cluster, Pool]:
    """The service `web` with its pod and node, through Endpoints."""
    scope = Scope(with_nodes=True)
    cluster = Cluster(scope, ["endpoints"])
    pool = Pool(Job("j", (Kubernetes("endpoints", scope),), rules=RULES))
    cluster.subscribe("endpoints", pool, "")
    return cluster, pool


def labels(pool: Pool) -> dict[str, tuple[str, ...]]:
    names = ("tier", "phase", "zone")
    return {t.labels["instance"]: tuple(t.labels.get(name, "") for name in names) for t in pool.targets}


def tell_all(cluster: Cluster) -> None:
    tell(cluster, "pod", [one("pod", "web-7c9d8f6b5d-abcde")])
    tell(cluster, "node", [one("node", "node-a")])
    tell(cluster, "service", [one("service", "web")])
    tell(cluster, "endpoints", [one("endpoints", "web")])


def test_nothing_is_found_before_all_lists_are_whole(followed: tuple[Cluster, Pool]) -> None:
    cluster, pool = followed
    tell(cluster, "endpoints", [one("endpoints", "web")])
    tell(cluster, "pod", [one("pod", "web-7c9d8f6b5d-abcde")])
    tell(cluster, "service", [one("service", "web")])
    assert not cluster.is_synced
    assert pool.targets == []

    tell(cluster, "node", [one("node", "node-a")])
    assert cluster.is_synced
    assert labels(pool)["10.1.0.5:8080"] == ("front", "Running", "a")


def test_a_change_of_what_a_target_is_made_of_changes_it(followed: tuple[Cluster, Pool]) -> None:
    cluster, pool = followed
    tell_all(cluster)
    pod: Pod = one("pod", "web-7c9d8f6b5d-abcde")
    service: Service = one("service", "web")
    node: Node = one("node", "node-a")
    metadata = msgspec.structs.replace

    failed = msgspec.structs.replace(pod, status=msgspec.structs.replace(pod.status, phase="Failed"))
    tell(cluster, "pod", [failed], synced=False)
    assert labels(pool)["10.1.0.5:8080"] == ("front", "Failed", "a")

    service = metadata(service, metadata=metadata(service.metadata, labels={"tier": "back"}))
    tell(cluster, "service", [service], synced=False)
    assert labels(pool)["10.1.0.5:8080"] == ("back", "Failed", "a")

    node = metadata(node, metadata=metadata(node.metadata, labels={"zone": "z"}))
    tell(cluster, "node", [node], synced=False)
    assert labels(pool)["10.1.0.5:8080"] == ("back", "Failed", "z")

    for kind, item in (("pod", pod), ("service", service), ("node", node)):
        forget(cluster, kind, item)
    assert labels(pool)["10.1.0.5:8080"] == ("", "", "")

    forget(cluster, "endpoints", one("endpoints", "web"))
    assert pool.targets == []


def test_a_change_that_changes_no_target_leaves_the_version(followed: tuple[Cluster, Pool]) -> None:
    cluster, pool = followed
    tell_all(cluster)
    version = pool.version

    tell_all(cluster)

    assert pool.version == version


def test_what_a_new_list_lacks_is_gone(followed: tuple[Cluster, Pool]) -> None:
    cluster, pool = followed
    tell_all(cluster)
    assert pool.targets

    tell(cluster, "endpoints", [])

    assert pool.targets == []


def test_a_pool_that_comes_later_has_the_present_targets_and_one_that_goes_has_no_more() -> None:
    cluster = Cluster(Scope(), ["endpoints", "pod"])
    for kind in ("endpoints", "pod", "service"):
        tell(cluster, kind, decoded(written())[kind])
    pool = Pool(Job("late"))
    cluster.subscribe("pod", pool, "x:")
    assert len(pool.targets) == 7

    cluster.unsubscribe(pool)
    forget(cluster, "pod", one("pod", "six"))
    assert len(pool.targets) == 7


def test_watches_are_those_of_the_scope() -> None:
    scope = Scope(("a", "b"), (("pod", "app=x", "spec.nodeName=n"),), with_nodes=True)
    cluster = Cluster(scope, ["endpointslice"])

    pods = cluster.resource("pod", "a")
    assert (pods.group_version, pods.plural, pods.namespace) == ("v1", "pods", "a")
    assert (pods.label_selector, pods.field_selector) == ("app=x", "spec.nodeName=n")
    assert cluster.resource("endpointslice").group_version == "discovery.k8s.io/v1"
    counts = {
        kind: len(cluster.lists(kind)) for kind in ("endpointslice", "service", "pod", "node", "ingress")
    }
    assert counts == {"endpointslice": 2, "service": 2, "pod": 2, "node": 1, "ingress": 0}


def test_more_targets_than_the_limit_are_none_and_an_error() -> None:
    pool = Pool(Job("j", target_limit=6))
    cluster = Cluster(Scope(), ["pod"])
    cluster.subscribe("pod", pool, "")
    tell(cluster, "pod", decoded(written())["pod"])

    assert pool.targets == []
    assert pool.error == "target_limit: 7 targets, at most 6 are allowed"

    forget(cluster, "pod", one("pod", "six"))
    assert len(pool.targets) == 5
    assert pool.error == ""


def test_an_error_goes_with_its_group() -> None:
    pool = Pool(Job("j", rules=(Rule(target_label="__scheme__", replacement="ftp"),)))
    cluster = Cluster(Scope(), ["endpoints"])
    cluster.subscribe("endpoints", pool, "")
    endpoints: Endpoints = one("endpoints", "web")
    tell(cluster, "endpoints", [endpoints])
    tell(cluster, "pod", [])
    tell(cluster, "service", [])
    assert pool.error == "10.1.0.5:8080: __scheme__: 'ftp' is unknown, expected http or https"

    forget(cluster, "endpoints", endpoints)
    assert pool.error == ""
