"""The parts that one process runs, built from its settings and started and stopped in order."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector

from collector.collect import Collector
from ingest.aliases.table import Aliases
from ingest.limits import Limits
from ingest.pipeline import Pipeline
from ingest.protocols.otlp.names import Strategy
from ingest.protocols.otlp.sources import Options
from ingest.protocols.otlp.translator import Translator
from ingest.protocols.otlp.warm import warm_up as warm_up_otlp
from ingest.protocols.wavefront.warm import warm_up as warm_up_wavefront
from ingest.pushed.groups import Groups
from ingest.pushed.repeater import Repeater
from ingest.relabel.document import read_rules
from ingest.replicas import ReplicaLabels
from ingest.series.door import Door
from ingest.warm import warm_up
from query.engine import Engine
from query.limits import QueryLimits
from server import rules
from server.collecting import of_up
from server.ingest_settings import IngestSettings
from server.rules import Alerting
from server.settings import Settings
from storage.catalogue import Catalogue
from storage.clickhouse import ClickHouseStorage
from storage.embedded import open_embedded
from storage.errors import ConfigError
from storage.retention import Retention
from storage.server import open_server

_LOG = logging.getLogger("swell")


class Part(Enum):
    """What a process can run."""

    INGEST = "ingest"
    QUERY = "query"
    ALERTS = "alerts"
    DASHBOARDS = "dashboards"
    COLLECTOR = "collector"


EVERYTHING = frozenset(Part)


@dataclass(slots=True)
class Parts:
    """Everything that runs here. `pipeline` also serves the alerts' own samples."""

    settings: Settings
    running: frozenset[Part]
    registry: CollectorRegistry
    storage: ClickHouseStorage
    catalogue: Catalogue
    engine: Engine
    pipeline: Pipeline | None
    alerting: Alerting | None
    executor: ThreadPoolExecutor
    query_executor: ThreadPoolExecutor
    retention: Retention
    otlp: Translator
    pushed: Groups
    wavefront_names: Aliases
    repeater: Repeater | None = None
    collector: Collector | None = None
    is_serving: bool = False

    def is_ready(self) -> bool:
        """Whether requests should be sent here."""
        return self.is_serving and (self.pipeline is None or self.pipeline.is_ready)

    def start_background(self) -> None:
        """Start what talks to this process's own HTTP server, which listens by now."""
        self.is_serving = True
        if self.alerting is not None:
            self.alerting.start()
        if Part.COLLECTOR in self.running and self.settings.collect.enabled:
            self.collector = Collector(of_up(self.settings, own_url(self.settings)), self.registry)
            self.collector.start()
        self.retention.start()
        if self.repeater is not None:
            self.repeater.start()

    def stop_background(self) -> None:
        """Stop it again, while the server still answers: the collector's last push has to arrive."""
        if self.collector is not None:
            self.collector.stop()
        if self.alerting is not None:
            self.alerting.stop()
        self.retention.stop()
        if self.repeater is not None:
            self.repeater.stop()
        self.is_serving = False

    def close(self) -> None:
        """Store what was acknowledged, then release everything."""
        if self.pipeline is not None:
            self.pipeline.stop()
        self.executor.shutdown()
        self.query_executor.shutdown(cancel_futures=True)
        self.engine.close()
        self.storage.close()


def build(settings: Settings, running: frozenset[Part], clock: Callable[[], float] = time.time) -> Parts:
    """Open the store and make the parts. Raises `ConfigError` and `StorageError`."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    storage = _open(settings, running)
    catalogue = Catalogue(storage)
    engine = Engine(storage, catalogue, _query_limits(settings))
    pipeline = None
    if running & {Part.INGEST, Part.ALERTS}:
        pipeline = _pipeline(settings, storage, running, registry, clock)
        warm_up()
        warm_up_otlp()
        warm_up_wavefront()
        pipeline.start()
    alerting = None
    if Part.ALERTS in running and pipeline is not None:
        alerting = rules.build(settings, storage, catalogue, engine, pipeline, registry, clock)
    pushed = Groups(settings.data_dir / "pushed", settings.ingest.pushed_series)
    return Parts(
        settings=settings,
        running=running,
        registry=registry,
        storage=storage,
        catalogue=catalogue,
        engine=engine,
        pipeline=pipeline,
        alerting=alerting,
        executor=ThreadPoolExecutor(settings.ingest.workers, thread_name_prefix="ingest"),
        query_executor=ThreadPoolExecutor(settings.query.workers, thread_name_prefix="answer"),
        retention=Retention(
            storage, settings.storage.retention_days, clock, threading.Event().wait, catalogue
        ),
        otlp=_translator(settings),
        pushed=pushed,
        wavefront_names=Aliases(settings.ingest.wavefront_memory_bytes),
        repeater=_repeater(settings, running, pushed, pipeline, clock),
    )


def _translator(settings: Settings) -> Translator:
    ingest = settings.ingest
    return Translator(
        Options(
            Strategy(ingest.otlp_names),
            tuple(ingest.otlp_promote),
            ingest.otlp_scope_labels,
            ingest.otlp_starts,
            ingest.otlp_delta_series,
            ingest.otlp_memory_bytes,
        )
    )


def _repeater(
    settings: Settings,
    running: frozenset[Part],
    pushed: Groups,
    pipeline: Pipeline | None,
    clock: Callable[[], float],
) -> Repeater | None:
    if Part.INGEST not in running or pipeline is None or not settings.ingest.pushed_interval_s:
        return None
    return Repeater(pushed, pipeline, settings.ingest.pushed_interval_s, clock)


def own_url(settings: Settings) -> str:
    """Where this process reaches itself."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)
    return f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"


def _open(settings: Settings, running: frozenset[Part]) -> ClickHouseStorage:
    if settings.storage.url != "embedded":
        return open_server(settings.storage.url)
    if running != EVERYTHING:
        names = ", ".join(sorted(part.value for part in running))
        raise ConfigError(
            f"storage.url: 'embedded' belongs to one process, which `swell up` is; to run {names} apart, "
            "give a clickhouse:// URL"
        )
    return open_embedded(settings.data_dir / "store")


def _pipeline(
    settings: Settings,
    storage: ClickHouseStorage,
    running: frozenset[Part],
    registry: CollectorRegistry,
    clock: Callable[[], float],
) -> Pipeline:
    ingest = settings.ingest
    limits = Limits(
        max_body_bytes=ingest.max_body_bytes,
        max_pending_bytes=ingest.max_pending_bytes,
        body_timeout_s=ingest.body_timeout_s,
        max_decoded_bytes=ingest.max_decoded_bytes,
        max_request_rows=ingest.max_request_rows,
        max_series=ingest.max_series,
        active_window_ms=int(ingest.active_window_s * 1000),
        max_new_series_a_minute=ingest.max_new_series_a_minute,
        max_samples_per_s=ingest.max_samples_per_s,
        max_labels=ingest.max_labels,
        max_label_name_bytes=ingest.max_label_name_bytes,
        max_label_value_bytes=ingest.max_label_value_bytes,
        max_future_ms=int(ingest.max_future_s * 1000),
        max_past_ms=int(ingest.max_past_s * 1000),
    )
    name = "wal" if Part.INGEST in running else "wal-alerts"
    return Pipeline(
        storage,
        settings.data_dir / name,
        limits,
        registry,
        clock,
        flush_rows=ingest.flush_rows,
        flush_interval_s=ingest.flush_interval_s,
        buffer_bytes=ingest.buffer_bytes,
        wal_bytes=ingest.wal_bytes,
        quarantine_bytes=ingest.quarantine_bytes,
        min_free_bytes=ingest.min_free_bytes,
        door=_door(ingest),
        max_bins=ingest.max_bins,
    )


def _door(ingest: IngestSettings) -> Door:
    path, cluster = ingest.relabel_file, ingest.ha_cluster_label
    rules = () if path is None else read_rules(path, "ingest.relabel_file")
    failover_ms = int(ingest.ha_failover_s * 1000)
    return Door(rules, ReplicaLabels(cluster, ingest.ha_replica_label, failover_ms) if cluster else None)


def _query_limits(settings: Settings) -> QueryLimits:
    query = settings.query
    return QueryLimits(
        lookback_ms=int(query.lookback_s * 1000),
        timeout_s=query.timeout_s,
        max_series=query.max_series,
        max_samples=query.max_samples,
        max_steps=query.max_steps,
        max_bytes=query.max_bytes,
        max_length=query.max_length,
        max_depth=query.max_depth,
        delayed_names=query.delayed_name_removal,
    )
