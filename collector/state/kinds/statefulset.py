"""Stateful sets and their families."""

from __future__ import annotations

from typing import Final

from collector.kube.change import Resource
from collector.state.kind import (
    annotated,
    created,
    deletion,
    generation,
    info,
    kind,
    labelled,
    namespaced,
    one,
)
from collector.state.objects import Object, Part


class Ordinals(Part, frozen=True, kw_only=True):
    """The number of the first pod."""

    start: int = 0


class Retention(Part, frozen=True, kw_only=True):
    """What becomes of claims."""

    when_deleted: str = ""
    when_scaled: str = ""


class StatefulSetSpec(Part, frozen=True, kw_only=True):
    """What is asked for."""

    replicas: int | None = None
    ordinals: Ordinals | None = None
    persistent_volume_claim_retention_policy: Retention | None = None


class StatefulSetStatus(Part, frozen=True, kw_only=True):
    """What there is."""

    replicas: int = 0
    available_replicas: int = 0
    current_replicas: int = 0
    ready_replicas: int = 0
    updated_replicas: int = 0
    observed_generation: int = 0
    current_revision: str = ""
    update_revision: str = ""


class StatefulSet(Object, frozen=True, kw_only=True):
    """A stateful set."""

    spec: StatefulSetSpec = StatefulSetSpec()
    status: StatefulSetStatus = StatefulSetStatus()


def _retention(item: StatefulSet) -> tuple[str, ...] | None:
    found = item.spec.persistent_volume_claim_retention_policy
    return (found.when_deleted, found.when_scaled) if found else None


STATEFUL_SETS: Final = kind(
    Resource("apps/v1", "statefulsets", StatefulSet),
    "statefulset",
    ("namespace", "statefulset"),
    namespaced,
    (
        created(),
        one(
            "status_replicas",
            "[STABLE] The number of replicas per StatefulSet.",
            lambda item: item.status.replicas,
        ),
        one(
            "status_replicas_available",
            "[STABLE] The number of available replicas per StatefulSet.",
            lambda item: item.status.available_replicas,
        ),
        one(
            "status_replicas_current",
            "[STABLE] The number of current replicas per StatefulSet.",
            lambda item: item.status.current_replicas,
        ),
        one(
            "status_replicas_ready",
            "[STABLE] The number of ready replicas per StatefulSet.",
            lambda item: item.status.ready_replicas,
        ),
        one(
            "status_replicas_updated",
            "[STABLE] The number of updated replicas per StatefulSet.",
            lambda item: item.status.updated_replicas,
        ),
        one(
            "status_observed_generation",
            "[STABLE] The generation observed by the StatefulSet controller.",
            lambda item: item.status.observed_generation,
        ),
        one(
            "replicas",
            "[STABLE] Number of desired pods for a StatefulSet.",
            lambda item: item.spec.replicas,
        ),
        one(
            "ordinals_start",
            "[STABLE] Start ordinal of the StatefulSet.",
            lambda item: item.spec.ordinals.start if item.spec.ordinals else None,
        ),
        generation(
            "[STABLE] Sequence number representing a specific generation of the desired state for the "
            "StatefulSet."
        ),
        info(
            "persistentvolumeclaim_retention_policy",
            "[STABLE] Count of retention policy for StatefulSet template PVCs",
            ("when_deleted", "when_scaled"),
            _retention,
        ),
        info(
            "status_current_revision",
            "[STABLE] Indicates the version of the StatefulSet used to generate Pods in the sequence "
            "[0,currentReplicas).",
            ("revision",),
            lambda item: (item.status.current_revision,),
        ),
        info(
            "status_update_revision",
            "[STABLE] Indicates the version of the StatefulSet used to generate Pods in the sequence "
            "[replicas-updatedReplicas,replicas)",
            ("revision",),
            lambda item: (item.status.update_revision,),
        ),
        deletion("[STABLE] Unix deletion timestamp"),
        annotated(is_stable=True),
        labelled(),
    ),
)
