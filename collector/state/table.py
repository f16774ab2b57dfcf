"""All kinds of objects whose state is told."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from collector.state.choice import StateChoice
from collector.state.kind import Kind
from collector.state.kinds.access import (
    CLUSTER_ROLE_BINDINGS,
    CLUSTER_ROLES,
    ROLE_BINDINGS,
    ROLES,
    SERVICE_ACCOUNTS,
)
from collector.state.kinds.admission import (
    MUTATING_BINDINGS,
    MUTATING_POLICIES,
    VALIDATING_BINDINGS,
    VALIDATING_POLICIES,
)
from collector.state.kinds.autoscaler import AUTOSCALERS
from collector.state.kinds.budget import BUDGETS
from collector.state.kinds.certificate import CERTIFICATE_REQUESTS
from collector.state.kinds.claim import CLAIMS
from collector.state.kinds.content import CONFIG_MAPS, SECRETS
from collector.state.kinds.cronjob import CRON_JOBS
from collector.state.kinds.daemonset import DAEMON_SETS
from collector.state.kinds.deployment import DEPLOYMENTS
from collector.state.kinds.endpoints import ENDPOINT_SLICES, ENDPOINTS
from collector.state.kinds.ingress import INGRESS_CLASSES, INGRESSES
from collector.state.kinds.job import JOBS
from collector.state.kinds.lease import LEASES
from collector.state.kinds.namespace import NAMESPACES
from collector.state.kinds.networkpolicy import NETWORK_POLICIES
from collector.state.kinds.node import NODES
from collector.state.kinds.pod import PODS
from collector.state.kinds.quota import LIMITS, QUOTAS
from collector.state.kinds.replicas import REPLICA_SETS, REPLICATION_CONTROLLERS
from collector.state.kinds.service import SERVICES
from collector.state.kinds.statefulset import STATEFUL_SETS
from collector.state.kinds.storage import ATTACHMENTS, STORAGE_CLASSES
from collector.state.kinds.volume import VOLUMES
from collector.state.kinds.webhook import MUTATING_WEBHOOKS, VALIDATING_WEBHOOKS
from storage.errors import ConfigError

_ALL: Final[tuple[Kind[Any], ...]] = (
    PODS,
    NODES,
    NAMESPACES,
    DEPLOYMENTS,
    REPLICA_SETS,
    STATEFUL_SETS,
    DAEMON_SETS,
    JOBS,
    CRON_JOBS,
    SERVICES,
    ENDPOINTS,
    ENDPOINT_SLICES,
    INGRESSES,
    INGRESS_CLASSES,
    VOLUMES,
    CLAIMS,
    AUTOSCALERS,
    BUDGETS,
    QUOTAS,
    LIMITS,
    LEASES,
    STORAGE_CLASSES,
    ATTACHMENTS,
    REPLICATION_CONTROLLERS,
    NETWORK_POLICIES,
    CERTIFICATE_REQUESTS,
    MUTATING_WEBHOOKS,
    VALIDATING_WEBHOOKS,
    CONFIG_MAPS,
    SECRETS,
    SERVICE_ACCOUNTS,
    ROLES,
    ROLE_BINDINGS,
    CLUSTER_ROLES,
    CLUSTER_ROLE_BINDINGS,
    MUTATING_POLICIES,
    MUTATING_BINDINGS,
    VALIDATING_POLICIES,
    VALIDATING_BINDINGS,
)
KINDS: Final = {kind.resource.plural: kind for kind in _ALL}
"""Kinds by their resource in the plural, as in `kubectl get`."""


def chosen(choice: StateChoice) -> list[Kind[Any]]:
    """The kinds that are wanted. Raises `ConfigError` for one that is not there."""
    _check("resource", choice.resources or (), KINDS)
    families = {spec.family.name for kind in _ALL for spec in kind.specs if spec.is_opt_in}
    _check("family off by default", choice.opt_in, families)
    if choice.resources is None:
        return [kind for kind in _ALL if kind.is_default]
    return [kind for kind in _ALL if kind.resource.plural in choice.resources]


def _check(what: str, asked: Iterable[str], known: Iterable[str]) -> None:
    for name in asked:
        if name not in known:
            raise ConfigError(
                f"state of the cluster: {name!r} is no {what}, expected {', '.join(sorted(known))}"
            )
