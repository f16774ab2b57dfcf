"""What the collector counts of itself."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge


class Telemetry:
    """Own metrics on an injected registry.

    Outcomes of a body: sent; spooled, to be sent later; refused by the service; full, pushed out of the spool
    by newer ones; damaged on disk; unwritable, when the spool's disk failed.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.passes = Counter("swell_collector_passes", "Passes over the machine.", registry=registry)
        self.missed = Counter(
            "swell_collector_missed_passes",
            "Passes left out because the one before was late.",
            registry=registry,
        )
        self.samples = Counter("swell_collector_samples", "Samples read and encoded.", registry=registry)
        self.bodies = Counter(
            "swell_collector_bodies", "Requests by what became of them.", ["outcome"], registry=registry
        )
        self.pass_seconds = Gauge(
            "swell_collector_pass_seconds",
            "Seconds that the last pass took, encoding included.",
            registry=registry,
        )
        self.spool_bytes = Gauge("swell_collector_spool_bytes", "Bytes that wait on disk.", registry=registry)
        self.spool_bodies = Gauge(
            "swell_collector_spool_bodies", "Requests that wait on disk.", registry=registry
        )
