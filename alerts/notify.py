"""What receivers are told, and the contract of what tells them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from alerts.links import explore_url
from alerts.state import ALERT_NAME, Alert, Phase
from storage.errors import Error


class DeliveryError(Error):
    """A receiver did not take a message. `is_final` says that trying again is of no use."""

    def __init__(self, message: str, is_final: bool = False) -> None:
        super().__init__(message)
        self.is_final = is_final


@dataclass(frozen=True, slots=True)
class Notice:
    """An alert that fires or has resolved, the expression that raised it, and the name of its group."""

    alert: Alert
    expression: str
    group: str

    @property
    def is_firing(self) -> bool:
        """Whether it fires now; otherwise it has resolved."""
        return self.alert.phase is Phase.FIRING

    @property
    def name(self) -> str:
        """The rule's name."""
        return dict(self.alert.labels).get(ALERT_NAME, "")


@dataclass(frozen=True, slots=True)
class Message:
    """Notices that go out together: those of one alert name. `external_url` is '' where none is set."""

    receiver: str
    name: str
    notices: Sequence[Notice]
    external_url: str

    @property
    def status(self) -> str:
        """`firing` while any of the alerts fires, else `resolved`."""
        return "firing" if any(notice.is_firing for notice in self.notices) else "resolved"

    def source_url(self, notice: Notice) -> str:
        """Where a person sees the expression on a chart."""
        return explore_url(self.external_url, notice.expression)


class Notifier(Protocol):
    """Tells one receiver."""

    def send(self, message: Message) -> None:
        """Deliver a message, once. Raises `DeliveryError`."""
