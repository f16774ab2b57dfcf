"""Services and their families."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from collector.kube.change import Resource
from collector.state.kind import Row, annotated, created, deletion, info, kind, labelled, many
from collector.state.objects import Object, Part


class ServiceSpec(Part, frozen=True, kw_only=True):
    """What is asked for."""

    type: str = ""
    cluster_ip: str = msgspec.field(name="clusterIP", default="")
    external_name: str = ""
    external_traffic_policy: str = ""
    load_balancer_ip: str = msgspec.field(name="loadBalancerIP", default="")
    external_ips: list[str] | None = msgspec.field(name="externalIPs", default=None)


class Ingress(Part, frozen=True, kw_only=True):
    """An address that a load balancer gave."""

    ip: str = ""
    hostname: str = ""


class LoadBalancer(Part, frozen=True, kw_only=True):
    """What a load balancer gave."""

    ingress: list[Ingress] | None = None


class ServiceStatus(Part, frozen=True, kw_only=True):
    """What there is."""

    load_balancer: LoadBalancer | None = None


class Service(Object, frozen=True, kw_only=True):
    """A service."""

    spec: ServiceSpec = ServiceSpec()
    status: ServiceStatus = ServiceStatus()


def _info(item: Service) -> tuple[str, ...]:
    spec = item.spec
    return (spec.cluster_ip, spec.external_name, spec.load_balancer_ip, spec.external_traffic_policy)


def _ingress(item: Service) -> Iterable[Row]:
    given = item.status.load_balancer
    return [((one.ip, one.hostname), 1.0) for one in (given.ingress if given else None) or ()]


SERVICES: Final = kind(
    Resource("v1", "services", Service),
    "service",
    ("namespace", "service", "uid"),
    lambda item: (item.metadata.namespace, item.metadata.name, item.metadata.uid),
    (
        info(
            "info",
            "[STABLE] Information about service.",
            ("cluster_ip", "external_name", "load_balancer_ip", "external_traffic_policy"),
            _info,
        ),
        created(),
        info("spec_type", "[STABLE] Type about service.", ("type",), lambda item: (item.spec.type,)),
        annotated(),
        labelled(),
        many(
            "spec_external_ip",
            "[STABLE] Service external ips. One series for each ip",
            ("external_ip",),
            lambda item: [((ip,), 1.0) for ip in item.spec.external_ips or ()],
        ),
        many(
            "status_load_balancer_ingress",
            "[STABLE] Service load balancer ingress status",
            ("ip", "hostname"),
            _ingress,
        ),
        deletion(),
    ),
)
