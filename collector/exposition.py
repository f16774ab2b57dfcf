"""Readings as Prometheus's text format, for eyes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from collector.families import MetricType, Reading


class _Readings(Collector):
    def __init__(self, metrics: Sequence[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def exposition(readings: Iterable[Reading], target: Mapping[str, str]) -> str:
    """The text of all readings; every series carries the labels of `target` unless it has them itself."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Readings([_metric(reading, target) for reading in readings if reading.values]))
    return generate_latest(registry).decode()


def _metric(reading: Reading, target: Mapping[str, str]) -> Metric:
    family = reading.family
    # The library names a counter without its suffix and puts it back.
    name = family.name.removesuffix("_total") if family.type is MetricType.COUNTER else family.name
    metric = Metric(name, family.help, family.type.value)
    for values, value in zip(reading.label_values, reading.values, strict=True):
        own = {label: text for label, text in zip(family.label_names, values, strict=True) if text}
        metric.add_sample(family.name, {**target, **own}, value)
    return metric
