"""Daemon sets and their families."""

from __future__ import annotations

from typing import Final

from collector.kube.change import Resource
from collector.state.kind import annotated, created, deletion, generation, kind, labelled, namespaced, one
from collector.state.objects import Object, Part


class DaemonSetStatus(Part, frozen=True, kw_only=True):
    """How many nodes run what they should."""

    current_number_scheduled: int = 0
    desired_number_scheduled: int = 0
    number_available: int = 0
    number_misscheduled: int = 0
    number_ready: int = 0
    number_unavailable: int = 0
    observed_generation: int = 0
    updated_number_scheduled: int = 0


class DaemonSet(Object, frozen=True, kw_only=True):
    """A daemon set."""

    status: DaemonSetStatus = DaemonSetStatus()


_RUNNING: Final = "[STABLE] The number of nodes that should be running the daemon pod and have"

DAEMON_SETS: Final = kind(
    Resource("apps/v1", "daemonsets", DaemonSet),
    "daemonset",
    ("namespace", "daemonset"),
    namespaced,
    (
        created(),
        one(
            "status_current_number_scheduled",
            "[STABLE] The number of nodes running at least one daemon pod and are supposed to.",
            lambda item: item.status.current_number_scheduled,
        ),
        one(
            "status_desired_number_scheduled",
            "[STABLE] The number of nodes that should be running the daemon pod.",
            lambda item: item.status.desired_number_scheduled,
        ),
        one(
            "status_number_available",
            f"{_RUNNING} one or more of the daemon pod running and available",
            lambda item: item.status.number_available,
        ),
        one(
            "status_number_misscheduled",
            "[STABLE] The number of nodes running a daemon pod but are not supposed to.",
            lambda item: item.status.number_misscheduled,
        ),
        one(
            "status_number_ready",
            f"{_RUNNING} one or more of the daemon pod running and ready.",
            lambda item: item.status.number_ready,
        ),
        one(
            "status_number_unavailable",
            f"{_RUNNING} none of the daemon pod running and available",
            lambda item: item.status.number_unavailable,
        ),
        one(
            "status_observed_generation",
            "[STABLE] The most recent generation observed by the daemon set controller.",
            lambda item: item.status.observed_generation,
        ),
        one(
            "status_updated_number_scheduled",
            "[STABLE] The total number of nodes that are running updated daemon pod",
            lambda item: item.status.updated_number_scheduled,
        ),
        generation("[STABLE] Sequence number representing a specific generation of the desired state."),
        deletion(),
        annotated(),
        labelled(),
    ),
)
