"""Notices reach a real HTTP receiver: once a change, after the repeat interval, after a failure."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from alerts.delivery import Delivery
from alerts.metrics import NotificationMetrics
from alerts.notify import Message, Notice, Notifier
from alerts.receivers import load_receivers
from alerts.slack import SlackNotifier, slack_json
from alerts.state import Alert, Phase
from alerts.webhook import WebhookNotifier
from storage.errors import ConfigError
from tests.alerts.receiver import Receiver, receiving

HOUR_MS = 3_600_000
LABELS = (("alertname", "High"), ("pod", "a<b>"), ("severity", "warning"))
NOTES = (("runbook_url", "https://run.book/high"), ("summary", "Load & co are high"))


def firing(fired_at_ms: int = 1_000) -> Notice:
    return Notice(Alert(LABELS, NOTES, 1.5, Phase.FIRING, 0, fired_at_ms), "load > 1", "g")


def resolved() -> Notice:
    return Notice(Alert(LABELS, NOTES, 1.5, Phase.INACTIVE, 0, 1_000, 61_000), "load > 1", "g")


@contextmanager
def delivering(notifier: Notifier) -> Iterator[tuple[Delivery, CollectorRegistry]]:
    registry = CollectorRegistry()
    delivery = Delivery("chat", notifier, NotificationMetrics(registry), "http://swell", wait=lambda _: False)
    delivery.start()
    yield delivery, registry
    delivery.stop()


def count(registry: CollectorRegistry, outcome: str) -> float:
    labels = {"receiver": "chat", "outcome": outcome}
    return registry.get_sample_value("swell_notifications_total", labels) or 0.0


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


def test_a_change_is_told_once_and_repeated_after_the_interval(receiver: Receiver) -> None:
    with delivering(WebhookNotifier(receiver.url)) as (delivery, registry):
        delivery.take([firing()], 1_000)
        delivery.take([firing()], 2_000)
        delivery.take([firing()], 1_000 + 4 * HOUR_MS)
        delivery.take([resolved()], 5 * HOUR_MS)
        delivery.take([resolved()], 5 * HOUR_MS + 1)

    assert [body["status"] for body in receiver.bodies] == ["firing", "firing", "resolved"]
    assert count(registry, "sent") == 3


def test_an_end_is_not_told_to_who_never_heard_of_the_beginning(receiver: Receiver) -> None:
    with delivering(WebhookNotifier(receiver.url)) as (delivery, _):
        delivery.take([resolved()], 1_000)

    assert receiver.bodies == []


def test_the_webhook_has_the_shape_of_alertmanagers(receiver: Receiver) -> None:
    with delivering(WebhookNotifier(receiver.url)) as (delivery, _):
        delivery.take([firing()], 1_000)

    assert receiver.bodies == [
        {
            "version": "4",
            "groupKey": '{}:{alertname="High"}',
            "truncatedAlerts": 0,
            "status": "firing",
            "receiver": "chat",
            "groupLabels": {"alertname": "High"},
            "commonLabels": dict(LABELS),
            "commonAnnotations": dict(NOTES),
            "externalURL": "http://swell",
            "alerts": [
                {
                    "status": "firing",
                    "labels": dict(LABELS),
                    "annotations": dict(NOTES),
                    "startsAt": "1970-01-01T00:00:01.000Z",
                    "endsAt": "0001-01-01T00:00:00Z",
                    "generatorURL": "http://swell/ui/explore?q=load%20%3E%201",
                    "fingerprint": firing().alert.fingerprint,
                }
            ],
        }
    ]


def test_a_chat_message_says_what_where_since_when_and_escapes_it(receiver: Receiver) -> None:
    with delivering(SlackNotifier(receiver.url)) as (delivery, _):
        delivery.take([firing()], 1_000)

    (body,) = receiver.bodies
    (attachment,) = body["attachments"]
    fields = {field["title"]: field["value"] for field in attachment["fields"]}
    assert body["text"] == "*High*: 1 firing"
    assert attachment["title"] == "[FIRING] Load &amp; co are high"
    assert attachment["text"] == "<https://run.book/high|runbook>"
    assert fields["Value"] == "1.5"
    assert fields["Where"] == "`pod=a&lt;b&gt;` `severity=warning`"
    assert "1970-01-01 00:00:00 UTC" in fields["Since"]


def test_a_resolved_alert_is_green() -> None:
    (attachment,) = slack_json(Message("chat", "High", [resolved()], ""))["attachments"]

    assert attachment["color"] == "#2e7d32"
    assert attachment["title"].startswith("[RESOLVED]")
    assert "title_link" not in attachment


def test_a_passing_failure_is_tried_again() -> None:
    with (
        receiving(503, 429) as receiver,
        delivering(WebhookNotifier(receiver.url)) as (delivery, registry),
    ):
        delivery.take([firing()], 1_000)
        receiver.wait_for(3)

    assert count(registry, "sent") == 1


def test_what_a_receiver_refuses_is_offered_again_by_the_next_evaluation() -> None:
    with receiving(404) as receiver, delivering(WebhookNotifier(receiver.url)) as (delivery, registry):
        delivery.take([firing()], 1_000)
        delivery.stop()
        delivery.start()
        delivery.take([firing()], 2_000)
        receiver.wait_for(2)

    assert count(registry, "failed") == 1
    assert count(registry, "sent") == 1


RECEIVERS = {
    "no list": ("name: x", "expected a list"),
    "unknown type": ("[{name: a, type: pigeon, url: 'http://x'}]", "receiver 1 'a', type: is 'pigeon'"),
    "bad url": ("[{name: a, type: slack, url: 'ftp://secret'}]", "url: is not a URL"),
    "twice": (
        "[{name: a, type: slack, url: 'http://x'}, {name: a, type: slack, url: 'http://x'}]",
        "stands twice",
    ),
}


@pytest.mark.parametrize(("text", "message"), RECEIVERS.values(), ids=RECEIVERS.keys())
def test_a_wrong_receiver_is_refused_without_its_secret(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "receivers.yaml"
    path.write_text(text)

    with pytest.raises(ConfigError, match=message) as raised:
        load_receivers(path)

    assert "secret" not in str(raised.value)
