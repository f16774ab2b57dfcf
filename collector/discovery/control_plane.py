"""The control plane and what every cluster runs, as jobs under kube-prometheus's names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from collector.discovery.group import ADDRESS, Group
from collector.discovery.job import Access, Job, Kubernetes, Scope
from collector.discovery.kubelet import OLD_NAMES_RULE, SERVICE_ACCOUNT, dropping
from collector.discovery.kubernetes.labels import META, NAMESPACE, joined, sanitized
from collector.target import Credentials, Trust
from ingest.relabel.rules import Rule
from storage.errors import ConfigError

_POD: Final = META + "pod_"
_TOKEN: Final = Credentials(bearer_file=SERVICE_ACCOUNT / "token")
_IN_CLUSTER: Final = Access(
    _TOKEN, Trust(ca_file=SERVICE_ACCOUNT / "ca.crt", server_name="kubernetes.default.svc")
)
# These two sign their own certificates, which nothing can check.
_SELF_SIGNED: Final = Access(_TOKEN, Trust(insecure=True))
# Buckets of the API server's histograms that no rule and no dashboard reads: a third of its series.
_APISERVER_RULES: Final = (
    OLD_NAMES_RULE,
    dropping("etcd_(debugging|disk|server).*"),
    dropping("apiserver_admission_(controller|step)_admission_latencies_seconds_.*"),
    dropping(
        "(apiserver_request|apiserver_request_sli|etcd_request)_duration_seconds_bucket;"
        r"(0\.15|0\.25|0\.3|0\.35|0\.4|0\.45|0\.6|0\.7|0\.8|0\.9|1\.25|1\.5|1\.75|2\.5|3|3\.5|4\.5|6|7|8|9"
        "|15|25|30|50)",
        "le",
    ),
)


@dataclass(frozen=True, slots=True)
class Component:
    """Pods with a label, or, for the API server, what stands behind a service.

    port: of the page on the pod's address. access: how it is asked.
    """

    job: str
    port: int
    label: str = ""
    value: str = ""
    service: str = ""
    namespace: str = "kube-system"
    scheme: str = "https"
    path: str = "/metrics"
    access: Access = field(default_factory=Access)
    rules: tuple[Rule, ...] = ()


COMPONENTS: Final[Mapping[str, Component]] = {
    "apiserver": Component(
        "apiserver",
        443,
        service="kubernetes",
        namespace="default",
        access=_IN_CLUSTER,
        rules=_APISERVER_RULES,
    ),
    "scheduler": Component(
        "kube-scheduler", 10259, "component", "kube-scheduler", access=_SELF_SIGNED, rules=(OLD_NAMES_RULE,)
    ),
    "controller-manager": Component(
        "kube-controller-manager",
        10257,
        "component",
        "kube-controller-manager",
        access=_SELF_SIGNED,
        rules=(OLD_NAMES_RULE,),
    ),
    "etcd": Component("etcd", 2381, "component", "etcd", scheme="http"),
    "kube-proxy": Component("kube-proxy", 10249, "k8s-app", "kube-proxy", scheme="http"),
    "coredns": Component("coredns", 9153, "k8s-app", "kube-dns", scheme="http"),
}


def control_plane_jobs(
    names: Sequence[str],
    scope: Scope,
    role: str,
    interval_ms: int = 30_000,
    timeout_ms: int = 10_000,
    components: Mapping[str, Component] = COMPONENTS,
) -> tuple[Job, ...]:
    """A job for each named component. role: `endpointslice` or `endpoints`. Raises ConfigError for others."""
    for name in names:
        if name not in components:
            raise ConfigError(f"control_plane: {name!r} is unknown, expected one of {', '.join(components)}")
    return tuple(
        replace(_job(components[name], scope, role), interval_ms=interval_ms, timeout_ms=timeout_ms)
        for name in names
    )


def _job(component: Component, scope: Scope, role: str) -> Job:
    source = Kubernetes(role if component.service else "pod", scope)
    preparation = _Preparation(component)
    return Job(
        name=component.job,
        sources=(source,),
        path=component.path,
        scheme=component.scheme,
        access=component.access,
        metric_rules=component.rules,
        prepare=preparation.of_service if component.service else preparation.of_pod,
    )


@dataclass(frozen=True, slots=True)
class _Preparation:
    component: Component

    def of_pod(self, group: Group) -> Group | None:
        """One target for a pod, whatever ports it declares."""
        labels, component = group.labels, self.component
        if labels.get(NAMESPACE) != component.namespace:
            return None
        if labels.get(f"{_POD}label_{sanitized(component.label)}") != component.value:
            return None
        containers = {target.get(_POD + "container_name", "") for target in group.targets}
        target = {
            ADDRESS: joined(labels.get(_POD + "ip", ""), component.port),
            "namespace": component.namespace,
            "pod": labels.get(_POD + "name", ""),
            "node": labels.get(_POD + "node_name", ""),
            "container": next(iter(containers)) if len(containers) == 1 else "",
        }
        return Group([target], labels)

    def of_service(self, group: Group) -> Group | None:
        """A target for each endpoint of the service's first port."""
        labels, component = group.labels, self.component
        if labels.get(NAMESPACE) != component.namespace:
            return None
        if labels.get(META + "service_name") != component.service:
            return None
        added = {"namespace": component.namespace, "service": component.service, "endpoint": "https"}
        return Group([{**target, **added} for target in group.targets], labels)
