"""Readings as Prometheus's text format, for eyes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from collector.families import Family, MetricType, Reading


class _Readings(Collector):
    def __init__(self, metrics: Sequence[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def exposition(readings: Iterable[Reading], target: Mapping[str, str]) -> str:
    """The text of all readings; every series carries the labels of `target` unless it has them itself."""
    registry = CollectorRegistry(auto_describe=False)
    metrics: dict[str, Metric] = {}
    for reading in readings:
        if reading.values:
            _add(metrics.setdefault(reading.family.metric, _metric(reading.family)), reading, target)
    registry.register(_Readings([*metrics.values()]))
    return generate_latest(registry).decode()


def _metric(family: Family) -> Metric:
    # The library names a counter without its suffix and puts it back.
    name = family.metric.removesuffix("_total") if family.type is MetricType.COUNTER else family.metric
    return Metric(name, family.help, family.type.value)


def _add(metric: Metric, reading: Reading, target: Mapping[str, str]) -> None:
    family = reading.family
    for values, value in zip(reading.label_values, reading.values, strict=True):
        own = {label: text for label, text in zip(family.label_names, values, strict=True) if text}
        metric.add_sample(family.name, {**target, **own}, value)
