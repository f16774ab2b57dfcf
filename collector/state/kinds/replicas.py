"""What keeps a number of equal pods: replica sets and replication controllers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from collector.kube.change import Resource
from collector.state.kind import Spec, annotated, created, generation, kind, labelled, namespaced, one, owners
from collector.state.objects import Object, Part


class ReplicasSpec(Part, frozen=True, kw_only=True):
    """What is asked for."""

    replicas: int | None = None


class ReplicasStatus(Part, frozen=True, kw_only=True):
    """What there is."""

    replicas: int = 0
    fully_labeled_replicas: int = 0
    ready_replicas: int = 0
    available_replicas: int = 0
    terminating_replicas: int | None = None
    observed_generation: int = 0


class ReplicaSet(Object, frozen=True, kw_only=True):
    """A replica set, or a replication controller."""

    spec: ReplicasSpec = ReplicasSpec()
    status: ReplicasStatus = ReplicasStatus()


class ReplicationController(ReplicaSet, frozen=True, kw_only=True):
    """A replication controller."""


def _count(
    name: str, text: str, title: str, value: Callable[[ReplicasStatus], float | None]
) -> Spec[ReplicaSet]:
    return one(name, text.format(title), lambda item: value(item.status))


def _shared(title: str) -> tuple[Spec[ReplicaSet], ...]:
    return (
        created(),
        _count("status_replicas", "[STABLE] The number of replicas per {}.", title, lambda it: it.replicas),
        _count(
            "status_fully_labeled_replicas",
            "[STABLE] The number of fully labeled replicas per {}.",
            title,
            lambda it: it.fully_labeled_replicas,
        ),
        _count(
            "status_ready_replicas",
            "[STABLE] The number of ready replicas per {}.",
            title,
            lambda it: it.ready_replicas,
        ),
        _count(
            "status_observed_generation",
            "[STABLE] The generation observed by the {} controller.",
            title,
            lambda it: it.observed_generation,
        ),
        one(
            "spec_replicas",
            f"[STABLE] Number of desired pods for a {title}.",
            lambda item: item.spec.replicas,
        ),
        generation("[STABLE] Sequence number representing a specific generation of the desired state."),
    )


REPLICA_SETS: Final = kind(
    Resource("apps/v1", "replicasets", ReplicaSet),
    "replicaset",
    ("namespace", "replicaset"),
    namespaced,
    (
        *_shared("ReplicaSet"),
        _count(
            "status_terminating_replicas",
            "The number of terminating replicas per {}.",
            "ReplicaSet",
            lambda it: it.terminating_replicas,
        ),
        owners("[STABLE] Information about the ReplicaSet's owner."),
        annotated(),
        labelled(),
    ),
)
REPLICATION_CONTROLLERS: Final = kind(
    Resource("v1", "replicationcontrollers", ReplicationController),
    "replicationcontroller",
    ("namespace", "replicationcontroller"),
    namespaced,
    (
        *_shared("ReplicationController"),
        _count(
            "status_available_replicas",
            "[STABLE] The number of available replicas per {}.",
            "ReplicationController",
            lambda it: it.available_replicas,
        ),
        owners("Information about the ReplicationController's owner."),
    ),
)
