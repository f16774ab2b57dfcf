"""Endpoints and EndpointSlices as groups of targets, with their service, pods and nodes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from collector.discovery.group import ADDRESS, Group, Targets
from collector.discovery.kubernetes.labels import META, NAMESPACE, joined, marked, object_labels
from collector.discovery.kubernetes.objects import (
    Address,
    Endpoint,
    EndpointPort,
    Endpoints,
    EndpointSlice,
    Pod,
    Reference,
    Service,
)
from collector.discovery.kubernetes.pods import (
    containers,
    endpoint_container_labels,
    further_targets,
    pod_labels,
)

SERVICE_NAME = "kubernetes.io/service-name"
Lookup = Callable[[str, str], Any]
"""(kind, key) -> the object, None where it is not known."""


def endpoints_group(endpoints: Endpoints, lookup: Lookup, with_nodes: bool) -> Group:
    """The targets of an Endpoints object."""
    metadata = endpoints.metadata
    labels = {NAMESPACE: metadata.namespace, **object_labels("endpoints", metadata)}
    service = lookup("service", f"{metadata.namespace}/{metadata.name}")
    made = partial(_endpoints_targets, endpoints, lookup, with_nodes)
    return Group(made, {**labels, **service_labels(service)})


def _endpoints_targets(endpoints: Endpoints, lookup: Lookup, with_nodes: bool) -> Targets:
    behind = _Behind(lookup, with_nodes)
    for port, address, ready in _addresses(endpoints):
        labels = {ADDRESS: joined(address.ip, port.port or 0), **_endpoint_labels(address, port, ready)}
        behind.add(labels, port.port, address.target_ref, address.node_name)
    return behind.finish()


def slice_group(endpoint_slice: EndpointSlice, lookup: Lookup, with_nodes: bool) -> Group:
    """The targets of an EndpointSlice."""
    metadata = endpoint_slice.metadata
    labels = {NAMESPACE: metadata.namespace, **object_labels("endpointslice", metadata)}
    labels[META + "endpointslice_address_type"] = endpoint_slice.address_type
    service = lookup("service", f"{metadata.namespace}/{metadata.labels.get(SERVICE_NAME, '')}")
    made = partial(_slice_targets, endpoint_slice, lookup, with_nodes)
    return Group(made, {**labels, **service_labels(service)})


def _slice_targets(endpoint_slice: EndpointSlice, lookup: Lookup, with_nodes: bool) -> Targets:
    behind = _Behind(lookup, with_nodes)
    for endpoint in endpoint_slice.endpoints or ():
        labels = _slice_endpoint_labels(endpoint)
        for port in endpoint_slice.ports or ():
            for ip in endpoint.addresses:
                address = ip if port.port is None else joined(ip, port.port)
                own = {ADDRESS: address, **labels, **_slice_port_labels(port)}
                behind.add(own, port.port, endpoint.target_ref, endpoint.node_name)
    return behind.finish()


def service_labels(service: Service | None) -> dict[str, str]:
    """What all targets of a service share; nothing where it is not known."""
    if service is None:
        return {}
    return {NAMESPACE: service.metadata.namespace, **object_labels("service", service.metadata)}


def node_labels(name: str | None, lookup: Lookup) -> dict[str, str]:
    """What a node adds to the targets on it."""
    node = lookup("node", name) if name else None
    if node is None:
        return {}
    return object_labels("node", node.metadata)


@dataclass(slots=True)
class _Behind:
    """The pods behind endpoints: they add their labels, and targets for ports that no endpoint names."""

    lookup: Lookup
    with_nodes: bool
    targets: list[Mapping[str, str]] = field(default_factory=list)
    pods: dict[str, tuple[Pod, set[int]]] = field(default_factory=dict)

    def add(
        self, labels: dict[str, str], port: int | None, reference: Reference | None, node: str | None
    ) -> None:
        if self.with_nodes:
            behind_node = reference.name if reference and reference.kind == "Node" else node
            labels |= node_labels(behind_node, self.lookup)
        pod = self._pod(reference)
        if pod is not None:
            _, ports = self.pods.setdefault(f"{pod.metadata.namespace}/{pod.metadata.name}", (pod, set()))
            if port is not None:
                ports.add(port)
            labels |= {**pod_labels(pod), **_container_behind(pod, port)}
        self.targets.append(labels)

    def finish(self) -> list[Mapping[str, str]]:
        """All targets."""
        more = [target for pod, ports in self.pods.values() for target in further_targets(pod, ports)]
        return [*self.targets, *more]

    def _pod(self, reference: Reference | None) -> Pod | None:
        if reference is None or reference.kind != "Pod":
            return None
        pod = self.lookup("pod", f"{reference.namespace}/{reference.name}")
        return pod if isinstance(pod, Pod) else None


def _container_behind(pod: Pod, port: int | None) -> dict[str, str]:
    """The last container that declares the port wins, and its first such port."""
    labels: dict[str, str] = {}
    for container, is_init in containers(pod):
        for declared in container.ports or ():
            if declared.container_port == port:
                labels = endpoint_container_labels(container, declared, is_init)
                break
    return labels


def _addresses(endpoints: Endpoints) -> Iterator[tuple[EndpointPort, Address, str]]:
    for subset in endpoints.subsets or ():
        for port in subset.ports or ():
            yield from ((port, address, "true") for address in subset.addresses or ())
            yield from ((port, address, "false") for address in subset.not_ready_addresses or ())


def _endpoint_labels(address: Address, port: EndpointPort, ready: str) -> dict[str, str]:
    reference = address.target_ref or Reference()
    return {
        META + "endpoint_port_name": port.name or "",
        META + "endpoint_port_protocol": port.protocol or "",
        META + "endpoint_ready": ready,
        META + "endpoint_address_target_kind": reference.kind,
        META + "endpoint_address_target_name": reference.name,
        META + "endpoint_node_name": address.node_name or "",
        META + "endpoint_hostname": address.hostname,
    }


def _slice_endpoint_labels(endpoint: Endpoint) -> dict[str, str]:
    prefix = META + "endpointslice_"
    reference, conditions = endpoint.target_ref or Reference(), endpoint.conditions
    return {
        prefix + "endpoint_conditions_ready": _flag(conditions.ready),
        prefix + "endpoint_conditions_serving": _flag(conditions.serving),
        prefix + "endpoint_conditions_terminating": _flag(conditions.terminating),
        prefix + "endpoint_hostname": endpoint.hostname or "",
        prefix + "endpoint_node_name": endpoint.node_name or "",
        prefix + "endpoint_zone": endpoint.zone or "",
        prefix + "address_target_kind": reference.kind,
        prefix + "address_target_name": reference.name,
        **marked(prefix + "endpoint_topology", endpoint.deprecated_topology or {}),
    }


def _slice_port_labels(port: EndpointPort) -> dict[str, str]:
    prefix = META + "endpointslice_port"
    return {
        prefix: "" if port.port is None else str(port.port),
        prefix + "_name": port.name or "",
        prefix + "_protocol": port.protocol or "",
        prefix + "_app_protocol": port.app_protocol or "",
    }


def _flag(value: bool | None) -> str:
    return "" if value is None else str(value).lower()
