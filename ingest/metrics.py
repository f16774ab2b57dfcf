"""What the write path says about itself, as Prometheus metrics."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_FAST_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5)


class IngestMetrics:
    """Counters of one pipeline, on the registry that is passed in."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "swell_ingest_requests",
            "Requests by protocol and status.",
            ["protocol", "status"],
            registry=registry,
        )
        self.samples = Counter("swell_ingest_samples", "Samples made durable.", registry=registry)
        self.refused = Counter(
            "swell_ingest_refused_samples", "Samples refused, by reason.", ["reason"], registry=registry
        )
        self.dropped = Counter(
            "swell_ingest_dropped_samples",
            "Samples left out on purpose: by relabel rules, or of replicas that stand by.",
            ["reason"],
            registry=registry,
        )
        self.refused_requests = Counter(
            "swell_ingest_refused_requests",
            "Requests refused whole, by reason.",
            ["reason"],
            registry=registry,
        )
        self.active_series = Gauge(
            "swell_ingest_active_series",
            "Series that had a sample within ingest.active_window_s.",
            registry=registry,
        )
        self.known_series = Gauge(
            "swell_ingest_known_series", "Series in memory, active or not.", registry=registry
        )
        self.waiting_samples = Gauge(
            "swell_ingest_waiting_samples", "Durable samples not yet stored.", registry=registry
        )
        self.connections = Gauge(
            "swell_ingest_connections", "Open connections on TCP ports of senders.", registry=registry
        )
        self.wal_bytes = Gauge("swell_ingest_wal_bytes", "Bytes of the write-ahead log.", registry=registry)
        self.sync_s = Histogram(
            "swell_ingest_wal_sync_seconds",
            "Time of one sync of the log.",
            buckets=_FAST_S,
            registry=registry,
        )
        self.stored = Counter(
            "swell_ingest_stored_samples", "Samples written to the store.", registry=registry
        )
        self.store_s = Histogram(
            "swell_ingest_store_seconds",
            "Time of one batch to the store.",
            buckets=_FAST_S,
            registry=registry,
        )
        self.store_errors = Counter(
            "swell_ingest_store_errors",
            "Batches that the store refused and that are retried.",
            registry=registry,
        )
        self.quarantined = Counter(
            "swell_ingest_quarantined_samples",
            "Samples set aside because the store refuses them.",
            registry=registry,
        )
        self.quarantined_batches = Gauge(
            "swell_ingest_quarantined_batches", "Batches in quarantine.", registry=registry
        )
        self.damaged_bytes = Counter(
            "swell_ingest_wal_damaged_bytes", "Bytes of the log unreadable at start.", registry=registry
        )
