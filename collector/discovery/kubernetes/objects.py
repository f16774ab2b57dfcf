"""The fields of Kubernetes's objects that targets are made of."""

from __future__ import annotations

import msgspec

from collector.kube.change import Metadata


class _Object(msgspec.Struct, rename="camel", frozen=True, kw_only=True):
    """Fields that the API leaves out have their defaults, as Go's zero values."""


class ContainerPort(_Object, frozen=True, kw_only=True):
    """A port that a container declares."""

    name: str = ""
    container_port: int = 0
    protocol: str = "TCP"


class Container(_Object, frozen=True, kw_only=True):
    """A container as the pod asks for it. restart_policy: `Always` for one that starts before the others."""

    name: str = ""
    image: str = ""
    ports: list[ContainerPort] | None = None
    restart_policy: str = ""


class PodSpec(_Object, frozen=True, kw_only=True):
    """What a pod asks for."""

    node_name: str = ""
    containers: list[Container] = []
    init_containers: list[Container] = []


class Condition(_Object, frozen=True, kw_only=True):
    """One condition of a pod."""

    type: str = ""
    status: str = ""


class ContainerStatus(_Object, frozen=True, kw_only=True):
    """What became of a container."""

    name: str = ""
    container_id: str = msgspec.field(name="containerID", default="")


class PodStatus(_Object, frozen=True, kw_only=True):
    """What became of a pod."""

    phase: str = ""
    pod_ip: str = msgspec.field(name="podIP", default="")
    host_ip: str = msgspec.field(name="hostIP", default="")
    conditions: list[Condition] | None = None
    container_statuses: list[ContainerStatus] | None = None
    init_container_statuses: list[ContainerStatus] | None = None


class Pod(_Object, frozen=True, kw_only=True):
    """A pod."""

    metadata: Metadata = Metadata()
    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()


class ServicePort(_Object, frozen=True, kw_only=True):
    """A port of a service."""

    name: str = ""
    port: int = 0
    protocol: str = "TCP"


class ServiceSpec(_Object, frozen=True, kw_only=True):
    """What a service asks for."""

    type: str = ""
    cluster_ip: str = msgspec.field(name="clusterIP", default="")
    external_name: str = ""
    load_balancer_ip: str = msgspec.field(name="loadBalancerIP", default="")
    ports: list[ServicePort] | None = None


class Service(_Object, frozen=True, kw_only=True):
    """A service."""

    metadata: Metadata = Metadata()
    spec: ServiceSpec = ServiceSpec()


class Reference(_Object, frozen=True, kw_only=True):
    """The object behind an endpoint."""

    kind: str = ""
    name: str = ""
    namespace: str = ""


class Address(_Object, frozen=True, kw_only=True):
    """One address of an Endpoints object."""

    ip: str = ""
    hostname: str = ""
    node_name: str | None = None
    target_ref: Reference | None = None


class EndpointPort(_Object, frozen=True, kw_only=True):
    """A port of Endpoints, or of an EndpointSlice, where None means every port."""

    name: str | None = None
    port: int | None = None
    protocol: str | None = None
    app_protocol: str | None = None


class Subset(_Object, frozen=True, kw_only=True):
    """Addresses that have the same ports."""

    addresses: list[Address] | None = None
    not_ready_addresses: list[Address] | None = None
    ports: list[EndpointPort] | None = None


class Endpoints(_Object, frozen=True, kw_only=True):
    """What stands behind a service, in one object."""

    metadata: Metadata = Metadata()
    subsets: list[Subset] | None = None


class Conditions(_Object, frozen=True, kw_only=True):
    """What is known of an endpoint of a slice; None is unknown."""

    ready: bool | None = None
    serving: bool | None = None
    terminating: bool | None = None


class Endpoint(_Object, frozen=True, kw_only=True):
    """One endpoint of a slice."""

    addresses: list[str] = []
    conditions: Conditions = Conditions()
    hostname: str | None = None
    node_name: str | None = None
    zone: str | None = None
    target_ref: Reference | None = None
    deprecated_topology: dict[str, str] | None = None


class EndpointSlice(_Object, frozen=True, kw_only=True):
    """A part of what stands behind a service."""

    metadata: Metadata = Metadata()
    address_type: str = ""
    endpoints: list[Endpoint] | None = None
    ports: list[EndpointPort] | None = None


class NodeAddress(_Object, frozen=True, kw_only=True):
    """One address of a node."""

    type: str = ""
    address: str = ""


class KubeletEndpoint(_Object, frozen=True, kw_only=True):
    """The kubelet's port."""

    port: int = msgspec.field(name="Port", default=0)


class DaemonEndpoints(_Object, frozen=True, kw_only=True):
    """Ports of a node's own programs."""

    kubelet_endpoint: KubeletEndpoint = KubeletEndpoint()


class NodeSpec(_Object, frozen=True, kw_only=True):
    """What is set about a node."""

    provider_id: str = msgspec.field(name="providerID", default="")


class NodeStatus(_Object, frozen=True, kw_only=True):
    """What a node says of itself."""

    addresses: list[NodeAddress] | None = None
    daemon_endpoints: DaemonEndpoints = DaemonEndpoints()


class Node(_Object, frozen=True, kw_only=True):
    """A node."""

    metadata: Metadata = Metadata()
    spec: NodeSpec = NodeSpec()
    status: NodeStatus = NodeStatus()


class IngressPath(_Object, frozen=True, kw_only=True):
    """A path of a rule."""

    path: str = ""


class IngressHttp(_Object, frozen=True, kw_only=True):
    """The paths of a rule."""

    paths: list[IngressPath] = []


class IngressRule(_Object, frozen=True, kw_only=True):
    """What one host serves."""

    host: str = ""
    http: IngressHttp | None = None


class IngressTls(_Object, frozen=True, kw_only=True):
    """Hosts that have a certificate."""

    hosts: list[str] | None = None


class IngressSpec(_Object, frozen=True, kw_only=True):
    """What an ingress asks for."""

    ingress_class_name: str | None = None
    rules: list[IngressRule] | None = None
    tls: list[IngressTls] | None = None


class Ingress(_Object, frozen=True, kw_only=True):
    """An ingress."""

    metadata: Metadata = Metadata()
    spec: IngressSpec = IngressSpec()
