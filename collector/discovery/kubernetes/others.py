"""Services, ingresses and nodes as groups of targets."""

from __future__ import annotations

from collections.abc import Sequence

from collector.discovery.group import ADDRESS, Group
from collector.discovery.kubernetes.endpoints import service_labels
from collector.discovery.kubernetes.labels import META, NAMESPACE, joined, object_labels, sanitized
from collector.discovery.kubernetes.objects import Ingress, IngressRule, Node, Service, ServicePort

# The first of these that a node has is its address.
_NODE_ADDRESSES = ("InternalIP", "InternalDNS", "ExternalIP", "ExternalDNS", "LegacyHostIP", "Hostname")


def service_group(service: Service) -> Group:
    """A target for each port of a service, by its name in the cluster's DNS."""
    host = f"{service.metadata.name}.{service.metadata.namespace}.svc"
    targets = [
        {ADDRESS: joined(host, port.port), **_service_port(service, port)}
        for port in service.spec.ports or ()
    ]
    return Group(targets, service_labels(service))


def ingress_group(ingress: Ingress) -> Group:
    """A target for each path of each host of an ingress."""
    prefix, spec = META + "ingress_", ingress.spec
    secured = [host for tls in spec.tls or () for host in tls.hosts or ()]
    targets = []
    for rule in spec.rules or ():
        scheme = "https" if any(_covers(pattern, rule.host) for pattern in secured) else "http"
        own = {ADDRESS: rule.host, prefix + "scheme": scheme, prefix + "host": rule.host}
        targets += [{**own, prefix + "path": path} for path in _paths(rule)]
    labels = {NAMESPACE: ingress.metadata.namespace, **object_labels("ingress", ingress.metadata)}
    labels[prefix + "class_name"] = spec.ingress_class_name or ""
    return Group(targets, labels)


def node_group(node: Node) -> Group:
    """A node's kubelet; nothing while it has no address."""
    addresses: dict[str, str] = {}
    for address in node.status.addresses or ():
        addresses.setdefault(address.type, address.address)
    known = [addresses[kind] for kind in _NODE_ADDRESSES if kind in addresses]
    if not known:
        return Group()
    target = {
        ADDRESS: joined(known[0], node.status.daemon_endpoints.kubelet_endpoint.port),
        "instance": node.metadata.name,
        **{f"{META}node_address_{sanitized(kind)}": value for kind, value in addresses.items()},
    }
    labels = object_labels("node", node.metadata)
    labels[META + "node_provider_id"] = node.spec.provider_id
    return Group([target], labels)


def _service_port(service: Service, port: ServicePort) -> dict[str, str]:
    prefix, spec = META + "service_", service.spec
    labels = {
        prefix + "port_name": port.name,
        prefix + "port_number": str(port.port),
        prefix + "port_protocol": port.protocol,
        prefix + "type": spec.type,
    }
    if spec.type == "ExternalName":
        labels[prefix + "external_name"] = spec.external_name
    else:
        labels[prefix + "cluster_ip"] = spec.cluster_ip
    if spec.type == "LoadBalancer":
        labels[prefix + "loadbalancer_ip"] = spec.load_balancer_ip
    return labels


def _paths(rule: IngressRule) -> Sequence[str]:
    return [path.path or "/" for path in rule.http.paths] if rule.http else ["/"]


def _covers(pattern: str, host: str) -> bool:
    """Whether a certificate's host is this one, `*` standing for its first part."""
    first, _, rest = pattern.partition(".")
    return pattern == host or (first == "*" and host.partition(".")[2] == rest and "." in host)
