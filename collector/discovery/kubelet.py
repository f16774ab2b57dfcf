"""The kubelet of a node: its pages as jobs, under the labels that kube-prometheus gives them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from collector.discovery.group import ADDRESS, Group
from collector.discovery.job import Access, Job, Static
from collector.discovery.kubernetes.labels import joined
from collector.target import Credentials, Trust
from ingest.relabel.rules import Action, Rule

SERVICE_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")


def dropping(regex: str, *labels: str) -> Rule:
    """A rule that drops series whose name, and further labels after `;`, match."""
    return Rule(Action.DROP, source_labels=("__name__", *labels), regex=regex)


# kube-prometheus's own: families that nothing uses, and cgroups that are no pod's.
CADVISOR_RULES: Final = (
    dropping("container_(network_tcp_usage_total|network_udp_usage_total|tasks_state|cpu_load_average_10s)"),
    dropping(
        "(container_spec_.*|container_file_descriptors|container_sockets|container_threads_max"
        "|container_threads|container_start_time_seconds|container_last_seen);;",
        "pod",
        "namespace",
    ),
    dropping("(container_blkio_device_usage_total);.+", "container"),
)
# Tunnel devices that the kernel puts into every network namespace: nine of ten network series, all zero.
INTERFACE_RULE: Final = dropping(
    "container_network_.*;(tunl0|sit0|gre0|gretap0|erspan0|ip_vti0|ip6_vti0|ip6tnl0|ip6gre0)", "interface"
)
OLD_NAMES_RULE: Final = dropping(
    "(kubelet|scheduler|apiserver|etcd|rest_client|transformation)_.*_microseconds"
)
_SLI_RULE: Final = dropping("process_start_time_seconds")
# cAdvisor's names with fewer labels.
_RESOURCE_RULE: Final = dropping("container_.*")

PAGE_RULES: Final[Mapping[str, tuple[Rule, ...]]] = {
    "/metrics": (OLD_NAMES_RULE,),
    "/metrics/cadvisor": (*CADVISOR_RULES, INTERFACE_RULE),
    "/metrics/resource": (_RESOURCE_RULE,),
    "/metrics/probes": (),
    "/metrics/slis": (_SLI_RULE,),
    "/stats/summary": (),
}


def _in_cluster() -> Access:
    return Access(
        Credentials(bearer_file=SERVICE_ACCOUNT / "token"), Trust(ca_file=SERVICE_ACCOUNT / "ca.crt")
    )


@dataclass(frozen=True, slots=True)
class Kubelet:
    """node: its name. host: its address, as the kubelet serves it. pages: paths of PAGE_RULES.

    access: the service account's token and CA by default; a kubelet that signs its own certificate needs
    `Trust(insecure=True)`.
    """

    node: str
    host: str
    port: int = 10250
    job: str = "kubelet"
    pages: tuple[str, ...] = tuple(PAGE_RULES)
    interval_ms: int = 30_000
    timeout_ms: int = 10_000
    access: Access = field(default_factory=_in_cluster)


def kubelet_jobs(kubelet: Kubelet) -> tuple[Job, ...]:
    """A job for each page."""
    return tuple(_job(kubelet, page) for page in kubelet.pages)


def _job(kubelet: Kubelet, page: str) -> Job:
    labels = {
        "job": kubelet.job,
        "metrics_path": page,
        "node": kubelet.node,
        "namespace": "kube-system",
        "service": "kubelet",
        "endpoint": "https-metrics",
    }
    group = Group([{ADDRESS: joined(kubelet.host, kubelet.port)}], labels)
    return Job(
        name=f"{kubelet.job}{page}",
        sources=(Static((group,)),),
        interval_ms=kubelet.interval_ms,
        timeout_ms=kubelet.timeout_ms,
        path=page,
        scheme="https",
        honor_labels=True,
        # cAdvisor's own timestamps are up to 15 s old and differ from container to container.
        honor_timestamps=page != "/metrics/cadvisor",
        access=kubelet.access,
        metric_rules=PAGE_RULES.get(page, ()),
    )
