"""Admission policies and their bindings, and their families; off by default."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from collector.kube.change import Resource
from collector.state.kind import Kind, Spec, created, info, kind, many, namespaced
from collector.state.objects import Object, Part, Reference


class Parameters(Part, frozen=True, kw_only=True):
    """What gives a binding its parameters."""

    name: str = ""
    namespace: str = ""
    parameter_not_found_action: str | None = None


class PolicySpec(Part, frozen=True, kw_only=True):
    """The kind of the parameters, and what happens when it fails."""

    param_kind: Reference | None = None
    failure_policy: str | None = None
    reinvocation_policy: str | None = None


class Policy(Object, frozen=True, kw_only=True):
    """A policy."""

    spec: PolicySpec = PolicySpec()


class BindingSpec(Part, frozen=True, kw_only=True):
    """Which policy, and with what."""

    policy_name: str = ""
    param_ref: Parameters | None = None
    validation_actions: list[str] | None = None


class Binding(Object, frozen=True, kw_only=True):
    """A binding."""

    spec: BindingSpec = BindingSpec()


def _policy(item: Policy) -> tuple[str, ...]:
    parameters = item.spec.param_kind or Reference()
    return (parameters.api_version, parameters.kind, item.spec.failure_policy or "")


def _binding(item: Binding) -> tuple[str, ...]:
    found = item.spec.param_ref or Parameters()
    action = found.parameter_not_found_action or ""
    return (item.spec.policy_name, found.name, found.namespace, action)


def _policies(how: str, specs: Iterable[Spec[Policy]]) -> Kind[Policy]:
    name = f"{how.lower()}admissionpolicy"
    plural = f"{how.lower()}admissionpolicies"
    resource = Resource("admissionregistration.k8s.io/v1", plural, Policy)
    return kind(
        resource, name, ("namespace", name), namespaced, (*specs, created("Unix creation timestamp")), False
    )


def _bindings(how: str, specs: Iterable[Spec[Binding]] = ()) -> Kind[Binding]:
    name = f"{how.lower()}admissionpolicybinding"
    about = info(
        "info",
        f"Information about the {how}AdmissionPolicyBinding.",
        ("policy_name", "param_name", "param_namespace", "param_not_found_action"),
        _binding,
    )
    resource = Resource("admissionregistration.k8s.io/v1", f"{name}s", Binding)
    whole: tuple[Spec[Binding], ...] = (about, created("Unix creation timestamp"), *specs)
    return kind(resource, name, ("namespace", name), namespaced, whole, False)


_POLICY: Final = ("param_api_version", "param_kind", "failure_policy")

MUTATING_POLICIES: Final = _policies(
    "Mutating",
    (
        info(
            "info",
            "Information about the MutatingAdmissionPolicy.",
            (*_POLICY, "reinvocation_policy"),
            lambda item: (*_policy(item), item.spec.reinvocation_policy or ""),
        ),
    ),
)
VALIDATING_POLICIES: Final = _policies(
    "Validating", (info("info", "Information about the ValidatingAdmissionPolicy.", _POLICY, _policy),)
)
MUTATING_BINDINGS: Final = _bindings("Mutating")
VALIDATING_BINDINGS: Final = _bindings(
    "Validating",
    (
        many(
            "validation_action",
            "Validation actions for the ValidatingAdmissionPolicyBinding.",
            ("action",),
            lambda item: [((action,), 1.0) for action in item.spec.validation_actions or ()],
        ),
    ),
)
