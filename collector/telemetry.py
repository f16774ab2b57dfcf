"""What the collector counts of itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from collector.families import Family, MetricType, Reading, Row, grouped
from collector.scrape.status import Health, Status

_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_LABELS: Final = ("target_job", "target_instance", "url")
_TYPES: Final = {each.value: each for each in MetricType}


class Telemetry(Collector):
    """Own metrics, for an injected registry and for the pushes, since nobody may scrape a collector.

    Outcomes of a body and of its samples: sent; spooled, to be sent later; refused by the service; full,
    pushed out of the spool by newer ones; damaged on disk; unwritable, when the spool's disk failed. Samples
    alone: filtered, by the destination's lists and rules. statuses: the targets as of their last scrape.
    """

    def __init__(self, registry: CollectorRegistry, statuses: Callable[[], Sequence[Status]] = tuple) -> None:
        own = CollectorRegistry()
        self.statuses = statuses
        self.passes = Counter("swell_collector_passes", "Passes over the machine.", registry=own)
        self.missed = Counter(
            "swell_collector_missed_passes", "Passes and scrapes left out for being late.", registry=own
        )
        self.samples = Counter("swell_collector_samples", "Samples collected.", registry=own)
        self.leading = Gauge(
            "swell_collector_leading", "Whether this collector speaks for the cluster.", registry=own
        )
        where = ["destination", "outcome"]
        self.bodies = Counter(
            "swell_collector_bodies", "Requests by what became of them.", where, registry=own
        )
        self.sent_samples = Counter(
            "swell_collector_sent_samples", "Samples by what became of them.", where, registry=own
        )
        self.sent_bytes = Counter("swell_collector_sent_bytes", "Bytes sent.", ["destination"], registry=own)
        self.send_seconds = Histogram(
            "swell_collector_send_seconds",
            "Seconds until a request was answered, or given up.",
            ["destination"],
            buckets=_SECONDS,
            registry=own,
        )
        self.gauges = {
            name: Gauge(f"swell_collector_{name}", text, ["destination"], registry=own)
            for name, text in (
                ("spool_bytes", "Bytes that wait on disk."),
                ("spool_bodies", "Requests that wait on disk."),
                ("pending_bytes", "Bytes that wait in memory."),
                ("remote_write_version", "Version of remote write that is sent."),
                ("last_sent_timestamp_seconds", "When the last request was taken."),
            )
        }
        self._own = own
        registry.register(self)

    def collect(self) -> Iterable[Metric]:
        """All of them, for the registry."""
        yield from self._own.collect()
        yield from target_metrics(self.statuses())

    def readings(self) -> list[Reading]:
        """All of them, for a push."""
        return grouped(row for metric in self.collect() for row in rows_of(metric))


class Sent:
    """The metrics of one destination. error: what failed last, '' when nothing has since the last success."""

    def __init__(self, telemetry: Telemetry, destination: str) -> None:
        self._telemetry = telemetry
        self._name = destination
        self._gauges = {name: gauge.labels(destination) for name, gauge in telemetry.gauges.items()}
        self._seconds = telemetry.send_seconds.labels(destination)
        self._bytes = telemetry.sent_bytes.labels(destination)
        self.error = ""

    def sent(self, samples: int, size_bytes: int, version: int, now_s: float) -> None:
        """A body was taken."""
        self._count("sent", 1, samples)
        self._bytes.inc(size_bytes)
        self._gauges["remote_write_version"].set(version)
        self._gauges["last_sent_timestamp_seconds"].set(now_s)
        self.error = ""

    def spooled(self, samples: int) -> None:
        """A body went to the disk."""
        self._count("spooled", 1, samples)

    def lost(self, outcome: str, bodies: int, samples: int) -> None:
        """Bodies and samples are not sent, and will not be."""
        self._count(outcome, bodies, samples)

    def filtered(self, samples: int) -> None:
        """Samples that the destination is not to have."""
        self._telemetry.sent_samples.labels(self._name, "filtered").inc(samples)

    def waiting(self, spool_bytes: int, spool_bodies: int, pending_bytes: int) -> None:
        """What waits."""
        self._gauges["spool_bytes"].set(spool_bytes)
        self._gauges["spool_bodies"].set(spool_bodies)
        self._gauges["pending_bytes"].set(pending_bytes)

    def seconds(self, seconds: float) -> None:
        """How long a request took."""
        self._seconds.observe(seconds)

    def failed(self, reason: str) -> None:
        """A request failed."""
        self.error = reason

    def _count(self, outcome: str, bodies: int, samples: int) -> None:
        self._telemetry.bodies.labels(self._name, outcome).inc(bodies)
        self._telemetry.sent_samples.labels(self._name, outcome).inc(samples)


def target_metrics(statuses: Sequence[Status]) -> Iterator[Metric]:
    """State, last scrape, duration, samples, drops and error of each target."""
    up = Metric("swell_collector_target_up", "Whether the target's last scrape succeeded.", "gauge")
    last = Metric("swell_collector_target_last_scrape_timestamp_seconds", "When it began.", "gauge")
    duration = Metric("swell_collector_target_scrape_seconds", "How long it took.", "gauge")
    samples = Metric("swell_collector_target_samples", "Samples on the target's page.", "gauge")
    error = Metric("swell_collector_target_error", "1, with what is wrong with the target.", "gauge")
    dropped = Metric("swell_collector_target_dropped_samples", "Samples left out, by reason.", "counter")
    for status in statuses:
        if status.health is Health.UNKNOWN:
            continue
        labels = _target_labels(status)
        up.add_sample(up.name, labels, float(status.health is Health.UP))
        if status.last_scrape_ms:
            last.add_sample(last.name, labels, status.last_scrape_ms / 1000)
        duration.add_sample(duration.name, labels, status.duration_s)
        samples.add_sample(samples.name, labels, float(status.samples))
        if status.error:
            error.add_sample(error.name, {**labels, "error": status.error[:200]}, 1.0)
        for reason, count in status.drops.items():
            dropped.add_sample(f"{dropped.name}_total", {**labels, "reason": reason}, float(count))
    yield from (up, last, duration, samples, error, dropped)


def _target_labels(status: Status) -> dict[str, str]:
    target = status.target
    values = (target.labels.get("job", target.job), target.labels.get("instance", ""), target.url)
    return dict(zip(_LABELS, values, strict=True))


def rows_of(metric: Metric) -> Iterator[Row]:
    """The samples of one of the library's metrics."""
    for sample in metric.samples:
        # Beside its value the library gives a counter the time of its creation.
        if not sample.name.endswith("_created"):
            part_of = metric.name if metric.type in ("histogram", "summary") else ""
            family = Family(
                sample.name,
                _TYPES.get(metric.type, MetricType.UNKNOWN),
                metric.documentation,
                tuple(sample.labels),
                part_of,
            )
            yield family, tuple(sample.labels.values()), sample.value
