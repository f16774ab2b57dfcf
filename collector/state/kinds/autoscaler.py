"""Horizontal pod autoscalers (autoscaling/v2), and their families."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from collector.kube.change import Resource
from collector.state.kind import (
    Row,
    annotated,
    created,
    deletion,
    generation,
    info,
    kind,
    labelled,
    many,
    namespaced,
    one,
    status_rows,
)
from collector.state.objects import Condition, Object, Part, Reference
from collector.state.quantity import amount

_METRIC: Final = ("metric_name", "metric_target_type", "container")


class Target(Part, frozen=True, kw_only=True):
    """What a metric should be, or is."""

    value: str | int | None = None
    average_value: str | int | None = None
    average_utilization: int | None = None


class Source(Part, frozen=True, kw_only=True):
    """A metric: of a resource by `name`, any other by `metric`."""

    name: str = ""
    container: str = ""
    metric: Reference | None = None
    target: Target | None = None
    current: Target | None = None


class Metric(Part, frozen=True, kw_only=True):
    """One of its fields is set."""

    object: Source | None = None
    pods: Source | None = None
    resource: Source | None = None
    container_resource: Source | None = None
    external: Source | None = None


class Rules(Part, frozen=True, kw_only=True):
    """How it scales in one direction."""

    tolerance: str | int | float | None = None


class Behavior(Part, frozen=True, kw_only=True):
    """How it scales."""

    scale_down: Rules | None = None
    scale_up: Rules | None = None


class AutoscalerSpec(Part, frozen=True, kw_only=True):
    """What is asked for."""

    scale_target_ref: Reference = Reference()
    min_replicas: int | None = None
    max_replicas: int = 0
    metrics: list[Metric] | None = None
    behavior: Behavior | None = None


class AutoscalerStatus(Part, frozen=True, kw_only=True):
    """What there is."""

    current_replicas: int = 0
    desired_replicas: int = 0
    current_metrics: list[Metric] | None = None
    conditions: list[Condition] | None = None


class Autoscaler(Object, frozen=True, kw_only=True):
    """An autoscaler."""

    spec: AutoscalerSpec = AutoscalerSpec()
    status: AutoscalerStatus = AutoscalerStatus()


def _source(metric: Metric) -> Source | None:
    return metric.object or metric.pods or metric.resource or metric.container_resource or metric.external


def _metrics(metrics: Iterable[Metric] | None) -> Iterator[Row]:
    """A row for each way in which a metric is told."""
    for metric in metrics or ():
        source = _source(metric)
        target = (source.target or source.current) if source else None
        if source is None or target is None:
            continue
        name = source.metric.name if source.metric else source.name
        told = (
            ("value", target.value),
            ("utilization", target.average_utilization),
            ("average", target.average_value),
        )
        for how, value in told:
            if value is not None:
                yield (name, how, source.container), amount(str(value))


def _tolerance(rules: Rules | None) -> float | None:
    return None if rules is None or rules.tolerance is None else amount(str(rules.tolerance))


def _behavior(item: Autoscaler) -> Behavior:
    return item.spec.behavior or Behavior()


def _info(item: Autoscaler) -> tuple[str, ...]:
    target = item.spec.scale_target_ref
    return (target.api_version, target.kind, target.name)


def _conditions(item: Autoscaler) -> Iterator[Row]:
    for found in item.status.conditions or ():
        yield from status_rows(found.status, found.type)


AUTOSCALERS: Final = kind(
    Resource("autoscaling/v2", "horizontalpodautoscalers", Autoscaler),
    "horizontalpodautoscaler",
    ("namespace", "horizontalpodautoscaler"),
    namespaced,
    (
        info(
            "info",
            "Information about this autoscaler.",
            ("scaletargetref_api_version", "scaletargetref_kind", "scaletargetref_name"),
            _info,
        ),
        generation("[STABLE] The generation observed by the HorizontalPodAutoscaler controller."),
        one(
            "spec_max_replicas",
            "[STABLE] Upper limit for the number of pods that can be set by the autoscaler; cannot be "
            "smaller than MinReplicas.",
            lambda item: item.spec.max_replicas,
        ),
        one(
            "spec_min_replicas",
            "[STABLE] Lower limit for the number of pods that can be set by the autoscaler, default 1.",
            lambda item: 1 if item.spec.min_replicas is None else item.spec.min_replicas,
        ),
        many(
            "spec_target_metric",
            "The metric specifications used by this autoscaler when calculating the desired replica count.",
            _METRIC,
            lambda item: _metrics(item.spec.metrics),
        ),
        one(
            "spec_behavior_scale_down_tolerance",
            "The tolerance that a metric's ratio may have before the autoscaler scales down.",
            lambda item: _tolerance(_behavior(item).scale_down),
        ),
        one(
            "spec_behavior_scale_up_tolerance",
            "The tolerance that a metric's ratio may have before the autoscaler scales up.",
            lambda item: _tolerance(_behavior(item).scale_up),
        ),
        many(
            "status_target_metric",
            "[STABLE] The current metric status used by this autoscaler when calculating the desired replica "
            "count.",
            _METRIC,
            lambda item: _metrics(item.status.current_metrics),
        ),
        one(
            "status_current_replicas",
            "[STABLE] Current number of replicas of pods managed by this autoscaler.",
            lambda item: item.status.current_replicas,
        ),
        one(
            "status_desired_replicas",
            "[STABLE] Desired number of replicas of pods managed by this autoscaler.",
            lambda item: item.status.desired_replicas,
        ),
        annotated(),
        labelled(),
        many(
            "status_condition",
            "[STABLE] The condition of this autoscaler.",
            ("condition", "status"),
            _conditions,
        ),
        created("Unix creation timestamp"),
        deletion(),
    ),
)
