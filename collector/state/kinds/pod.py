"""Pods and their families."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import ip_address
from typing import Final

from collector.kube.change import Resource
from collector.state.kind import (
    Row,
    Spec,
    annotated,
    choice_rows,
    controller,
    created,
    deletion,
    info,
    kind,
    labelled,
    many,
    mapped,
    one,
    owners,
    status_rows,
    truth,
)
from collector.state.kinds.container import CONTAINERS, INIT_CONTAINERS
from collector.state.kinds.pod_objects import Claim, Pod
from collector.state.moment import moment
from collector.state.objects import Condition
from collector.state.quantity import amount

_PHASES: Final = ("Pending", "Succeeded", "Failed", "Unknown", "Running")
_QOS_CLASSES: Final = ("BestEffort", "Burstable", "Guaranteed")
_REASONS: Final = (
    "Evicted",
    "NodeAffinity",
    "NodeLost",
    "PreemptionByScheduler",
    "SchedulingGated",
    "Shutdown",
    "TerminationByKubelet",
    "UnexpectedAdmissionError",
)
_DISRUPTIONS: Final = (
    "DeletionByPodGC",
    "DeletionByTaintManager",
    "EvictionByEvictionAPI",
    "PreemptionByScheduler",
    "TerminationByKubelet",
)
_OTHER: Final = "Other"
_VOLUME: Final = ("volume", "persistentvolumeclaim", "ephemeral")
_INFO: Final = (
    "host_ip",
    "pod_ip",
    "node",
    "created_by_kind",
    "created_by_name",
    "priority_class",
    "host_network",
)


def _info(pod: Pod) -> tuple[str, ...]:
    owner = controller(pod)
    status, spec = pod.status, pod.spec
    return (
        status.host_ip,
        status.pod_ip,
        spec.node_name,
        owner.kind,
        owner.name,
        spec.priority_class_name,
        truth(spec.host_network),
    )


def _condition(pod: Pod, kind_: str) -> Condition | None:
    return next((found for found in pod.status.conditions or () if found.type == kind_), None)


def _condition_rows(pod: Pod, kind_: str) -> Iterable[Row]:
    found = _condition(pod, kind_)
    return status_rows(found.status) if found else ()


def _since(pod: Pod, kind_: str, status: str = "True") -> float | None:
    """Since when a condition has a status."""
    found = _condition(pod, kind_)
    return moment(found.last_transition_time) if found and found.status == status else None


def _completion(pod: Pod) -> float | None:
    """When the last of the containers that ended did."""
    ends = [
        moment(one.state.terminated.finished_at)
        for one in pod.status.container_statuses or ()
        if one.state.terminated
    ]
    return max((end for end in ends if end is not None), default=None)


def _ips(pod: Pod) -> Iterator[Row]:
    for address in pod.status.pod_ips or ():
        try:
            family = str(ip_address(address.ip).version)
        except ValueError:
            continue
        yield (address.ip, family), 1.0


def _reasons(pod: Pod) -> Iterable[Row]:
    """The reasons that are set, wherever the pod says them; one of its own that is not known is `Other`."""
    status = pod.status
    said = {_known(status.reason, _REASONS)}
    said |= {condition.reason or "" for condition in status.conditions or ()}
    said |= {one.state.terminated.reason for one in status.container_statuses or () if one.state.terminated}
    return [((reason,), 1.0) for reason in (*_REASONS, _OTHER) if reason in said]


def _known(reason: str, reasons: Iterable[str]) -> str:
    """A reason as it is where it is known, so that there is a bounded number of series."""
    return reason if not reason or reason in reasons else _OTHER


def _disruption(pod: Pod) -> tuple[str, ...] | None:
    found = _condition(pod, "DisruptionTarget")
    if found is None or found.status != "True" or not found.reason:
        return None
    return (_known(found.reason, _DISRUPTIONS),)


def _unschedulable(pod: Pod) -> float | None:
    found = _condition(pod, "PodScheduled")
    return 1.0 if found and found.status == "False" else None


def _overhead(pod: Pod, resource: str) -> float | None:
    found = (pod.spec.overhead or {}).get(resource)
    return None if found is None else amount(str(found))


def _claims(pod: Pod) -> Iterator[tuple[tuple[str, ...], Claim]]:
    """Volumes that are claims: those named, and those made with the pod, which bear its name."""
    for volume in pod.spec.volumes or ():
        if volume.persistent_volume_claim is not None:
            claim = volume.persistent_volume_claim
            yield (volume.name, claim.claim_name, "false"), claim
        elif volume.ephemeral is not None:
            claim = Claim(claim_name=f"{pod.metadata.name}-{volume.name}")
            yield (volume.name, claim.claim_name, "true"), claim


def _tolerations(pod: Pod) -> Iterator[Row]:
    for one_ in pod.spec.tolerations or ():
        seconds = "" if one_.toleration_seconds is None else str(one_.toleration_seconds)
        yield (one_.key, one_.operator, one_.value, one_.effect, seconds), 1.0


def _devices(pod: Pod) -> Iterator[Row]:
    made = {one_.name: one_.resource_claim_name for one_ in pod.status.resource_claim_statuses or ()}
    for claim in pod.spec.resource_claims or ():
        name = claim.resource_claim_name or made.get(claim.name) or ""
        yield (claim.name, name, claim.resource_claim_template_name or ""), 1.0


def _only(text: str | None) -> tuple[str, ...] | None:
    return (text,) if text else None


_STATUS: Final[tuple[Spec[Pod], ...]] = (
    many(
        "status_phase",
        "[STABLE] The pods current phase.",
        ("phase",),
        lambda pod: choice_rows(pod.status.phase, _PHASES),
    ),
    many(
        "status_qos_class",
        "The pods current qosClass.",
        ("qos_class",),
        lambda pod: choice_rows(pod.status.qos_class, _QOS_CLASSES),
    ),
    many(
        "status_ready",
        "[STABLE] Describes whether the pod is ready to serve requests.",
        ("condition",),
        lambda pod: _condition_rows(pod, "Ready"),
    ),
    many(
        "status_scheduled",
        "[STABLE] Describes the status of the scheduling process for the pod.",
        ("condition",),
        lambda pod: _condition_rows(pod, "PodScheduled"),
    ),
    one(
        "status_initialized_time",
        "Initialized time in unix timestamp for a pod.",
        lambda pod: _since(pod, "Initialized"),
    ),
    one(
        "status_ready_time",
        "Readiness achieved time in unix timestamp for a pod.",
        lambda pod: _since(pod, "Ready"),
    ),
    one(
        "status_container_ready_time",
        "Readiness achieved time in unix timestamp for a pod containers.",
        lambda pod: _since(pod, "ContainersReady"),
    ),
    many("status_reason", "The pod status reasons", ("reason",), _reasons),
    info(
        "status_disruption_reason",
        "The reason why a pod is about to be terminated by a disruption.",
        ("reason",),
        _disruption,
    ),
    one(
        "status_scheduled_time",
        "[STABLE] Unix timestamp when pod moved into scheduled status",
        lambda pod: _since(pod, "PodScheduled"),
    ),
    one(
        "status_unschedulable",
        "[STABLE] Describes the unschedulable status for the pod.",
        _unschedulable,
    ),
    one(
        "status_unscheduled_time",
        "Unix timestamp when pod moved into unscheduled status",
        lambda pod: _since(pod, "PodScheduled", "False"),
    ),
)
_SPEC: Final[tuple[Spec[Pod], ...]] = (
    mapped(
        "nodeselectors",
        "Describes the Pod nodeSelectors.",
        "nodeselector",
        lambda pod: pod.spec.node_selector,
        is_opt_in=True,
    ),
    one(
        "overhead_cpu_cores",
        "The pod overhead in regards to cpu cores associated with running a pod.",
        lambda pod: _overhead(pod, "cpu"),
    ),
    one(
        "overhead_memory_bytes",
        "The pod overhead in regards to memory associated with running a pod.",
        lambda pod: _overhead(pod, "memory"),
    ),
    info(
        "runtimeclass_name_info",
        "The runtimeclass associated with the pod.",
        ("runtimeclass_name",),
        lambda pod: _only(pod.spec.runtime_class_name),
    ),
    info(
        "restart_policy",
        "[STABLE] Describes the restart policy in use by this pod.",
        ("type",),
        lambda pod: (pod.spec.restart_policy,),
    ),
    many(
        "spec_volumes_persistentvolumeclaims_info",
        "[STABLE] Information about persistentvolumeclaim volumes in a pod.",
        _VOLUME,
        lambda pod: [(names, 1.0) for names, _ in _claims(pod)],
    ),
    many(
        "spec_volumes_persistentvolumeclaims_readonly",
        "[STABLE] Describes whether a persistentvolumeclaim is mounted read only.",
        _VOLUME,
        lambda pod: [(names, float(claim.read_only)) for names, claim in _claims(pod)],
    ),
    many(
        "tolerations",
        "Information about the pod tolerations",
        ("key", "operator", "value", "effect", "toleration_seconds"),
        _tolerations,
    ),
    info(
        "service_account",
        "The service account for a pod.",
        ("service_account",),
        lambda pod: (pod.spec.service_account_name,),
    ),
    info("scheduler", "The scheduler for a pod.", ("name",), lambda pod: (pod.spec.scheduler_name,)),
    many(
        "resourceclaim_info",
        "Information about the resource claims of a pod.",
        ("claim_name", "resourceclaim_name", "resourceclaim_template_name"),
        _devices,
    ),
)
PODS: Final = kind(
    Resource("v1", "pods", Pod),
    "pod",
    ("namespace", "pod", "uid"),
    lambda pod: (pod.metadata.namespace, pod.metadata.name, pod.metadata.uid),
    (
        info("info", "[STABLE] Information about pod.", _INFO, _info),
        many("ips", "Pod IP addresses", ("ip", "ip_family"), _ips),
        one(
            "start_time",
            "[STABLE] Start time in unix timestamp for a pod.",
            lambda pod: moment(pod.status.start_time),
        ),
        one("completion_time", "[STABLE] Completion time in unix timestamp for a pod.", _completion),
        owners("[STABLE] Information about the Pod's owner."),
        labelled(),
        annotated(),
        created(),
        deletion(),
        *_STATUS,
        *_SPEC,
        *CONTAINERS,
        *INIT_CONTAINERS,
    ),
)
