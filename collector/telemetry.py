"""What the collector counts of itself."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from collector.families import Family, MetricType, Reading


class Telemetry(Collector):
    """Own metrics, for an injected registry and for the pushes, since nobody may scrape a collector.

    Outcomes of a body: sent; spooled, to be sent later; refused by the service; full, pushed out of the spool
    by newer ones; damaged on disk; unwritable, when the spool's disk failed.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        own = CollectorRegistry()
        self.passes = Counter("swell_collector_passes", "Passes over the machine.", registry=own)
        self.missed = Counter(
            "swell_collector_missed_passes", "Passes left out for being late.", registry=own
        )
        self.samples = Counter("swell_collector_samples", "Samples read and encoded.", registry=own)
        self.bodies = Counter(
            "swell_collector_bodies", "Requests by what became of them.", ["outcome"], registry=own
        )
        self.pass_seconds = Gauge(
            "swell_collector_pass_seconds",
            "Seconds that the last pass took, encoding included.",
            registry=own,
        )
        self.spool_bytes = Gauge("swell_collector_spool_bytes", "Bytes that wait on disk.", registry=own)
        self.spool_bodies = Gauge("swell_collector_spool_bodies", "Requests that wait on disk.", registry=own)
        self._own = own
        registry.register(self)

    def collect(self) -> Iterable[Metric]:
        """All of them, for the registry."""
        return self._own.collect()

    def readings(self) -> list[Reading]:
        """All of them, for a push."""
        return [reading for metric in self.collect() for reading in _readings(metric)]


def _readings(metric: Metric) -> Iterable[Reading]:
    # Beside its value the library gives a counter the time of its creation.
    samples = [sample for sample in metric.samples if not sample.name.endswith("_created")]
    if samples:
        kind = MetricType.COUNTER if metric.type == "counter" else MetricType.GAUGE
        family = Family(samples[0].name, kind, metric.documentation, tuple(samples[0].labels))
        yield family.rows({tuple(sample.labels.values()): sample.value for sample in samples})
