"""Ingresses and their classes, and their families."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from collector.kube.change import Resource
from collector.state.kind import (
    Row,
    annotated,
    created,
    info,
    kind,
    labelled,
    many,
    named,
    namespaced,
    version,
)
from collector.state.objects import Object, Part

_CLASS: Final = "kubernetes.io/ingress.class"


class Port(Part, frozen=True, kw_only=True):
    """A service's port, by name or by number."""

    name: str = ""
    number: int = 0


class Service(Part, frozen=True, kw_only=True):
    """A service that takes requests."""

    name: str = ""
    port: Port = Port()


class Other(Part, frozen=True, kw_only=True):
    """Another object that takes requests."""

    api_group: str | None = None
    kind: str = ""
    name: str = ""


class Backend(Part, frozen=True, kw_only=True):
    """Who takes requests: a service or another object."""

    service: Service | None = None
    resource: Other | None = None


class Path(Part, frozen=True, kw_only=True):
    """A path and who takes its requests."""

    path: str = ""
    path_type: str | None = None
    backend: Backend = Backend()


class Paths(Part, frozen=True, kw_only=True):
    """The paths of a host."""

    paths: list[Path] | None = None


class Rule(Part, frozen=True, kw_only=True):
    """A host and its paths."""

    host: str = ""
    http: Paths | None = None


class Tls(Part, frozen=True, kw_only=True):
    """Hosts and the secret with their certificate."""

    hosts: list[str] | None = None
    secret_name: str = ""


class IngressSpec(Part, frozen=True, kw_only=True):
    """What is asked for."""

    ingress_class_name: str | None = None
    rules: list[Rule] | None = None
    tls: list[Tls] | None = None


class Ingress(Object, frozen=True, kw_only=True):
    """An ingress."""

    spec: IngressSpec = IngressSpec()


class IngressClassSpec(Part, frozen=True, kw_only=True):
    """Who serves ingresses of a class."""

    controller: str = ""


class IngressClass(Object, frozen=True, kw_only=True):
    """A class of ingresses."""

    spec: IngressClassSpec = IngressClassSpec()


def _class(item: Ingress) -> tuple[str]:
    return (item.spec.ingress_class_name or item.metadata.annotations.get(_CLASS) or "_default",)


def _backend(backend: Backend) -> tuple[str, ...]:
    if backend.service is not None:
        port = backend.service.port
        return (backend.service.name, port.name or str(port.number), "", "", "")
    other = backend.resource or Other()
    return ("", "", other.api_group or "", other.kind, other.name)


def _paths(item: Ingress) -> Iterator[Row]:
    for rule in item.spec.rules or ():
        for path in (rule.http.paths if rule.http else None) or ():
            yield (rule.host, path.path, path.path_type or "", *_backend(path.backend)), 1.0


def _tls(item: Ingress) -> Iterator[Row]:
    for one in item.spec.tls or ():
        for host in one.hosts or ():
            yield (host, one.secret_name), 1.0


INGRESSES: Final = kind(
    Resource("networking.k8s.io/v1", "ingresses", Ingress),
    "ingress",
    ("namespace", "ingress"),
    namespaced,
    (
        annotated(),
        labelled(),
        info("info", "[STABLE] Information about ingress.", ("ingressclass",), _class),
        created(),
        version("Resource version representing a specific version of ingress."),
        many(
            "path",
            "[STABLE] Ingress host, paths and backend service information.",
            (
                "host",
                "path",
                "path_type",
                "service_name",
                "service_port",
                "resource_api_group",
                "resource_kind",
                "resource_name",
            ),
            _paths,
        ),
        many("tls", "[STABLE] Ingress TLS host and secret information.", ("tls_host", "secret"), _tls),
    ),
)
INGRESS_CLASSES: Final = kind(
    Resource("networking.k8s.io/v1", "ingressclasses", IngressClass),
    "ingressclass",
    ("ingressclass",),
    named,
    (
        annotated(),
        info(
            "info", "Information about ingressclass.", ("controller",), lambda item: (item.spec.controller,)
        ),
        labelled(is_stable=False),
        created("Unix creation timestamp"),
    ),
    is_default=False,
)
