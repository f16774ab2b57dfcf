"""Pod disruption budgets, and their families."""

from __future__ import annotations

from typing import Final

from collector.kube.change import Resource
from collector.state.kind import annotated, created, deletion, kind, labelled, namespaced, one
from collector.state.objects import Object, Part


class BudgetStatus(Part, frozen=True, kw_only=True):
    """What there is."""

    current_healthy: int = 0
    desired_healthy: int = 0
    disruptions_allowed: int = 0
    expected_pods: int = 0
    observed_generation: int = 0


class Budget(Object, frozen=True, kw_only=True):
    """A budget."""

    status: BudgetStatus = BudgetStatus()


BUDGETS: Final = kind(
    Resource("policy/v1", "poddisruptionbudgets", Budget),
    "poddisruptionbudget",
    ("namespace", "poddisruptionbudget"),
    namespaced,
    (
        annotated(),
        labelled(is_stable=False),
        created(),
        one(
            "status_current_healthy",
            "[STABLE] Current number of healthy pods",
            lambda item: item.status.current_healthy,
        ),
        one(
            "status_desired_healthy",
            "[STABLE] Minimum desired number of healthy pods",
            lambda item: item.status.desired_healthy,
        ),
        one(
            "status_pod_disruptions_allowed",
            "[STABLE] Number of pod disruptions that are currently allowed",
            lambda item: item.status.disruptions_allowed,
        ),
        one(
            "status_expected_pods",
            "[STABLE] Total number of pods counted by this disruption budget",
            lambda item: item.status.expected_pods,
        ),
        one(
            "status_observed_generation",
            "[STABLE] Most recent generation observed when updating this PDB status",
            lambda item: item.status.observed_generation,
        ),
        deletion(),
    ),
)
