"""Network policies, and their families."""

from __future__ import annotations

from typing import Final

from collector.kube.change import Resource
from collector.state.kind import annotated, created, kind, labelled, namespaced, one
from collector.state.objects import Object, Part


class NetworkPolicySpec(Part, frozen=True, kw_only=True):
    """The rules; what is in them does not matter."""

    ingress: list[Part] | None = None
    egress: list[Part] | None = None


class NetworkPolicy(Object, frozen=True, kw_only=True):
    """A network policy."""

    spec: NetworkPolicySpec = NetworkPolicySpec()


NETWORK_POLICIES: Final = kind(
    Resource("networking.k8s.io/v1", "networkpolicies", NetworkPolicy),
    "networkpolicy",
    ("namespace", "networkpolicy"),
    namespaced,
    (
        annotated(),
        labelled(is_stable=False),
        created("Unix creation timestamp of network policy"),
        one(
            "spec_ingress_rules",
            "Number of ingress rules on the networkpolicy",
            lambda item: len(item.spec.ingress or ()),
        ),
        one(
            "spec_egress_rules",
            "Number of egress rules on the networkpolicy",
            lambda item: len(item.spec.egress or ()),
        ),
    ),
)
