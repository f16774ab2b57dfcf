"""Deployments and their families."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from collector.kube.change import Resource
from collector.state.kind import (
    Row,
    annotated,
    created,
    deletion,
    generation,
    kind,
    labelled,
    many,
    namespaced,
    one,
    status_rows,
)
from collector.state.objects import Condition, Object, Part
from collector.state.quantity import portion


class RollingUpdate(Part, frozen=True, kw_only=True):
    """How many pods an update may do without and have on top: numbers, or percentages of the replicas."""

    max_unavailable: int | str | None = None
    max_surge: int | str | None = None


class Strategy(Part, frozen=True, kw_only=True):
    """How pods are replaced."""

    rolling_update: RollingUpdate | None = None


class DeploymentSpec(Part, frozen=True, kw_only=True):
    """What is asked for."""

    replicas: int | None = None
    paused: bool = False
    strategy: Strategy | None = None


class DeploymentStatus(Part, frozen=True, kw_only=True):
    """What there is."""

    replicas: int = 0
    ready_replicas: int = 0
    available_replicas: int = 0
    unavailable_replicas: int = 0
    updated_replicas: int = 0
    terminating_replicas: int | None = None
    observed_generation: int = 0
    conditions: list[Condition] | None = None


class Deployment(Object, frozen=True, kw_only=True):
    """A deployment."""

    spec: DeploymentSpec = DeploymentSpec()
    status: DeploymentStatus = DeploymentStatus()


def _rolling(item: Deployment) -> RollingUpdate:
    strategy = item.spec.strategy
    return (strategy.rolling_update if strategy else None) or RollingUpdate()


def _share(item: Deployment, value: int | str | None, is_rounded_up: bool) -> float | None:
    if value is None or item.spec.replicas is None:
        return None
    return portion(value, item.spec.replicas, is_rounded_up)


def _conditions(item: Deployment) -> Iterator[Row]:
    for found in item.status.conditions or ():
        yield from status_rows(found.status, found.reason or "", found.type)


def _owners(item: Deployment) -> list[Row]:
    found = [((owner.kind, owner.name), 1.0) for owner in item.metadata.owner_references]
    return [*found] or [(("", ""), 1.0)]


DEPLOYMENTS: Final = kind(
    Resource("apps/v1", "deployments", Deployment),
    "deployment",
    ("namespace", "deployment"),
    namespaced,
    (
        many("owner", "Information about the Deployment's owner.", ("owner_kind", "owner_name"), _owners),
        created(),
        one(
            "status_replicas",
            "[STABLE] The number of replicas per deployment.",
            lambda item: item.status.replicas,
        ),
        one(
            "status_replicas_ready",
            "[STABLE] The number of ready replicas per deployment.",
            lambda item: item.status.ready_replicas,
        ),
        one(
            "status_replicas_available",
            "[STABLE] The number of available replicas per deployment.",
            lambda item: item.status.available_replicas,
        ),
        one(
            "status_replicas_unavailable",
            "[STABLE] The number of unavailable replicas per deployment.",
            lambda item: item.status.unavailable_replicas,
        ),
        one(
            "status_replicas_updated",
            "[STABLE] The number of updated replicas per deployment.",
            lambda item: item.status.updated_replicas,
        ),
        one(
            "status_terminating_replicas",
            "The number of terminating replicas per deployment.",
            lambda item: item.status.terminating_replicas,
        ),
        one(
            "status_observed_generation",
            "[STABLE] The generation observed by the deployment controller.",
            lambda item: item.status.observed_generation,
        ),
        many(
            "status_condition",
            "[STABLE] The current status conditions of a deployment.",
            ("reason", "condition", "status"),
            _conditions,
        ),
        one(
            "spec_replicas",
            "[STABLE] Number of desired pods for a deployment.",
            lambda item: item.spec.replicas,
        ),
        one(
            "spec_paused",
            "[STABLE] Whether the deployment is paused and will not be processed by the deployment "
            "controller.",
            lambda item: item.spec.paused,
        ),
        one(
            "spec_strategy_rollingupdate_max_unavailable",
            "[STABLE] Maximum number of unavailable replicas during a rolling update of a deployment.",
            lambda item: _share(item, _rolling(item).max_unavailable, False),
        ),
        one(
            "spec_strategy_rollingupdate_max_surge",
            "[STABLE] Maximum number of replicas that can be scheduled above the desired number of replicas "
            "during a rolling update of a deployment.",
            lambda item: _share(item, _rolling(item).max_surge, True),
        ),
        generation("[STABLE] Sequence number representing a specific generation of the desired state."),
        deletion(),
        annotated(),
        labelled(),
    ),
)
