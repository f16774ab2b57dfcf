"""What rules and notifications say about themselves, as Prometheus metrics."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram

from alerts.group import RunningGroup

_DURATIONS_S = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30)


class AlertMetrics:
    """Counters of one evaluator, on the registry that is passed in."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.evaluations = Counter(
            "swell_rule_evaluations", "Rule evaluations by outcome.", ["outcome"], registry=registry
        )
        self.missed = Counter(
            "swell_rule_group_iterations_missed",
            "Evaluations of a group that did not happen because it was late.",
            registry=registry,
        )
        self.group_s = Histogram(
            "swell_rule_group_duration_seconds",
            "Time of one evaluation of a group.",
            buckets=_DURATIONS_S,
            registry=registry,
        )

    def observe(self, running: RunningGroup) -> None:
        """Count the evaluation that a group has just ended."""
        self.group_s.observe(running.report.duration_s)
        for rule in running.rules:
            self.evaluations.labels(rule.report.health).inc()


class NotificationMetrics:
    """Counters of notifications, by receiver and outcome: sent, failed or dropped."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.notifications = Counter(
            "swell_notifications",
            "Notifications by receiver and outcome.",
            ["receiver", "outcome"],
            registry=registry,
        )
