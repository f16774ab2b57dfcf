"""Notices to one receiver: which are worth telling, in a bounded queue, by a thread of its own, with retries.

A receiver that fails or hangs never holds up an evaluation. What could not be told is offered again by the
next evaluation, for as long as the alert fires or its end is remembered.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from alerts.metrics import NotificationMetrics
from alerts.notify import DeliveryError, Message, Notice, Notifier

_LOG = logging.getLogger("swell.alerts")
_QUEUED_MESSAGES: Final = 1_000
_STOP: Final = None


@dataclass(frozen=True, slots=True)
class Told:
    """What a receiver was last told of an alert: firing or resolved, of which firing, and when."""

    is_firing: bool
    fired_at_ms: int | None
    at_ms: int


class Delivery:
    """Tells one receiver. `take` may be called from any thread.

    `wait(seconds)` is called between tries and returns true when it is time to stop.
    """

    def __init__(
        self,
        name: str,
        notifier: Notifier,
        metrics: NotificationMetrics,
        external_url: str = "",
        repeat_interval_ms: int = 4 * 3_600_000,
        tries: int = 5,
        first_pause_s: float = 1.0,
        wait: Callable[[float], bool] | None = None,
    ) -> None:
        self.name = name
        self._notifier = notifier
        self._metrics = metrics
        self._external_url = external_url
        self._repeat_interval_ms = repeat_interval_ms
        self._tries = tries
        self._first_pause_s = first_pause_s
        self._stopping = threading.Event()
        self._wait = wait or self._stopping.wait
        self._queue: queue.Queue[Message | None] = queue.Queue(_QUEUED_MESSAGES)
        self._lock = threading.Lock()
        self._told: dict[str, Told] = {}
        self._thread: threading.Thread | None = None

    def take(self, notices: Sequence[Notice], now_ms: int) -> None:
        """Queue what the receiver does not know yet or is due to hear again; never blocks."""
        with self._lock:
            new = [notice for notice in notices if self._is_news(notice, now_ms)]
            for name in dict.fromkeys(notice.name for notice in new):
                self._offer(name, [notice for notice in new if notice.name == name], now_ms)

    def start(self) -> None:
        """Begin to deliver."""
        self._stopping.clear()
        self._thread = threading.Thread(target=self._deliver_all, name=f"notify-{self.name}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Deliver what is queued, without further retries, and end."""
        self._stopping.set()
        if self._thread is None:
            return
        self._queue.put(_STOP)
        self._thread.join()
        self._thread = None

    def _is_news(self, notice: Notice, now_ms: int) -> bool:
        told = self._told.get(notice.alert.fingerprint)
        if told is None:
            return notice.is_firing
        if told.is_firing != notice.is_firing or told.fired_at_ms != notice.alert.fired_at_ms:
            return notice.is_firing or told.is_firing
        return notice.is_firing and now_ms - told.at_ms >= self._repeat_interval_ms

    def _offer(self, name: str, notices: Sequence[Notice], now_ms: int) -> None:
        message = Message(self.name, name, notices, self._external_url)
        try:
            self._queue.put_nowait(message)
        except queue.Full:
            self._count("dropped")
            return
        for notice in notices:
            fired_at_ms = notice.alert.fired_at_ms
            self._told[notice.alert.fingerprint] = Told(notice.is_firing, fired_at_ms, now_ms)
        self._forget_old(now_ms)

    def _forget_old(self, now_ms: int) -> None:
        """Resolved alerts are offered for a quarter of an hour at most; a repeat interval is longer."""
        oldest_ms = now_ms - max(self._repeat_interval_ms, 3_600_000)
        self._told = {
            key: told for key, told in self._told.items() if told.is_firing or told.at_ms > oldest_ms
        }

    def _deliver_all(self) -> None:
        while (message := self._queue.get()) is not _STOP:
            self._deliver(message)

    def _deliver(self, message: Message) -> None:
        for attempt in range(self._tries):
            try:
                self._notifier.send(message)
            except DeliveryError as error:
                _LOG.warning("receiver %r %s (try %d)", self.name, error, attempt + 1)
                last = attempt + 1 == self._tries or error.is_final
                if last or self._wait(self._first_pause_s * 2**attempt):
                    break
            else:
                self._count("sent")
                return
        self._count("failed")
        self._untell(message)

    def _untell(self, message: Message) -> None:
        """Let the next evaluation offer these alerts again."""
        with self._lock:
            for notice in message.notices:
                key, told = notice.alert.fingerprint, self._told.get(notice.alert.fingerprint)
                if told is None or told.is_firing != notice.is_firing:
                    continue
                if notice.is_firing:
                    del self._told[key]
                else:
                    self._told[key] = Told(True, told.fired_at_ms, told.at_ms)

    def _count(self, outcome: str) -> None:
        self._metrics.notifications.labels(self.name, outcome).inc()
