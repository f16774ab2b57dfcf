"""Delivery to one destination: posted at once, or spooled and posted in order when it is back."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

import xxhash

from collector.body import Body
from collector.downgrade import downgraded
from collector.sender import Answer, Sender
from collector.spool import Losses, Spool, sync
from collector.telemetry import Sent
from storage.errors import DecodeError

log = logging.getLogger(__name__)

_FIRST_DELAY_S: Final = 1.0
_LONGEST_DELAY_S: Final = 60.0
_SYNC_S: Final = 1.0


@dataclass(slots=True)
class Delivery:
    """Sends bodies over a few lanes; those of one source stay in order.

    While the destination is away, slower than what comes or has bodies waiting on disk, what comes goes to
    the disk too, and is sent oldest first. memory_bytes: of bodies that wait in memory. version: of remote
    write that the destination is asked for; 1 once it is seen not to know 2. now: seconds since the epoch.
    jitter: a number in [0, 1). After a failure at `failed_at` there is no attempt before `retry_at`, unless
    the clock was set back.
    """

    name: str
    sender: Sender
    spool: Spool
    telemetry: Sent
    memory_bytes: int = 32 << 20
    version: int = 2
    now: Callable[[], float] = time.time
    jitter: Callable[[], float] = random.random
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    failed_at: float = 0.0
    retry_at: float = 0.0
    failures: int = 0
    is_confirmed: bool = False
    pending_bytes: int = 0
    lanes: tuple[asyncio.Queue[Body], ...] = field(
        default_factory=lambda: tuple(asyncio.Queue() for _ in range(4))
    )
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def offer(self, source: str, body: Body) -> None:
        """Take a body over. It is posted by `run`, or on disk on return."""
        if self._is_behind() or self.pending_bytes + len(body.content) > self.memory_bytes:
            self._keep(body)
        else:
            self.pending_bytes += len(body.content)
            self.lanes[xxhash.xxh32_intdigest(source.encode()) % len(self.lanes)].put_nowait(body)
        self.report()

    async def run(self) -> None:
        """Send until cancelled; what is not sent by then goes to the disk."""
        try:
            async with asyncio.TaskGroup() as tasks:
                for lane in self.lanes:
                    tasks.create_task(self._send(lane))
                tasks.create_task(self._drain())
                tasks.create_task(self._sync())
        finally:
            for lane in self.lanes:
                while not lane.empty():
                    self._settle(lane.get_nowait(), is_done=False)
            self.report()

    async def wait_sent(self) -> None:
        """Until nothing waits in memory, nor on disk for a destination that is there."""
        while self.pending_bytes or (len(self.spool) and not self._backs_off()):
            self.changed.clear()
            await self.changed.wait()

    async def close(self) -> None:
        """Release the connections and the spool, when `run` has ended."""
        await self.sender.close()
        self.spool.close()

    def report(self) -> None:
        """Bring own metrics up to date."""
        losses, self.spool.losses = self.spool.losses, Losses()
        self.telemetry.lost("full", losses.full, losses.full_samples)
        self.telemetry.lost("damaged", losses.damaged, 0)
        self.telemetry.waiting(self.spool.size_bytes, len(self.spool), self.pending_bytes)

    async def _send(self, lane: asyncio.Queue[Body]) -> None:
        while True:
            body = await lane.get()
            is_done = False
            try:
                # What waits on disk came later than what waits in memory.
                is_done = not self._backs_off() and await self._attempt(body)
            finally:
                self._settle(body, is_done)

    def _settle(self, body: Body, is_done: bool) -> None:
        if not is_done:
            self._keep(body)
        self.pending_bytes -= len(body.content)
        self.changed.set()
        self.report()

    async def _drain(self) -> None:
        """Post what waits on disk, oldest first, when nothing older is on its way from memory."""
        while True:
            while not len(self.spool) or self.pending_bytes:
                self.changed.clear()
                await self.changed.wait()
            if self._backs_off():
                await self.sleep(max(0.001, self.retry_at - self.now()))
                continue
            await self._post_oldest()
            self.changed.set()
            self.report()

    async def _post_oldest(self) -> None:
        try:
            body = self.spool.oldest()
            if body is not None and await self._attempt(body):
                self.spool.remove_oldest()
        except OSError as error:
            log.error("%s: cannot read the spool: %s", self.name, error)  # noqa: TRY400 - the disk's fault
            self._wait_for(_LONGEST_DELAY_S)

    async def _sync(self) -> None:
        while True:
            await asyncio.sleep(_SYNC_S)
            paths = self.spool.unsynced()
            if paths:
                await asyncio.to_thread(sync, paths)

    async def _attempt(self, body: Body) -> bool:
        """Post; true when the body is done with, sent or refused for good."""
        if body.version > self.version:
            try:
                body = downgraded(body)
            except DecodeError as error:
                self.telemetry.failed(str(error))
                self.telemetry.lost("refused", 1, body.samples)
                return True
        begin = time.perf_counter()
        answer = await self.sender.post(body)
        self.telemetry.seconds(time.perf_counter() - begin)
        if self._is_unknown(body, answer):
            log.warning("%s: remote write 2.0 is not understood, 1.0 is sent: %s", self.name, answer.reason)
            self.version = 1
            return await self._attempt(body)
        if answer.retry:
            self._back_off(answer)
            return False
        self._conclude(body, answer)
        return True

    def _is_unknown(self, body: Body, answer: Answer) -> bool:
        if body.version == 1 or self.version == 1:
            return body.version == 2 and self.version == 1 and answer.is_unknown
        wrote_nothing = answer.ok and answer.written == 0 and body.samples > 0 and not self.is_confirmed
        return answer.is_unknown or wrote_nothing

    def _conclude(self, body: Body, answer: Answer) -> None:
        self.failures = 0
        if answer.ok:
            self.is_confirmed |= bool(answer.written)
            self.telemetry.sent(body.samples, len(body.content), body.version, self.now())
            return
        self.telemetry.failed(answer.reason)
        self.telemetry.lost("refused", 1, max(0, body.samples - (answer.written or 0)))
        log.error("%s: a request is refused for good: %s", self.name, answer.reason)

    def _back_off(self, answer: Answer) -> None:
        """Twice as long each time, spread so that a fleet does not come back in step."""
        delay_s = min(_FIRST_DELAY_S * 2**self.failures, _LONGEST_DELAY_S) * (0.5 + 0.5 * self.jitter())
        self.failures = min(self.failures + 1, 30)
        self._wait_for(max(delay_s, answer.after_s))
        self.telemetry.failed(answer.reason)
        wait_s = self.retry_at - self.failed_at
        log.warning("%s is away, next attempt in %.1f s: %s", self.name, wait_s, answer.reason)

    def _wait_for(self, seconds: float) -> None:
        self.failed_at = self.now()
        self.retry_at = self.failed_at + seconds

    def _backs_off(self) -> bool:
        return self.failed_at <= self.now() < self.retry_at

    def _is_behind(self) -> bool:
        return bool(len(self.spool)) or self._backs_off()

    def _keep(self, body: Body) -> None:
        try:
            self.spool.append(body)
        except OSError as error:
            log.error("%s: cannot spool a request: %s", self.name, error)  # noqa: TRY400 - as above
            self.telemetry.lost("unwritable", 1, body.samples)
            return
        self.telemetry.spooled(body.samples)
        self.changed.set()
