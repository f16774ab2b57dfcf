"""The families of containers: those of a pod, and those that run before them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeAlias

from collector.families import Family, MetricType
from collector.state.kind import Row, Spec, many
from collector.state.kinds.pod_objects import Container, ContainerStatus, Pod, Terminated
from collector.state.moment import moment
from collector.state.resources import resource_rows

_CONTAINER: Final = ("container",)
_INFO: Final = ("container", "image_spec", "image", "image_id", "container_id")
_RESOURCE: Final = ("container", "node", "resource", "unit")

Statuses: TypeAlias = Callable[[Pod], Sequence[ContainerStatus]]


def _statuses(pod: Pod) -> Sequence[ContainerStatus]:
    return pod.status.container_statuses or ()


def _init_statuses(pod: Pod) -> Sequence[ContainerStatus]:
    return pod.status.init_container_statuses or ()


def _flag(name: str, help_text: str, of: Statuses, flag: Callable[[ContainerStatus], float]) -> Spec[Pod]:
    """A sample for every container."""
    return many(name, help_text, _CONTAINER, lambda pod: [((one.name,), float(flag(one))) for one in of(pod)])


def _time(
    name: str, help_text: str, of: Statuses, text: Callable[[ContainerStatus], str | None]
) -> Spec[Pod]:
    """A time for the containers that have it."""

    def rows(pod: Pod) -> Iterable[Row]:
        for one in of(pod):
            at = moment(text(one))
            if at is not None:
                yield (one.name,), at

    return many(name, help_text, _CONTAINER, rows)


def _reason(
    name: str, help_text: str, of: Statuses, reason: Callable[[ContainerStatus], str | None]
) -> Spec[Pod]:
    """A sample of 1 with the reason, for the containers that have one."""

    def rows(pod: Pod) -> Iterable[Row]:
        for one in of(pod):
            found = reason(one)
            if found is not None:
                yield (one.name, found), 1.0

    return many(name, help_text, ("container", "reason"), rows)


def _exit_codes(name: str, help_text: str, of: Statuses) -> Spec[Pod]:
    def rows(pod: Pod) -> Iterable[Row]:
        for one in of(pod):
            if one.last_state.terminated is not None:
                yield (one.name,), float(one.last_state.terminated.exit_code)

    return many(name, help_text, _CONTAINER, rows)


def _restarts(name: str, help_text: str, of: Statuses) -> Spec[Pod]:
    family = Family(name, MetricType.COUNTER, help_text, _CONTAINER)
    return Spec(family, lambda pod: [((one.name,), float(one.restart_count)) for one in of(pod)])


def _started(status: ContainerStatus) -> str | None:
    state = status.state
    found = state.running or state.terminated
    return found.started_at if found else None


def _waiting_reason(status: ContainerStatus) -> str | None:
    return status.state.waiting.reason if status.state.waiting else None


def _reason_of(terminated: Terminated | None) -> str | None:
    return terminated.reason if terminated else None


def _finished(status: ContainerStatus) -> str | None:
    ended = status.last_state.terminated
    return ended.finished_at if ended else None


def _of_status(prefix: str, title: str, of: Statuses, stable: str) -> tuple[Spec[Pod], ...]:
    """The families that both sorts of containers have. stable: what precedes the help of reasons."""
    article = "an" if title.startswith("init") else "a"
    whether = f"[STABLE] Describes whether the {title} is currently in"
    return (
        _time(
            f"{prefix}_state_started",
            f"{stable}Start time in unix timestamp for {article if stable == '' else 'a pod'} {title}.",
            of,
            _started,
        ),
        _flag(
            f"{prefix}_status_waiting", f"{whether} waiting state.", of, lambda one: bool(one.state.waiting)
        ),
        _reason(
            f"{prefix}_status_waiting_reason",
            f"{stable}Describes the reason the {title} is currently in waiting state.",
            of,
            _waiting_reason,
        ),
        _flag(
            f"{prefix}_status_running", f"{whether} running state.", of, lambda one: bool(one.state.running)
        ),
        _flag(
            f"{prefix}_status_terminated",
            f"{whether} terminated state.",
            of,
            lambda one: bool(one.state.terminated),
        ),
        _reason(
            f"{prefix}_status_terminated_reason",
            f"Describes the reason the {title} is currently in terminated state.",
            of,
            lambda one: _reason_of(one.state.terminated),
        ),
        _reason(
            f"{prefix}_status_last_terminated_reason",
            f"Describes the last reason the {title} was in terminated state.",
            of,
            lambda one: _reason_of(one.last_state.terminated),
        ),
        _exit_codes(
            f"{prefix}_status_last_terminated_exitcode",
            f"Describes the exit code for the last {title} in terminated state.",
            of,
        ),
    )


def _info_rows(pod: Pod) -> Iterable[Row]:
    images = {one.name: one.image for one in pod.spec.containers or ()}
    for one in _statuses(pod):
        yield (one.name, images.get(one.name, ""), one.image, one.image_id, one.container_id), 1.0


def _init_info_rows(pod: Pod) -> Iterable[Row]:
    asked = {one.name: one for one in pod.spec.init_containers or ()}
    for one in _init_statuses(pod):
        spec = asked.get(one.name, Container())
        names = (one.name, spec.image, one.image, one.image_id, one.container_id, spec.restart_policy or "")
        yield names, 1.0


def _amounts(pod: Pod, containers: Iterable[Container] | None, has_limits: bool) -> Iterable[Row]:
    for one in containers or ():
        if one.resources is not None:
            found = one.resources.limits if has_limits else one.resources.requests
            yield from resource_rows(found, one.name, pod.spec.node_name)


_PRECISE: Final = (
    "It is recommended to use the kube_pod_resource_{0}s metric exposed by kube-scheduler instead, as it is "
    "more precise."
)

CONTAINERS: Final[tuple[Spec[Pod], ...]] = (
    many("container_info", "[STABLE] Information about a container in a pod.", _INFO, _info_rows),
    *_of_status("container", "container", _statuses, "[STABLE] "),
    _time(
        "container_status_last_terminated_timestamp",
        "Last terminated time for a pod container in unix timestamp.",
        _statuses,
        _finished,
    ),
    _flag(
        "container_status_ready",
        "[STABLE] Describes whether the containers readiness check succeeded.",
        _statuses,
        lambda one: one.ready,
    ),
    _restarts(
        "container_status_restarts_total",
        "[STABLE] The number of container restarts per container.",
        _statuses,
    ),
    many(
        "container_resource_requests",
        f"[STABLE] The number of requested request resource by a container. {_PRECISE.format('request')}",
        _RESOURCE,
        lambda pod: _amounts(pod, pod.spec.containers, False),
    ),
    many(
        "container_resource_limits",
        f"[STABLE] The number of requested limit resource by a container. {_PRECISE.format('limit')}",
        _RESOURCE,
        lambda pod: _amounts(pod, pod.spec.containers, True),
    ),
)
INIT_CONTAINERS: Final[tuple[Spec[Pod], ...]] = (
    many(
        "init_container_info",
        "[STABLE] Information about an init container in a pod.",
        (*_INFO, "restart_policy"),
        _init_info_rows,
    ),
    *_of_status("init_container", "init container", _init_statuses, ""),
    _time(
        "init_container_status_last_terminated_timestamp",
        "Last terminated time for an init container in unix timestamp.",
        _init_statuses,
        _finished,
    ),
    _flag(
        "init_container_status_ready",
        "[STABLE] Describes whether the init containers readiness check succeeded.",
        _init_statuses,
        lambda one: one.ready,
    ),
    _restarts(
        "init_container_status_restarts_total",
        "[STABLE] The number of restarts for the init container.",
        _init_statuses,
    ),
    many(
        "init_container_resource_limits",
        "The number of requested limit resource by an init container.",
        _RESOURCE,
        lambda pod: _amounts(pod, pod.spec.init_containers, True),
    ),
    many(
        "init_container_resource_requests",
        "The number of requested request resource by an init container.",
        _RESOURCE,
        lambda pod: _amounts(pod, pod.spec.init_containers, False),
    ),
)
