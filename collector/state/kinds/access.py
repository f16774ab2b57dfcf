"""Who may do what: roles, their bindings, service accounts; off by default."""

from __future__ import annotations

from typing import Final

from collector.kube.change import Resource
from collector.state.kind import (
    Kind,
    Spec,
    annotated,
    created,
    info,
    kind,
    labelled,
    many,
    named,
    namespaced,
    one,
    truth,
    version,
)
from collector.state.moment import moment
from collector.state.objects import Object, Reference

_GROUP: Final = "rbac.authorization.k8s.io/v1"


class Role(Object, frozen=True, kw_only=True):
    """A role, of a namespace or of the cluster."""


class Binding(Object, frozen=True, kw_only=True):
    """A role given to somebody."""

    role_ref: Reference = Reference()


class ServiceAccount(Object, frozen=True, kw_only=True):
    """A service account."""

    automount_service_account_token: bool | None = None
    secrets: list[Reference] | None = None
    image_pull_secrets: list[Reference] | None = None


def _roles(name: str, title: str, is_namespaced: bool) -> Kind[Role]:
    specs: tuple[Spec[Role], ...] = (
        annotated(),
        labelled(is_stable=False),
        info("info", f"Information about {title}.", (), lambda _: ()),
        created("Unix creation timestamp"),
        version(f"Resource version representing a specific version of the {title}."),
    )
    resource = Resource(_GROUP, f"{name}s", Role)
    if is_namespaced:
        return kind(resource, name, ("namespace", name), namespaced, specs, False)
    return kind(resource, name, (name,), named, specs, False)


def _bindings(name: str, title: str, is_namespaced: bool) -> Kind[Binding]:
    specs: tuple[Spec[Binding], ...] = (
        annotated(),
        labelled(is_stable=False),
        info(
            "info",
            f"Information about {title}.",
            ("roleref_kind", "roleref_name"),
            lambda item: (item.role_ref.kind, item.role_ref.name),
        ),
        created("Unix creation timestamp"),
        version(f"Resource version representing a specific version of the {title}."),
    )
    resource = Resource(_GROUP, f"{name}s", Binding)
    if is_namespaced:
        return kind(resource, name, ("namespace", name), namespaced, specs, False)
    return kind(resource, name, (name,), named, specs, False)


ROLES: Final = _roles("role", "role", True)
CLUSTER_ROLES: Final = _roles("clusterrole", "cluster role", False)
ROLE_BINDINGS: Final = _bindings("rolebinding", "rolebinding", True)
CLUSTER_ROLE_BINDINGS: Final = _bindings("clusterrolebinding", "clusterrolebinding", False)
SERVICE_ACCOUNTS: Final = kind(
    Resource("v1", "serviceaccounts", ServiceAccount),
    "serviceaccount",
    ("namespace", "serviceaccount", "uid"),
    lambda item: (item.metadata.namespace, item.metadata.name, item.metadata.uid),
    (
        info(
            "info",
            "Information about a service account",
            ("automount_token",),
            lambda item: (truth(item.automount_service_account_token),),
        ),
        created("Unix creation timestamp"),
        one("deleted", "Unix deletion timestamp", lambda item: moment(item.metadata.deletion_timestamp)),
        many(
            "secret",
            "Secret being referenced by a service account",
            ("name",),
            lambda item: [((each.name,), 1.0) for each in item.secrets or ()],
        ),
        many(
            "image_pull_secret",
            "Secret being referenced by a service account for the purpose of pulling images",
            ("name",),
            lambda item: [((each.name,), 1.0) for each in item.image_pull_secrets or ()],
        ),
        annotated(),
        labelled(is_stable=False),
    ),
    is_default=False,
)
