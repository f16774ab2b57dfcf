"""What finding targets costs: a cluster of many pods, its services and monitors, from objects to targets."""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable
from typing import Any

import msgspec

from collector.discovery.annotations import annotated_pods, annotated_services
from collector.discovery.job import Scope
from collector.discovery.kubernetes.cluster import Cluster
from collector.discovery.kubernetes.objects import EndpointSlice, Pod, Service
from collector.discovery.monitors.endpoint import Monitor, Translation
from collector.discovery.monitors.service_monitor import service_monitor_jobs
from collector.discovery.pool import Pool
from collector.kube.change import Change, Kind

PODS_OF_A_SERVICE = 20


def pod(number: int) -> Pod:
    service, labels = (
        number // PODS_OF_A_SERVICE,
        {"app.kubernetes.io/name": f"app-{number // PODS_OF_A_SERVICE}"},
    )
    notes = {"prometheus.io/scrape": "true", "prometheus.io/port": "8080"} if number % 4 == 0 else {}
    content = {
        "metadata": {
            "name": f"app-{service}-7c9d8f6b5d-{number:05d}",
            "namespace": f"team-{service % 20}",
            "uid": f"{number:036d}",
            "labels": {**labels, "pod-template-hash": "7c9d8f6b5d"},
            "annotations": notes,
        },
        "spec": {
            "nodeName": f"node-{number // 110}",
            "containers": [
                {
                    "name": "main",
                    "image": "app:1",
                    "ports": [{"name": "http-metrics", "containerPort": 8080}],
                },
                {"name": "proxy", "image": "proxy:1", "ports": [{"name": "admin", "containerPort": 15000}]},
            ],
        },
        "status": {"phase": "Running", "podIP": f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"},
    }
    return msgspec.convert(content, Pod)


def service(number: int) -> Service:
    labels = {"app.kubernetes.io/name": f"app-{number}", "group": f"g-{number % 50}"}
    metadata = {"name": f"app-{number}", "namespace": f"team-{number % 20}", "labels": labels}
    return msgspec.convert({"metadata": metadata, "spec": {"ports": [{"name": "http-metrics"}]}}, Service)


def endpoint_slice(number: int, pods: list[Pod]) -> EndpointSlice:
    owner = {"kubernetes.io/service-name": f"app-{number}"}
    endpoints = [
        {
            "addresses": [one.status.pod_ip],
            "nodeName": one.spec.node_name,
            "targetRef": {"kind": "Pod", "name": one.metadata.name, "namespace": one.metadata.namespace},
        }
        for one in pods
    ]
    content = {
        "metadata": {"name": f"app-{number}-x", "namespace": f"team-{number % 20}", "labels": owner},
        "addressType": "IPv4",
        "endpoints": endpoints,
        "ports": [{"name": "http-metrics", "port": 8080, "protocol": "TCP"}],
    }
    return msgspec.convert(content, EndpointSlice)


def monitor(number: int) -> Monitor:
    spec = {
        "namespaceSelector": {"any": True},
        "selector": {"matchLabels": {"group": f"g-{number}"}},
        "endpoints": [{"port": "http-metrics"}],
    }
    return msgspec.convert(
        {"metadata": {"name": f"m-{number}", "namespace": "monitoring"}, "spec": spec}, Monitor
    )


def measured(what: str, count: int, act: Callable[[], Any]) -> Any:
    before = time.process_time()
    answer = act()
    spent = time.process_time() - before
    print(f"{what}: {spent * 1000:.0f} ms, {spent / count * 1e6:.1f} us each of {count}")
    return answer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pods", type=int, default=10_000)
    parser.add_argument("--monitors", type=int, default=50)
    options = parser.parse_args()
    pods = [pod(number) for number in range(options.pods)]
    services = [service(number) for number in range(options.pods // PODS_OF_A_SERVICE)]
    slices = [
        endpoint_slice(number, pods[number * PODS_OF_A_SERVICE : (number + 1) * PODS_OF_A_SERVICE])
        for number in range(len(services))
    ]
    start_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    cluster = Cluster(Scope(), ["pod", "endpointslice"])
    jobs = [
        annotated_pods(30_000, 10_000, Scope()),
        annotated_services(30_000, 10_000, Scope(), "endpointslice"),
    ]
    for number in range(options.monitors):
        jobs += service_monitor_jobs(monitor(number), Translation(), Scope())
    pools = [Pool(job) for job in jobs]
    for one in pools:
        role = one.job.sources[0].role  # type: ignore[union-attr]
        cluster.subscribe(role, one, "")

    def tell(kind: str, items: list[Any], synced: bool = True) -> None:
        (listed,) = cluster.lists(kind)
        for item in items:
            cluster.apply(kind, Change(Kind.SET, item), listed)
        if synced:
            cluster.apply(kind, Change(Kind.SYNCED), listed)
            cluster.settle(len(pods) * 2)

    def all_told() -> None:
        for kind, items in (("pod", pods), ("service", services), ("endpointslice", slices)):
            tell(kind, items)

    measured("the first targets", options.pods, all_told)
    found = sum(len(one.targets) for one in pools)
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - start_kib
    print(f"{found} targets of {len(pools)} jobs, {held / 1024:.0f} MiB, {held / found:.1f} KiB a target")
    changed = [
        msgspec.structs.replace(one, status=msgspec.structs.replace(one.status, phase="Failed"))
        for one in pods[:500]
    ]
    measured("a change of a pod", 500, lambda: tell("pod", changed, synced=False))


if __name__ == "__main__":
    main()
