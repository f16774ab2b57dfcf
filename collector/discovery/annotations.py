"""Pods and services that say by annotation that they want to be scraped: `prometheus.io/scrape: "true"`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final
from urllib.parse import parse_qsl

from collector.discovery.group import ADDRESS, Group
from collector.discovery.job import Job, Kubernetes, Scope
from collector.discovery.kubernetes.labels import META, NAMESPACE, joined, sanitized
from collector.discovery.labelling import INTERVAL, PARAM, PATH, SCHEME, TIMEOUT
from collector.discovery.quantities import duration_ms, duration_text
from collector.target import Target
from ingest.relabel.rules import Rule
from storage.errors import ConfigError

Labels = Mapping[str, str]

_POD: Final = META + "pod_"
_SERVICE: Final = META + "service_"
_CONTAINER: Final = _POD + "container_"
# What a team writes, in the order in which it is looked for: Prometheus's custom, Wavefront's, Grafana's.
_NAMES: Final = {
    "scrape": ("prometheus.io/scrape", "k8s.grafana.com/scrape"),
    "job": ("prometheus.io/job", "k8s.grafana.com/job"),
    "instance": ("prometheus.io/instance", "k8s.grafana.com/instance"),
    "scheme": ("prometheus.io/scheme", "k8s.grafana.com/metrics.scheme"),
    "path": ("prometheus.io/path", "k8s.grafana.com/metrics.path"),
    "port": ("prometheus.io/port", "k8s.grafana.com/metrics.portNumber"),
    "port_name": ("prometheus.io/port-name", "k8s.grafana.com/metrics.portName"),
    "container": ("prometheus.io/container", "k8s.grafana.com/metrics.container"),
    "param": ("prometheus.io/param", "k8s.grafana.com/metrics.param"),
    "interval": (
        "prometheus.io/interval",
        "prometheus.io/collectionInterval",
        "k8s.grafana.com/metrics.scrapeInterval",
    ),
    "timeout": ("prometheus.io/timeout", "k8s.grafana.com/metrics.scrapeTimeout"),
    "prefix": ("prometheus.io/prefix",),
    "source": ("prometheus.io/source",),
    "insecure": ("prometheus.io/insecureSkipVerify",),
    "server_name": ("prometheus.io/serverName",),
}
_APP_LABELS: Final = ("app.kubernetes.io/name", "k8s-app", "app")
_TEMPLATE_HASH: Final = re.compile(r"-[a-z0-9]+$")


def annotated_pods(interval_ms: int, timeout_ms: int, scope: Scope) -> Job:
    """A job for pods with the annotation."""
    return Job(
        "annotated-pods",
        (Kubernetes("pod", scope),),
        interval_ms,
        timeout_ms,
        prepare=_Preparation(interval_ms, timeout_ms).of_pod,
        refine=lambda target: _refined(target, _POD),
    )


def annotated_services(interval_ms: int, timeout_ms: int, scope: Scope, role: str) -> Job:
    """A job for what stands behind services with the annotation, but for pods that have it themselves."""
    return Job(
        "annotated-services",
        (Kubernetes(role, scope),),
        interval_ms,
        timeout_ms,
        prepare=_Preparation(interval_ms, timeout_ms).of_service,
        refine=lambda target: _refined(target, _SERVICE),
    )


def annotation(labels: Labels, prefix: str, name: str) -> str:
    """What an object says, '' where it says nothing. prefix: of the object's labels; name: of `_NAMES`."""
    for key in _NAMES[name]:
        value = labels.get(f"{prefix}annotation_{sanitized(key)}")
        if value:
            return value
    return ""


class _Preparation:
    """Groups whose labels say what the annotations ask for."""

    def __init__(self, interval_ms: int, timeout_ms: int) -> None:
        self._interval_ms = interval_ms
        self._timeout_ms = timeout_ms

    def of_pod(self, group: Group) -> Group | None:
        shared = group.labels
        if not _wants(shared, _POD) or shared.get(_POD + "phase") in ("Succeeded", "Failed"):
            return None
        chosen = _chosen(group.targets, shared, _POD, _CONTAINER + "port_number", _CONTAINER + "port_name")
        asked = {**self._asked(shared, _POD), **_pod_contract(shared), "job": _pod_job(shared)}
        targets = [
            {**target, "container": target.get(_CONTAINER + "name", ""), **_own(asked)} for target in chosen
        ]
        return Group(targets, shared)

    def of_service(self, group: Group) -> Group | None:
        shared = group.labels
        if not _wants(shared, _SERVICE):
            return None
        name = "endpointslice_" if META + "endpointslice_name" in shared else "endpoint_"
        behind = [target for target in group.targets if not _wants(target, _POD)]
        ports = [target for target in behind if f"{META}{name}port_name" in target]
        number = META + "endpointslice_port" if name == "endpointslice_" else _CONTAINER + "port_number"
        chosen = _chosen(ports, shared, _SERVICE, number, f"{META}{name}port_name")
        service = shared.get(_SERVICE + "name", "")
        asked = {**self._asked(shared, _SERVICE), "service": service}
        asked["job"] = annotation(shared, _SERVICE, "job") or service
        return Group([{**target, **_contract(target, shared, name), **asked} for target in chosen], shared)

    def _asked(self, labels: Labels, prefix: str) -> dict[str, str]:
        """What the annotations say of the page and of the labels."""
        path, _, query = annotation(labels, prefix, "path").partition("?")
        asked = {
            PATH: path,
            SCHEME: annotation(labels, prefix, "scheme"),
            "instance": annotation(labels, prefix, "instance"),
            "source": annotation(labels, prefix, "source"),
            **{PARAM + name: value for name, value in parse_qsl(query)},
            **{PARAM + name: value for name, value in parse_qsl(annotation(labels, prefix, "param"))},
            **self._times(labels, prefix),
        }
        return {name: value for name, value in asked.items() if value}

    def _times(self, labels: Labels, prefix: str) -> dict[str, str]:
        """A shorter interval shortens the usual time-out too."""
        interval, timeout = annotation(labels, prefix, "interval"), annotation(labels, prefix, "timeout")
        if interval and not timeout:
            try:
                timeout = duration_text(min(self._timeout_ms, duration_ms(interval)))
            except ConfigError:
                timeout = ""  # the interval itself is reported when the target is made
        return {INTERVAL: interval, TIMEOUT: timeout}


def _own(asked: Labels) -> Labels:
    return {name: value for name, value in asked.items() if value}


def _wants(labels: Labels, prefix: str) -> bool:
    return annotation(labels, prefix, "scrape").lower() == "true"


def _chosen(
    targets: Sequence[Labels], shared: Labels, prefix: str, number: str, name: str
) -> Sequence[Labels]:
    """The endpoints that the annotations mean: of a container, a port, else those that look like metrics."""
    container, port_name = annotation(shared, prefix, "container"), annotation(shared, prefix, "port_name")
    port = annotation(shared, prefix, "port")
    if container:
        targets = [target for target in targets if target.get(_CONTAINER + "name") == container]
    if port_name:
        return [target for target in targets if target.get(name) == port_name]
    if port:
        return [t for t in targets if t.get(number) == port] or _elsewhere(targets, port)
    main = [target for target in targets if target.get(_CONTAINER + "init") != "true"]
    spoken = [target for target in main if target.get(name) and _names_metrics(target[name])]
    return spoken or [t for t in main if t.get(_CONTAINER + "port_protocol", "TCP") == "TCP"]


def _names_metrics(port_name: str) -> bool:
    return port_name == "metrics" or port_name.endswith(("-metrics", "-prom"))


def _elsewhere(targets: Sequence[Labels], port: str) -> list[Labels]:
    """A port that nothing declares: each address once, of a container only where there is one alone."""
    containers = {target.get(_CONTAINER + "name") for target in targets}
    hosts = {
        target[ADDRESS].rpartition("]")[0].lstrip("[") or _host(target[ADDRESS]): target for target in targets
    }
    declared = (_CONTAINER, META + "endpoint_port", META + "endpointslice_port")
    return [
        {
            **{name: value for name, value in target.items() if not name.startswith(declared)},
            **({_CONTAINER + "name": target.get(_CONTAINER + "name", "")} if len(containers) == 1 else {}),
            ADDRESS: joined(host, port),
        }
        for host, target in hosts.items()
    ]


def _host(address: str) -> str:
    return address if address.count(":") > 1 else address.partition(":")[0]


def _pod_contract(labels: Labels) -> dict[str, str]:
    return {
        "namespace": labels.get(NAMESPACE, ""),
        "pod": labels.get(_POD + "name", ""),
        "node": labels.get(_POD + "node_name", ""),
    }


def _contract(target: Labels, shared: Labels, name: str) -> dict[str, str]:
    is_node = target.get(f"{META}{name}address_target_kind") == "Node"
    node = target.get(f"{META}{name}address_target_name", "") if is_node else ""
    return {
        "namespace": shared.get(NAMESPACE, ""),
        "pod": target.get(_POD + "name", ""),
        "container": target.get(_CONTAINER + "name", ""),
        "node": target.get(_POD + "node_name", "") or node,
        "endpoint": target.get(f"{META}{name}port_name", ""),
    }


def _pod_job(labels: Labels) -> str:
    """The annotation, else the application's name, else the workload's, else the pod's."""
    named = annotation(labels, _POD, "job")
    apps = (labels.get(f"{_POD}label_{sanitized(key)}", "") for key in _APP_LABELS)
    controller = labels.get(_POD + "controller_name", "")
    if labels.get(_POD + "controller_kind") == "ReplicaSet":
        controller = _TEMPLATE_HASH.sub("", controller)
    return named or next(filter(None, apps), "") or controller or labels.get(_POD + "name", "")


def _refined(target: Target, prefix: str) -> Target:
    """What annotations say that no label can: the prefix of names, and how far a certificate is trusted."""
    found = target.found
    server_name = annotation(found, prefix, "server_name")
    insecure = annotation(found, prefix, "insecure").lower() == "true"
    if server_name or insecure:
        target = replace(target, trust=replace(target.trust, server_name=server_name, insecure=insecure))
    name_prefix = annotation(found, prefix, "prefix")
    if name_prefix:
        text = re.sub(r"[^a-zA-Z0-9_:]", "_", name_prefix).rstrip("_") + "_${1}"
        rule = Rule(source_labels=("__name__",), target_label="__name__", regex="(.+)", replacement=text)
        target = replace(target, rules=(*target.rules, rule))
    return target
