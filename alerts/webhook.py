"""The generic webhook, with the JSON of Alertmanager's (its documentation, configuration, webhook_config)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from alerts.notify import Message, Notice
from alerts.post import Poster
from alerts.state import ALERT_NAME
from storage.model import Labels

_NEVER: Final = "0001-01-01T00:00:00Z"


class WebhookNotifier:
    """Posts version 4 of the format to a URL."""

    def __init__(self, url: str) -> None:
        self._poster = Poster(url)

    def send(self, message: Message) -> None:
        """See `Notifier.send`."""
        self._poster.post(webhook_json(message))


def webhook_json(message: Message) -> dict[str, Any]:
    """The body of a message."""
    notices = message.notices
    return {
        "version": "4",
        "groupKey": f'{{}}:{{{ALERT_NAME}="{message.name}"}}',
        "truncatedAlerts": 0,
        "status": message.status,
        "receiver": message.receiver,
        "groupLabels": {ALERT_NAME: message.name},
        "commonLabels": _shared([notice.alert.labels for notice in notices]),
        "commonAnnotations": _shared([notice.alert.annotations for notice in notices]),
        "externalURL": message.external_url,
        "alerts": [_alert(message, notice) for notice in notices],
    }


def _alert(message: Message, notice: Notice) -> dict[str, Any]:
    alert = notice.alert
    return {
        "status": "firing" if notice.is_firing else "resolved",
        "labels": dict(alert.labels),
        "annotations": dict(alert.annotations),
        "startsAt": rfc3339(alert.fired_at_ms or alert.active_at_ms),
        "endsAt": _NEVER if alert.resolved_at_ms is None else rfc3339(alert.resolved_at_ms),
        "generatorURL": message.source_url(notice),
        "fingerprint": alert.fingerprint,
    }


def rfc3339(time_ms: int) -> str:
    """A time in UTC with milliseconds."""
    moment = datetime.fromtimestamp(time_ms / 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def _shared(sets: Sequence[Labels]) -> dict[str, str]:
    """What all sets agree on."""
    found = dict(sets[0]) if sets else {}
    for other in sets[1:]:
        values = dict(other)
        found = {name: value for name, value in found.items() if values.get(name) == value}
    return found
