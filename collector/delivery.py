"""Delivery of bodies: posted at once, or spooled and posted in order when the service is back."""

from __future__ import annotations

import ipaddress
import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import httpx

from collector.bearer import Token
from collector.spool import Losses, Spool
from collector.telemetry import Telemetry

log = logging.getLogger(__name__)

HEADERS = {
    "Content-Type": "application/x-protobuf",
    "Content-Encoding": "snappy",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
    "User-Agent": "swell-collector",
}
_REASON_BYTES = 300
_PASSING = frozenset((401, 403, 404, 408, 429))
"""The address, the token or the load is to blame, not the body, which waits until an operator mends it."""
_FIRST_DELAY_S = 1.0
_LONGEST_DELAY_S = 60.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What the service said. retry: whether the same body may succeed later; after_s: when it wants it."""

    ok: bool
    retry: bool = False
    after_s: float = 0.0
    reason: str = ""


@dataclass(slots=True)
class Sender:
    """Posts bodies to one address, over a connection that is kept open."""

    url: str
    token: Token
    timeout_s: float
    now: Callable[[], float] = time.time
    client: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        # A proxy of the environment is for the way out, not for this machine.
        self.client = httpx.Client(headers=HEADERS, trust_env=not _is_loopback(self.url))

    def post(self, content: bytes, timeout_s: float | None = None) -> Answer:
        """One attempt."""
        timeout = min(self.timeout_s, timeout_s) if timeout_s else self.timeout_s
        try:
            response = self.client.post(
                self.url, content=content, headers=self.token.headers(), timeout=timeout
            )
        except httpx.HTTPError as error:
            return Answer(False, retry=True, reason=f"{type(error).__name__}: {error}")
        return self._judge(response)

    def close(self) -> None:
        """Close the connection."""
        self.client.close()

    def _judge(self, response: httpx.Response) -> Answer:
        if response.is_success:
            return Answer(True)
        reason = f"{response.status_code}: {response.text[:_REASON_BYTES].strip()}"
        if response.status_code in _PASSING or response.status_code >= 500:
            after_s = retry_after_s(response.headers.get("Retry-After", ""), self.now())
            return Answer(False, retry=True, after_s=after_s, reason=reason)
        return Answer(False, reason=reason)


def retry_after_s(value: str, now_s: float) -> float:
    """The header Retry-After, seconds or a date (RFC 9110, 10.2.3), as seconds from now; 0 for none."""
    if value.strip().isdigit():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - now_s)
    except ValueError:
        return 0.0


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@dataclass(slots=True)
class Delivery:
    """Sends bodies in order. `now` gives seconds since the epoch, `jitter` a number in [0, 1).

    After a failure at `failed_at` there is no attempt before `retry_at`, unless the clock was set back.
    """

    sender: Sender
    spool: Spool
    telemetry: Telemetry
    now: Callable[[], float] = time.time
    jitter: Callable[[], float] = random.random
    failed_at: float = 0.0
    retry_at: float = 0.0
    failures: int = 0

    def deliver(self, content: bytes, until: float) -> None:
        """Take a body over: post it when nothing waits before it, else spool it. Ends before `until`."""
        if len(self.spool) or self._backs_off() or not self._attempt(content, until):
            self._keep(content)
        self._report()

    def drain(self, until: float, stopped: Callable[[], bool] = lambda: False) -> None:
        """Post what waits, oldest first, until all is sent, the service fails, it is `until` or `stopped`."""
        try:
            while self.now() < until and not self._backs_off() and not stopped():
                content = self.spool.oldest()
                if content is None or not self._attempt(content, until):
                    break
                self.spool.remove_oldest()
        except OSError as error:
            log.error("cannot read the spool: %s", error)  # noqa: TRY400 - the disk's fault, not the program's
            self._wait_for(_LONGEST_DELAY_S)
        self._report()

    @property
    def wake_at(self) -> float | None:
        """When `drain` has something to do, the past for at once; None when nothing waits."""
        if not len(self.spool):
            return None
        return self.retry_at if self._backs_off() else 0.0

    def close(self) -> None:
        """Release the connection and the spool."""
        self.sender.close()
        self.spool.close()

    def _attempt(self, content: bytes, until: float) -> bool:
        """Post; true when the body is done with, sent or refused for good."""
        answer = self.sender.post(content, max(1.0, until - self.now()))
        if answer.retry:
            self._back_off(answer)
            return False
        self.failures = 0
        self.telemetry.bodies.labels("sent" if answer.ok else "refused").inc()
        if not answer.ok:
            log.error("the service refused a request for good: %s", answer.reason)
        return True

    def _back_off(self, answer: Answer) -> None:
        """Twice as long each time, spread so that a fleet does not come back in step."""
        delay_s = min(_FIRST_DELAY_S * 2**self.failures, _LONGEST_DELAY_S) * (0.5 + 0.5 * self.jitter())
        self.failures += 1
        self._wait_for(max(delay_s, answer.after_s))
        wait_s = self.retry_at - self.failed_at
        log.warning("the service is away, next attempt in %.1f s: %s", wait_s, answer.reason)

    def _wait_for(self, seconds: float) -> None:
        self.failed_at = self.now()
        self.retry_at = self.failed_at + seconds

    def _backs_off(self) -> bool:
        return self.failed_at <= self.now() < self.retry_at

    def _keep(self, content: bytes) -> None:
        try:
            self.spool.append(content)
        except OSError as error:
            log.error("cannot spool a request: %s", error)  # noqa: TRY400 - as above
            self.telemetry.bodies.labels("unwritable").inc()
            return
        self.telemetry.bodies.labels("spooled").inc()

    def _report(self) -> None:
        losses, self.spool.losses = self.spool.losses, Losses()
        self.telemetry.bodies.labels("full").inc(losses.full)
        self.telemetry.bodies.labels("damaged").inc(losses.damaged)
        self.telemetry.spool_bytes.set(self.spool.size_bytes)
        self.telemetry.spool_bodies.set(len(self.spool))
