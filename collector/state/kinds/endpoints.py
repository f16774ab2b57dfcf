"""Endpoints and endpoint slices, and their families."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from collector.kube.change import Resource
from collector.state.kind import (
    Row,
    annotated,
    created,
    info,
    kind,
    labelled,
    many,
    namespaced,
    truth,
)
from collector.state.objects import Object, Part, Reference


class Port(Part, frozen=True, kw_only=True):
    """A port. Of a slice it may have no number: any port then."""

    name: str | None = None
    port: int | None = None
    protocol: str | None = None


class Address(Part, frozen=True, kw_only=True):
    """An address behind a service."""

    ip: str = ""


class Subset(Part, frozen=True, kw_only=True):
    """Addresses that have the same ports."""

    addresses: list[Address] | None = None
    not_ready_addresses: list[Address] | None = None
    ports: list[Port] | None = None


class Endpoints(Object, frozen=True, kw_only=True):
    """The addresses behind a service."""

    subsets: list[Subset] | None = None


class Conditions(Part, frozen=True, kw_only=True):
    """Whether an endpoint takes requests; None where nobody knows."""

    ready: bool | None = None
    serving: bool | None = None
    terminating: bool | None = None


class Hints(Part, frozen=True, kw_only=True):
    """The zones that should use an endpoint."""

    for_zones: list[Reference] | None = None


class Endpoint(Part, frozen=True, kw_only=True):
    """One endpoint of a slice."""

    addresses: list[str] | None = None
    conditions: Conditions = Conditions()
    hostname: str | None = None
    node_name: str | None = None
    zone: str | None = None
    target_ref: Reference | None = None
    hints: Hints | None = None


class EndpointSlice(Object, frozen=True, kw_only=True):
    """Some of the addresses behind a service."""

    address_type: str = msgspec.field(name="addressType", default="")
    endpoints: list[Endpoint] | None = None
    ports: list[Port] | None = None


_PORT: Final = ("port_name", "port_protocol", "port_number")


def _port(port: Port) -> tuple[str, str, str]:
    return (port.name or "", port.protocol or "", "" if port.port is None else str(port.port))


def _addresses(item: Endpoints) -> Iterator[Row]:
    for subset in item.subsets or ():
        ports = [_port(port) for port in subset.ports or ()] or [("", "", "")]
        for found, ready in ((subset.addresses, "true"), (subset.not_ready_addresses, "false")):
            for address in found or ():
                for port in ports:
                    yield (*port, address.ip, ready), 1.0


def _ports(item: Endpoints) -> list[Row]:
    return [(_port(port), 1.0) for subset in item.subsets or () for port in subset.ports or ()]


def _endpoints(item: EndpointSlice) -> Iterator[Row]:
    for one in item.endpoints or ():
        target = one.target_ref or Reference()
        state = one.conditions
        about = (
            truth(state.ready),
            truth(state.serving),
            truth(state.terminating),
            one.hostname or "",
            target.kind,
            target.name,
            target.namespace,
            one.node_name or "",
            one.zone or "",
        )
        for address in one.addresses or ():
            yield (address, *about), 1.0


def _hints(item: EndpointSlice) -> Iterator[Row]:
    for one in item.endpoints or ():
        first = (one.addresses or ("",))[0]
        for zone in (one.hints.for_zones if one.hints else None) or ():
            yield (first, zone.name), 1.0


ENDPOINTS: Final = kind(
    Resource("v1", "endpoints", Endpoints),
    "endpoint",
    ("namespace", "endpoint"),
    namespaced,
    (
        info("info", "[STABLE] Information about endpoint.", (), lambda _: ()),
        created(),
        annotated(),
        labelled(),
        many(
            "address",
            "[STABLE] Information about Endpoint available and non available addresses.",
            (*_PORT, "ip", "ready"),
            _addresses,
        ),
        many(
            "ports",
            "[STABLE] (Deprecated since v2.14.0) Information about the Endpoint ports.",
            _PORT,
            _ports,
        ),
    ),
)
ENDPOINT_SLICES: Final = kind(
    Resource("discovery.k8s.io/v1", "endpointslices", EndpointSlice),
    "endpointslice",
    ("namespace", "endpointslice"),
    namespaced,
    (
        info("info", "Information about endpointslice.", ("addresstype",), lambda item: (item.address_type,)),
        created("Unix creation timestamp"),
        many(
            "endpoints",
            "Endpoints attached to the endpointslice.",
            (
                "address",
                "ready",
                "serving",
                "terminating",
                "hostname",
                "targetref_kind",
                "targetref_name",
                "targetref_namespace",
                "nodename",
                "endpoint_zone",
            ),
            _endpoints,
        ),
        many(
            "endpoints_hints",
            "Topology routing hints attached to endpoints",
            ("address", "for_zone"),
            _hints,
        ),
        many(
            "ports",
            "Ports attached to the endpointslice.",
            _PORT,
            lambda item: [(_port(port), 1.0) for port in item.ports or ()],
        ),
        annotated(),
        labelled(is_stable=False),
    ),
)
