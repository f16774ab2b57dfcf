"""The node collector as a whole: wiring, its loop, its ways to run."""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Callable
from threading import Event, Thread
from types import FrameType

from prometheus_client import CollectorRegistry

from collector.bearer import Token
from collector.delivery import Delivery, Sender
from collector.exposition import exposition
from collector.families import Reading
from collector.lines import LineCache
from collector.node.reader import NodeReader
from collector.node.sources import node_sources
from collector.push import Pusher
from collector.schedule import Schedule
from collector.settings import NodeSettings
from collector.spool import Spool
from collector.telemetry import Telemetry

log = logging.getLogger(__name__)

_LAST_S = 3.0
"""How long a clean shutdown waits for the service; what it does not take is spooled."""


class Collector:
    """Reads and pushes until it is told to stop.

    now: seconds since the epoch. wait: sleeps at most so many seconds, true when told to stop meanwhile; both
    are the system's unless given. Raises ConfigError when the spool cannot be used.
    """

    def __init__(
        self,
        settings: NodeSettings,
        registry: CollectorRegistry | None = None,
        now: Callable[[], float] = time.time,
        wait: Callable[[float], bool] | None = None,
    ) -> None:
        self._stopped = Event()
        self._now = now
        self._wait = wait or self._stopped.wait
        self._schedule = Schedule.of(settings.interval_s, f"{settings.job} {settings.instance}")
        self._telemetry = Telemetry(registry or CollectorRegistry())
        self._pusher = pusher(settings, now, self._telemetry.readings)
        sender = Sender(
            settings.write_url, Token(settings.token, settings.token_file), settings.timeout_s, now
        )
        spool = Spool(settings.spool_dir, settings.spool_max_bytes)
        self._delivery = Delivery(sender, spool, self._telemetry, now)
        self._thread: Thread | None = None

    def start(self) -> None:
        """Run in a thread."""
        self._thread = Thread(target=self.run, name="collector", daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float = 10.0) -> None:
        """End cleanly: the last body says that all series end here. Waits for it, `timeout_s` at most."""
        self.request_stop()
        if self._thread is not None:
            self._thread.join(timeout_s)

    def request_stop(self) -> None:
        """Ask the loop to end; safe in a signal handler."""
        self._stopped.set()

    def run(self) -> None:
        """Pass after pass until told to stop, the first at once."""
        due_ms = self._now_ms()
        try:
            while not self._stopped.is_set():
                due_ms = self._pass(due_ms)
                if self._idle_until(due_ms):
                    break
            self._say_goodbye()
        finally:
            self._delivery.close()

    def _pass(self, due_ms: int) -> int:
        """One pass; gives when the next is due."""
        now_ms = self._now_ms()
        begin = time.perf_counter()
        body = self._pusher.next_body(self._schedule.stamp(due_ms, now_ms))
        self._telemetry.pass_seconds.set(time.perf_counter() - begin)
        self._telemetry.passes.inc()
        self._telemetry.missed.inc(self._schedule.missed(due_ms, now_ms))
        self._telemetry.samples.inc(body.samples)
        next_ms = self._schedule.after(now_ms)
        self._delivery.deliver(body.content, next_ms / 1000)
        return next_ms

    def _idle_until(self, due_ms: int) -> bool:
        """Wait for the next pass, sending what waits whenever its time comes; true when told to stop.

        A pass that is further away than an interval is due at once: the clock was set back.
        """
        until, interval_s = due_ms / 1000, self._schedule.interval_ms / 1000
        while 0 < until - (now := self._now()) <= interval_s:
            wake = self._delivery.wake_at
            if wake is not None and wake <= now:
                self._delivery.drain(until, self._stopped.is_set)
                if self._stopped.is_set():
                    return True
                continue
            if self._wait(min(until, until if wake is None else wake) - now):
                return True
        return self._stopped.is_set()

    def _say_goodbye(self) -> None:
        body = self._pusher.last_body(self._now_ms())
        self._delivery.deliver(body.content, self._now() + _LAST_S)

    def _now_ms(self) -> int:
        return round(self._now() * 1000)


def pusher(
    settings: NodeSettings,
    now: Callable[[], float] = time.time,
    further: Callable[[], list[Reading]] = list,
) -> Pusher:
    """A pusher over this machine, as the settings say, and over what `further` adds."""
    reader = NodeReader(node_sources(settings.choice, now), settings.roots)
    return Pusher(reader.read, LineCache(settings.target), further=further)


def collect_node(settings: NodeSettings, registry: CollectorRegistry | None = None) -> None:
    """Run in the main thread until SIGTERM or SIGINT. Raises ConfigError."""
    collector = Collector(settings, registry)

    def stop(signum: int, _frame: FrameType | None) -> None:
        log.info("stopping on %s", signal.Signals(signum).name)
        collector.request_stop()

    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, stop)
    log.info("collecting %s every %g s for %s", settings.proc_root, settings.interval_s, settings.write_url)
    collector.run()


def node_exposition(settings: NodeSettings) -> str:
    """What one pass would send, as text; nothing is sent."""
    readings, _ = pusher(settings).next_pass()
    return exposition(readings, settings.target)
