"""What changed in a cluster: nodes that come, go, change version or state; workloads with new images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from collector.kube.change import Change, Kind, Metadata, Resource
from collector.kube.happening import Happening

_NODE: Final = "kubernetes-node"
_WORKLOAD: Final = "kubernetes-rollout"


class _Part(msgspec.Struct, rename="camel", frozen=True):
    """Fields that the API leaves out have their defaults."""


class NodeInfo(_Part, frozen=True):
    """What a node runs."""

    kubelet_version: str = ""
    os_image: str = ""
    kernel_version: str = ""
    container_runtime_version: str = ""


class NodeCondition(_Part, frozen=True):
    """One condition of a node."""

    type: str = ""
    status: str = ""
    reason: str = ""


class NodeStatus(_Part, frozen=True):
    """What a node says of itself."""

    node_info: NodeInfo = NodeInfo()
    conditions: list[NodeCondition] | None = None


class NodeSpec(_Part, frozen=True):
    """What is asked of a node."""

    unschedulable: bool = False


class Node(_Part, frozen=True):
    """A node."""

    metadata: Metadata = Metadata()
    spec: NodeSpec = NodeSpec()
    status: NodeStatus = NodeStatus()


class Container(_Part, frozen=True):
    """A container of a template."""

    name: str = ""
    image: str = ""


class PodSpec(_Part, frozen=True):
    """What a workload's pods run."""

    containers: list[Container] = []


class Template(_Part, frozen=True):
    """How a workload makes its pods."""

    spec: PodSpec = PodSpec()


class WorkloadSpec(_Part, frozen=True):
    """What a workload asks for."""

    template: Template = Template()


class Workload(_Part, frozen=True):
    """A Deployment, StatefulSet or DaemonSet."""

    metadata: Metadata = Metadata()
    spec: WorkloadSpec = WorkloadSpec()


NODES: Final = Resource("v1", "nodes", Node)
WORKLOADS: Final = {
    "Deployment": Resource("apps/v1", "deployments", Workload),
    "StatefulSet": Resource("apps/v1", "statefulsets", Workload),
    "DaemonSet": Resource("apps/v1", "daemonsets", Workload),
}


@dataclass(slots=True)
class Compared:
    """Remembers of each object what `told` made of it, and gives happenings for what differs.

    told: what matters of an object. differ: (name, before, now, time in ms); before is None for one that
    came, now for one that went. Objects of the first list are where the comparing begins.
    """

    told: Callable[[Any], Any]
    differ: Callable[[str, Any, Any, int], list[Happening]]
    _known: dict[str, Any] = field(default_factory=dict)
    _is_listed: bool = False

    def take(self, change: Change[Any], now_ms: int) -> list[Happening]:
        """One step of the watch."""
        item = change.object
        if item is None:
            self._is_listed = True
            return []
        metadata = item.metadata
        name = f"{metadata.namespace}/{metadata.name}" if metadata.namespace else metadata.name
        before = self._known.get(name)
        now = None if change.kind is Kind.GONE else self.told(item)
        if now is None:
            self._known.pop(name, None)
        else:
            self._known[name] = now
        return self.differ(name, before, now, now_ms) if self._is_listed and before != now else []


def nodes() -> Compared:
    """Nodes: added, removed, upgraded, ready or not, cordoned or not."""
    return Compared(_of_node, _node_differs)


def workloads(kind: str) -> Compared:
    """Workloads of a kind: images that changed."""
    return Compared(
        lambda item: tuple((one.name, one.image) for one in item.spec.template.spec.containers),
        lambda name, before, now, at_ms: _images_differ(kind, name, before, now, at_ms),
    )


def version_changed(before: str, now: str, at_ms: int) -> Happening:
    """The control plane's version."""
    details = f"The API server runs {now}; it ran {before}."
    return Happening(f"Cluster upgraded to {now}", at_ms, "kubernetes-version", details=details)


def _of_node(node: Node) -> tuple[NodeInfo, str, bool]:
    ready = [one.status for one in node.status.conditions or () if one.type == "Ready"]
    return node.status.node_info, ready[0] if ready else "Unknown", node.spec.unschedulable


def _node_differs(name: str, before: Any, now: Any, at_ms: int) -> list[Happening]:
    def told(text: str, severity: str = "info", details: str = "") -> Happening:
        return Happening(f"{text}: {name}", at_ms, _NODE, severity, details, {"node": name}, name)

    if before is None:
        return [told("Node added", details=f"kubelet {now[0].kubelet_version}, {now[0].os_image}")]
    if now is None:
        return [told("Node removed", "warn")]
    found = [
        told("Node upgraded", details=f"{field}: {getattr(before[0], field)} -> {getattr(now[0], field)}")
        for field in NodeInfo.__struct_fields__
        if getattr(before[0], field) != getattr(now[0], field)
    ]
    if before[1] != now[1]:
        found.append(told("Node ready") if now[1] == "True" else told("Node not ready", "severe"))
    if before[2] != now[2]:
        found.append(told("Node cordoned" if now[2] else "Node uncordoned"))
    return found


def _images_differ(kind: str, name: str, before: Any, now: Any, at_ms: int) -> list[Happening]:
    if before is None or now is None:
        return []
    was = dict(before)
    lines = [f"{one}: {was.get(one, 'none')} -> {image}" for one, image in now if was.get(one) != image]
    if not lines:
        return []
    namespace, _, own = name.partition("/")
    annotations = {"namespace": namespace, "object": own, "object_kind": kind}
    return [Happening(f"Rollout: {kind} {name}", at_ms, _WORKLOAD, "info", "\n".join(lines), annotations)]
