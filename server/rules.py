"""The rules of this process: the evaluator, and whom it tells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from alerts import rules
from alerts.evaluator import Evaluator
from alerts.group import World
from alerts.history import StoredHistory
from alerts.receivers import Receivers, load_receivers
from ingest.pipeline import Pipeline
from query.engine import Engine
from server.settings import Settings
from storage.interface import SeriesCatalogue, Storage


@dataclass(frozen=True, slots=True)
class Alerting:
    """The evaluator and its receivers, started and stopped together."""

    evaluator: Evaluator
    receivers: Receivers

    def start(self) -> None:
        """Begin to deliver, then to evaluate."""
        self.receivers.start()
        self.evaluator.start()

    def stop(self) -> None:
        """End the evaluations under way, then deliver what they brought."""
        self.evaluator.stop()
        self.receivers.stop()


def build(
    settings: Settings,
    storage: Storage,
    catalogue: SeriesCatalogue,
    engine: Engine,
    pipeline: Pipeline,
    registry: CollectorRegistry,
    clock: Callable[[], float],
) -> Alerting:
    """Load rules and receivers. Raises `ConfigError` that names file, group, rule and key."""
    alerts = settings.alerts
    known = load_receivers(alerts.receivers_file) if alerts.receivers_file else ()
    receivers = Receivers(known, registry, alerts.external_url)
    interval_ms = int(alerts.evaluation_interval_s * 1000)
    evaluator = Evaluator(
        load=lambda: rules.load(alerts.rule_files, interval_ms),
        world=World(
            engine=engine,
            appender=pipeline,
            flush=pipeline.flush,
            history=StoredHistory(storage, catalogue),
            external_url=alerts.external_url,
            timeout_s=settings.query.timeout_s,
        ),
        registry=registry,
        notify=receivers.take,
        clock=clock,
    )
    return Alerting(evaluator, receivers)
