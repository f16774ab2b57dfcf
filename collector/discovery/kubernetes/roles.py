"""The roles of `kubernetes_sd_configs`: which objects each needs, and how one becomes a group."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from collector.discovery.group import Group
from collector.discovery.kubernetes.endpoints import (
    SERVICE_NAME,
    Lookup,
    endpoints_group,
    node_labels,
    slice_group,
)
from collector.discovery.kubernetes.objects import (
    Endpoints,
    EndpointSlice,
    Ingress,
    Node,
    Pod,
    Reference,
    Service,
)
from collector.discovery.kubernetes.others import ingress_group, node_group, service_group
from collector.discovery.kubernetes.pods import pod_group

Key = tuple[str, str]
"""A kind and `namespace/name`; a node has its name alone."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A resource of the API."""

    group_version: str
    plural: str
    struct: type[msgspec.Struct]
    namespaced: bool = True


@dataclass(frozen=True, slots=True)
class Role:
    """kinds: what is watched, the first of them makes the groups. group: (object, lookup, with_nodes).

    references: the other objects that an object's group is made of, found again when one of them changes.
    """

    kinds: tuple[str, ...]
    group: Callable[[Any, Lookup, bool], Group]
    references: Callable[[Any], Iterator[Key]]


def object_key(item: Any) -> str:
    """`namespace/name`, or the name of what has no namespace."""
    metadata = item.metadata
    return f"{metadata.namespace}/{metadata.name}" if metadata.namespace else str(metadata.name)


def _pod(pod: Pod, lookup: Lookup, with_nodes: bool) -> Group:
    group = pod_group(pod)
    if not with_nodes:
        return group
    return Group(group.given, {**group.labels, **node_labels(pod.spec.node_name, lookup)})


def _of_pod(pod: Pod) -> Iterator[Key]:
    yield "node", pod.spec.node_name


def _of_endpoints(endpoints: Endpoints) -> Iterator[Key]:
    yield "service", object_key(endpoints)
    for subset in endpoints.subsets or ():
        for address in [*(subset.addresses or ()), *(subset.not_ready_addresses or ())]:
            yield from _of_reference(address.target_ref)
            yield "node", address.node_name or ""


def _of_slice(endpoint_slice: EndpointSlice) -> Iterator[Key]:
    metadata = endpoint_slice.metadata
    yield "service", f"{metadata.namespace}/{metadata.labels.get(SERVICE_NAME, '')}"
    for endpoint in endpoint_slice.endpoints or ():
        yield from _of_reference(endpoint.target_ref)
        yield "node", endpoint.node_name or ""


def _of_reference(reference: Reference | None) -> Iterator[Key]:
    if reference is not None and reference.kind == "Pod":
        yield "pod", f"{reference.namespace}/{reference.name}"
    if reference is not None and reference.kind == "Node":
        yield "node", reference.name


def _of_nothing(_: Any) -> Iterator[Key]:
    yield from ()


KINDS: Final[Mapping[str, Kind]] = {
    "node": Kind("v1", "nodes", Node, namespaced=False),
    "pod": Kind("v1", "pods", Pod),
    "service": Kind("v1", "services", Service),
    "endpoints": Kind("v1", "endpoints", Endpoints),
    "endpointslice": Kind("discovery.k8s.io/v1", "endpointslices", EndpointSlice),
    "ingress": Kind("networking.k8s.io/v1", "ingresses", Ingress),
}
ROLES: Final[Mapping[str, Role]] = {
    "node": Role(("node",), lambda node, _, __: node_group(node), _of_nothing),
    "pod": Role(("pod",), _pod, _of_pod),
    "service": Role(("service",), lambda service, _, __: service_group(service), _of_nothing),
    "endpoints": Role(("endpoints", "service", "pod"), endpoints_group, _of_endpoints),
    "endpointslice": Role(("endpointslice", "service", "pod"), slice_group, _of_slice),
    "ingress": Role(("ingress",), lambda ingress, _, __: ingress_group(ingress), _of_nothing),
}
