"""Slack's incoming webhooks, which Mattermost and Discord (at its path `/slack`) take as well."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from alerts.gotemplate.values import printf
from alerts.notify import Message, Notice
from alerts.post import Poster
from alerts.state import ALERT_NAME

_RED: Final = "#d32f2f"
_AMBER: Final = "#f9a825"
_GREEN: Final = "#2e7d32"
_MOST_ALERTS: Final = 20
_LONGEST: Final = 2_000
_TITLES: Final = ("summary", "message", "description")


class SlackNotifier:
    """Posts one attachment an alert: colour, title, summary, since when, value, labels, links."""

    def __init__(self, url: str) -> None:
        self._poster = Poster(url)

    def send(self, message: Message) -> None:
        """See `Notifier.send`."""
        self._poster.post(slack_json(message))


def slack_json(message: Message) -> dict[str, Any]:
    """The body of a message. Beyond twenty alerts only their number is told."""
    shown = message.notices[:_MOST_ALERTS]
    left = len(message.notices) - len(shown)
    text = f"{_headline(message)}{f' ({left} more not shown)' if left else ''}"
    return {"text": text, "attachments": [_attachment(message, notice) for notice in shown]}


def _headline(message: Message) -> str:
    firing = sum(notice.is_firing for notice in message.notices)
    resolved = len(message.notices) - firing
    counts = [f"{n} {word}" for n, word in ((firing, "firing"), (resolved, "resolved")) if n]
    return f"*{escape(message.name)}*: {', '.join(counts)}"


def _attachment(message: Message, notice: Notice) -> dict[str, Any]:
    alert = notice.alert
    notes = dict(alert.annotations)
    state = "firing" if notice.is_firing else "resolved"
    title = next((notes[name] for name in _TITLES if notes.get(name)), notice.name)
    link = message.source_url(notice)
    return {
        "color": _colour(notice),
        "fallback": escape(f"[{state}] {notice.name}: {title}"),
        "title": escape(f"[{state.upper()}] {title}"),
        **({"title_link": link} if link else {}),
        "text": _body(notes, title),
        "fields": _fields(notice),
        "ts": (alert.resolved_at_ms or alert.fired_at_ms or alert.active_at_ms) // 1000,
        "mrkdwn_in": ["text", "fields"],
    }


def _body(notes: dict[str, str], title: str) -> str:
    lines = [escape(notes[name]) for name in ("description", "message") if notes.get(name, title) != title]
    lines += [
        f"<{_link(url)}|{escape(name.removesuffix('_url'))}>"
        for name, url in notes.items()
        if name.endswith("_url") and url.startswith(("http://", "https://"))
    ]
    return "\n".join(lines)[:_LONGEST]


def _fields(notice: Notice) -> list[dict[str, Any]]:
    alert = notice.alert
    labels = " ".join(
        f"`{escape(name)}={escape(value)}`" for name, value in alert.labels if name != ALERT_NAME
    )
    fields = [
        {"title": "Since", "value": _when(alert.active_at_ms), "short": True},
        {"title": "Value", "value": printf("%.4g", [alert.value]), "short": True},
    ]
    if alert.resolved_at_ms is not None:
        fields.append({"title": "Until", "value": _when(alert.resolved_at_ms), "short": True})
    if labels:
        fields.append({"title": "Where", "value": labels[:_LONGEST], "short": False})
    return fields


def _when(time_ms: int) -> str:
    """A time that clients show in the reader's zone, with UTC for those that do not."""
    seconds = time_ms // 1000
    return f"<!date^{seconds}^{{date_short_pretty}} {{time_secs}}|{_utc(seconds)}>"


def _utc(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _colour(notice: Notice) -> str:
    if not notice.is_firing:
        return _GREEN
    severity = dict(notice.alert.labels).get("severity", "")
    return _AMBER if severity in ("warning", "info", "none") else _RED


def escape(text: str) -> str:
    """Text in which Slack sees no link, mention or entity."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _link(url: str) -> str:
    return escape(url).replace("|", "%7C")
