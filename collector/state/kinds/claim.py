"""Persistent volume claims, and their families."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from collector.kube.change import Resource
from collector.state.kind import (
    Row,
    annotated,
    choice_rows,
    created,
    deletion,
    info,
    kind,
    labelled,
    many,
    namespaced,
    one,
    status_rows,
)
from collector.state.objects import Condition, Object, Part, Quantities
from collector.state.quantity import amount

_CLASS: Final = "volume.beta.kubernetes.io/storage-class"


class Resources(Part, frozen=True, kw_only=True):
    """How much is asked for."""

    requests: Quantities | None = None


class ClaimSpec(Part, frozen=True, kw_only=True):
    """What is asked for."""

    storage_class_name: str | None = None
    volume_name: str = ""
    volume_mode: str | None = None
    access_modes: list[str] | None = None
    resources: Resources | None = None


class ClaimStatus(Part, frozen=True, kw_only=True):
    """What became of it."""

    phase: str = ""
    conditions: list[Condition] | None = None


class Claim(Object, frozen=True, kw_only=True):
    """A claim."""

    spec: ClaimSpec = ClaimSpec()
    status: ClaimStatus = ClaimStatus()


def _info(item: Claim) -> tuple[str, ...]:
    spec = item.spec
    class_name = item.metadata.annotations.get(_CLASS) or spec.storage_class_name or ""
    return (class_name, spec.volume_name, spec.volume_mode or "")


def _requested(item: Claim) -> float | None:
    found = ((item.spec.resources.requests if item.spec.resources else None) or {}).get("storage")
    return None if found is None else amount(str(found))


def _conditions(item: Claim) -> Iterator[Row]:
    for found in item.status.conditions or ():
        yield from status_rows(found.status, found.type)


CLAIMS: Final = kind(
    Resource("v1", "persistentvolumeclaims", Claim),
    "persistentvolumeclaim",
    ("namespace", "persistentvolumeclaim"),
    namespaced,
    (
        labelled(),
        annotated(),
        info(
            "info",
            "[STABLE] Information about persistent volume claim.",
            ("storageclass", "volumename", "volumemode"),
            _info,
        ),
        many(
            "status_phase",
            "[STABLE] The phase the persistent volume claim is currently in.",
            ("phase",),
            lambda item: choice_rows(item.status.phase, ("Lost", "Bound", "Pending")),
        ),
        one(
            "resource_requests_storage_bytes",
            "[STABLE] The capacity of storage requested by the persistent volume claim.",
            _requested,
        ),
        many(
            "access_mode",
            "[STABLE] The access mode(s) specified by the persistent volume claim.",
            ("access_mode",),
            lambda item: [((mode,), 1.0) for mode in item.spec.access_modes or ()],
        ),
        many(
            "status_condition",
            "Information about status of different conditions of persistent volume claim.",
            ("type", "status"),
            _conditions,
        ),
        created("Unix creation timestamp"),
        deletion(),
    ),
)
