"""Who is told: a YAML list of receivers, and the deliveries made of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from prometheus_client import CollectorRegistry

from alerts.delivery import Delivery
from alerts.documents import Section, read
from alerts.metrics import NotificationMetrics
from alerts.notify import Notice, Notifier
from alerts.slack import SlackNotifier
from alerts.webhook import WebhookNotifier
from storage.errors import ConfigError

_KINDS: Final[dict[str, Callable[[str], Notifier]]] = {"webhook": WebhookNotifier, "slack": SlackNotifier}
_REPEAT_INTERVAL_MS: Final = 4 * 3_600_000


@dataclass(frozen=True, slots=True)
class Receiver:
    """One receiver. `type` is webhook or slack; `repeat_interval_ms` is when a firing alert is told again."""

    name: str
    type: str
    url: str
    repeat_interval_ms: int = _REPEAT_INTERVAL_MS


def load_receivers(path: Path) -> tuple[Receiver, ...]:
    """Receivers of a file: a list of mappings with name, type, url and perhaps repeat_interval.

    Raises `ConfigError` that names file, receiver and key; a URL is a secret and is never shown.
    """
    document = read(path)
    if not isinstance(document, list):
        raise ConfigError(f"{path}: holds a {type(document).__name__}, expected a list of receivers")
    receivers = tuple(_receiver(f"{path}: receiver {n}", item) for n, item in enumerate(document, 1))
    names = [receiver.name for receiver in receivers]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"{path}: receiver {name!r} stands twice, expected a name of its own")
    return receivers


class Receivers:
    """Tells every receiver of every alert."""

    def __init__(
        self, receivers: Sequence[Receiver], registry: CollectorRegistry, external_url: str = ""
    ) -> None:
        metrics = NotificationMetrics(registry)
        self._deliveries = [
            Delivery(
                receiver.name,
                _KINDS[receiver.type](receiver.url),
                metrics,
                external_url,
                receiver.repeat_interval_ms,
            )
            for receiver in receivers
        ]

    def take(self, notices: Sequence[Notice], now_ms: int) -> None:
        """Offer notices to every receiver; never blocks."""
        for delivery in self._deliveries:
            delivery.take(notices, now_ms)

    def start(self) -> None:
        """Begin to deliver."""
        for delivery in self._deliveries:
            delivery.start()

    def stop(self) -> None:
        """Deliver what is queued and end."""
        for delivery in self._deliveries:
            delivery.stop()


def _receiver(place: str, item: Any) -> Receiver:
    section = Section.of(place, item, ("name", "type", "url", "repeat_interval"))
    name, kind, url = section.text("name"), section.text("type"), section.text("url")
    section = Section(f"{place} {name!r}", section.content)
    if kind not in _KINDS:
        raise section.error("type", f"is {kind!r}, expected {' or '.join(_KINDS)}")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise section.error("url", "is not a URL that begins with http:// or https://")
    return Receiver(name, kind, url, section.duration_ms("repeat_interval", _REPEAT_INTERVAL_MS))
