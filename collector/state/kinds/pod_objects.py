"""The fields of pods that their families need."""

from __future__ import annotations

import msgspec

from collector.state.objects import Condition, Object, Part, Quantities


class Resources(Part, frozen=True, kw_only=True):
    """What a container asks for and may use at most."""

    requests: Quantities | None = None
    limits: Quantities | None = None


class Container(Part, frozen=True, kw_only=True):
    """A container as it is asked for."""

    name: str = ""
    image: str = ""
    restart_policy: str | None = None
    resources: Resources | None = None


class Claim(Part, frozen=True, kw_only=True):
    """A volume that is a claim."""

    claim_name: str = ""
    read_only: bool = False


class Volume(Part, frozen=True, kw_only=True):
    """A volume. ephemeral: one whose claim is made with the pod; what is in it does not matter."""

    name: str = ""
    persistent_volume_claim: Claim | None = None
    ephemeral: Part | None = None


class Toleration(Part, frozen=True, kw_only=True):
    """A taint that is tolerated."""

    key: str = ""
    operator: str = ""
    value: str = ""
    effect: str = ""
    toleration_seconds: int | None = None


class ResourceClaim(Part, frozen=True, kw_only=True):
    """A claim on devices: by name, or from a template."""

    name: str = ""
    resource_claim_name: str | None = None
    resource_claim_template_name: str | None = None


class PodSpec(Part, frozen=True, kw_only=True):
    """What a pod asks for."""

    node_name: str = ""
    host_network: bool = False
    restart_policy: str = ""
    priority_class_name: str = ""
    service_account_name: str = ""
    scheduler_name: str = ""
    runtime_class_name: str | None = None
    node_selector: dict[str, str] | None = None
    overhead: Quantities | None = None
    containers: list[Container] | None = None
    init_containers: list[Container] | None = None
    volumes: list[Volume] | None = None
    tolerations: list[Toleration] | None = None
    resource_claims: list[ResourceClaim] | None = None


class Waiting(Part, frozen=True, kw_only=True):
    """A container that does not run yet."""

    reason: str = ""


class Running(Part, frozen=True, kw_only=True):
    """A container that runs."""

    started_at: str | None = None


class Terminated(Part, frozen=True, kw_only=True):
    """A container that ended."""

    reason: str = ""
    exit_code: int = 0
    started_at: str | None = None
    finished_at: str | None = None


class State(Part, frozen=True, kw_only=True):
    """One of the three, or none."""

    waiting: Waiting | None = None
    running: Running | None = None
    terminated: Terminated | None = None


class ContainerStatus(Part, frozen=True, kw_only=True):
    """What became of a container."""

    name: str = ""
    image: str = ""
    image_id: str = msgspec.field(name="imageID", default="")
    container_id: str = msgspec.field(name="containerID", default="")
    ready: bool = False
    restart_count: int = 0
    state: State = State()
    last_state: State = State()


class Address(Part, frozen=True, kw_only=True):
    """One of the pod's addresses."""

    ip: str = ""


class ClaimStatus(Part, frozen=True, kw_only=True):
    """The claim on devices that was made from a template."""

    name: str = ""
    resource_claim_name: str | None = None


class PodStatus(Part, frozen=True, kw_only=True):
    """What became of a pod."""

    phase: str = ""
    reason: str = ""
    qos_class: str = ""
    start_time: str | None = None
    host_ip: str = msgspec.field(name="hostIP", default="")
    pod_ip: str = msgspec.field(name="podIP", default="")
    pod_ips: list[Address] | None = msgspec.field(name="podIPs", default=None)
    conditions: list[Condition] | None = None
    container_statuses: list[ContainerStatus] | None = None
    init_container_statuses: list[ContainerStatus] | None = None
    resource_claim_statuses: list[ClaimStatus] | None = None


class Pod(Object, frozen=True, kw_only=True):
    """A pod."""

    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()
