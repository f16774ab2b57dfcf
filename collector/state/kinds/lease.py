"""Leases, and their families."""

from __future__ import annotations

from typing import Final

from collector.kube.change import Owner, Resource
from collector.state.kind import Row, kind, many, namespaced, one
from collector.state.moment import moment
from collector.state.objects import Object, Part


class LeaseSpec(Part, frozen=True, kw_only=True):
    """Who holds it."""

    holder_identity: str | None = None
    renew_time: str | None = None


class Lease(Object, frozen=True, kw_only=True):
    """A lease."""

    spec: LeaseSpec = LeaseSpec()


def _owners(item: Lease) -> list[Row]:
    holder = item.spec.holder_identity or ""
    return [((one_.kind, one_.name, holder), 1.0) for one_ in item.metadata.owner_references or (Owner(),)]


LEASES: Final = kind(
    Resource("coordination.k8s.io/v1", "leases", Lease),
    "lease",
    ("namespace", "lease"),
    namespaced,
    (
        many(
            "owner",
            "Information about the Lease's owner.",
            ("owner_kind", "owner_name", "lease_holder"),
            _owners,
        ),
        one("renew_time", "Kube lease renew time.", lambda item: moment(item.spec.renew_time)),
    ),
)
