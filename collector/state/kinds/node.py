"""Nodes and their families."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from collector.kube.change import Resource
from collector.state.kind import (
    Row,
    annotated,
    created,
    deletion,
    info,
    kind,
    labelled,
    many,
    named,
    one,
    status_rows,
)
from collector.state.objects import Condition, Object, Part, Quantities
from collector.state.resources import resource_rows

_ROLE: Final = "node-role.kubernetes.io/"
_INFO: Final = (
    "kernel_version",
    "os_image",
    "container_runtime_version",
    "kubelet_version",
    "kubeproxy_version",
    "provider_id",
    "pod_cidr",
    "system_uuid",
    "internal_ip",
)


class Taint(Part, frozen=True, kw_only=True):
    """What keeps pods off the node."""

    key: str = ""
    value: str = ""
    effect: str = ""


class NodeSpec(Part, frozen=True, kw_only=True):
    """What is asked of a node."""

    unschedulable: bool = False
    provider_id: str = msgspec.field(name="providerID", default="")
    pod_cidr: str = msgspec.field(name="podCIDR", default="")
    pod_cidrs: list[str] | None = msgspec.field(name="podCIDRs", default=None)
    taints: list[Taint] | None = None


class NodeInfo(Part, frozen=True, kw_only=True):
    """What runs on a node."""

    kernel_version: str = ""
    os_image: str = ""
    container_runtime_version: str = ""
    kubelet_version: str = ""
    kube_proxy_version: str = ""
    system_uuid: str = msgspec.field(name="systemUUID", default="")


class Address(Part, frozen=True, kw_only=True):
    """One of a node's addresses."""

    type: str = ""
    address: str = ""


class NodeStatus(Part, frozen=True, kw_only=True):
    """What a node says of itself."""

    capacity: Quantities | None = None
    allocatable: Quantities | None = None
    conditions: list[Condition] | None = None
    addresses: list[Address] | None = None
    node_info: NodeInfo = NodeInfo()


class Node(Object, frozen=True, kw_only=True):
    """A node."""

    spec: NodeSpec = NodeSpec()
    status: NodeStatus = NodeStatus()


def _info(node: Node) -> tuple[str, ...]:
    about = node.status.node_info
    addresses = node.status.addresses or ()
    return (
        about.kernel_version,
        about.os_image,
        about.container_runtime_version,
        about.kubelet_version,
        # The field is no longer told; one value keeps series of old and new clusters alike.
        "deprecated",
        node.spec.provider_id,
        node.spec.pod_cidr,
        about.system_uuid,
        next((one_.address for one_ in addresses if one_.type == "InternalIP"), ""),
    )


def _roles(node: Node) -> Iterator[Row]:
    for key in node.metadata.labels:
        if key.startswith(_ROLE):
            yield (key.removeprefix(_ROLE),), 1.0


def _conditions(node: Node) -> Iterator[Row]:
    for found in node.status.conditions or ():
        yield from status_rows(found.status, found.type)


NODES: Final = kind(
    Resource("v1", "nodes", Node),
    "node",
    ("node",),
    named,
    (
        annotated(),
        created(),
        deletion(),
        info("info", "[STABLE] Information about a cluster node.", _INFO, _info),
        labelled(),
        many("role", "The role of a cluster node.", ("role",), _roles),
        many(
            "spec_pod_cidrs",
            "The pod CIDRs of a cluster node.",
            ("pod_cidr",),
            lambda node: [((cidr,), 1.0) for cidr in node.spec.pod_cidrs or ()],
        ),
        many(
            "spec_taint",
            "[STABLE] The taint of a cluster node.",
            ("key", "value", "effect"),
            lambda node: [((one_.key, one_.value, one_.effect), 1.0) for one_ in node.spec.taints or ()],
        ),
        one(
            "spec_unschedulable",
            "[STABLE] Whether a node can schedule new pods.",
            lambda node: float(node.spec.unschedulable),
        ),
        many(
            "status_allocatable",
            "[STABLE] The allocatable for different resources of a node that are available for scheduling.",
            ("resource", "unit"),
            lambda node: resource_rows(node.status.allocatable),
        ),
        many(
            "status_capacity",
            "[STABLE] The capacity for different resources of a node.",
            ("resource", "unit"),
            lambda node: resource_rows(node.status.capacity),
        ),
        many(
            "status_condition",
            "[STABLE] The condition of a cluster node.",
            ("condition", "status"),
            _conditions,
        ),
        many(
            "status_addresses",
            "Node address information.",
            ("type", "address"),
            lambda node: [((one_.type, one_.address), 1.0) for one_ in node.status.addresses or ()],
        ),
    ),
)
