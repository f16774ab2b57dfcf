"""Pods as groups of targets: one for each port of each container, one for a container without ports."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from collector.discovery.group import ADDRESS, Group, Targets
from collector.discovery.kubernetes.labels import META, NAMESPACE, joined, object_labels
from collector.discovery.kubernetes.objects import Container, ContainerPort, Pod

_POD = META + "pod_"
_CONTAINER = _POD + "container_"


def pod_group(pod: Pod) -> Group:
    """The targets of a pod; none while it has no address."""
    if not pod.status.pod_ip:
        return Group()
    return Group(lambda: _targets(pod), {NAMESPACE: pod.metadata.namespace, **pod_labels(pod)})


def _targets(pod: Pod) -> Targets:
    targets = []
    for container, is_init in containers(pod):
        own = container_labels(pod, container, is_init)
        ip = pod.status.pod_ip
        if not container.ports:
            targets.append({ADDRESS: ip, **own})
        targets += [
            {ADDRESS: joined(ip, port.container_port), **own, **port_labels(port)}
            for port in container.ports or ()
        ]
    return targets


def pod_labels(pod: Pod) -> dict[str, str]:
    """What all of a pod's targets share."""
    labels = object_labels("pod", pod.metadata)
    conditions = {condition.type: condition.status for condition in pod.status.conditions or ()}
    labels |= {
        _POD + "ip": pod.status.pod_ip,
        _POD + "ready": conditions.get("Ready", "Unknown").lower(),
        _POD + "phase": pod.status.phase,
        _POD + "node_name": pod.spec.node_name,
        _POD + "host_ip": pod.status.host_ip,
        _POD + "uid": pod.metadata.uid,
    }
    for owner in pod.metadata.owner_references:
        if owner.controller:
            labels |= {_POD + "controller_kind": owner.kind, _POD + "controller_name": owner.name}
    return labels


def containers(pod: Pod) -> Iterator[tuple[Container, bool]]:
    """Each container, and whether it is one that starts before the others."""
    yield from ((container, False) for container in pod.spec.containers)
    yield from ((container, True) for container in pod.spec.init_containers)


def container_labels(pod: Pod, container: Container, is_init: bool) -> dict[str, str]:
    """What a container's targets share."""
    statuses = pod.status.init_container_statuses if is_init else pod.status.container_statuses
    ids = [status.container_id for status in statuses or () if status.name == container.name]
    return {
        _CONTAINER + "name": container.name,
        _CONTAINER + "id": ids[0] if ids else "",
        _CONTAINER + "image": container.image,
        _CONTAINER + "init": "true" if is_init else "false",
    }


def port_labels(port: ContainerPort) -> dict[str, str]:
    """What a port says."""
    return {
        _CONTAINER + "port_name": port.name,
        _CONTAINER + "port_number": str(port.container_port),
        _CONTAINER + "port_protocol": port.protocol,
    }


def endpoint_container_labels(container: Container, port: ContainerPort, is_init: bool) -> dict[str, str]:
    """What an endpoint's target says of the container behind it."""
    return {
        _CONTAINER + "name": container.name,
        _CONTAINER + "image": container.image,
        _CONTAINER + "init": "true" if is_init else "false",
        **port_labels(port),
    }


def further_targets(pod: Pod, covered: Collection[int]) -> list[dict[str, str]]:
    """Targets for declared ports that no endpoint covers."""
    if not pod.status.pod_ip:
        return []
    shared = pod_labels(pod)
    return [
        {
            ADDRESS: joined(pod.status.pod_ip, port.container_port),
            **endpoint_container_labels(container, port, is_init),
            **shared,
        }
        for container, is_init in containers(pod)
        for port in container.ports or ()
        if port.container_port not in covered
    ]
