"""Watches what happens in a cluster, and posts it to the service."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp
import msgspec

from collector.bearer import Token
from collector.families import Reading, counter
from collector.kube.change import Change, Resource
from collector.kube.client import ApiError
from collector.kube.events import EVENTS, Events
from collector.kube.happening import Happening, encoded
from collector.kube.lifecycle import NODES, WORKLOADS, Compared, nodes, version_changed, workloads
from collector.scrape.access import Access
from collector.target import Trust
from storage.errors import ScrapeError

log = logging.getLogger(__name__)

EVENT_PATH: Final = "/api/v2/event"
_MOST_WAITING: Final = 10_000
_AT_ONCE: Final = 500
_GATHER_S: Final = 2.0
_VERSION_S: Final = 300.0
_LONGEST_PAUSE_S: Final = 60.0
_TELLING: Final = counter(
    "swell_collector_happenings_total", "What happened in the cluster, by what became of it.", "outcome"
)

Watch = Callable[[Resource[Any]], AsyncIterator[Change[Any]]]
Pause = Callable[[float], Awaitable[None]]


class _Version(msgspec.Struct, frozen=True):
    git_version: str = msgspec.field(name="gitVersion", default="")


@dataclass(slots=True)
class Announcing:
    """Follows Events, nodes, workloads and the version of a cluster.

    watch: how resources are followed. version: the answer to `/version`. url: of the service, '' for none,
    without a path. labels: annotations of every happening, such as `cluster`. now: seconds since the epoch.
    Happenings wait in memory while the service is away, the oldest go when 10,000 wait.
    """

    watch: Watch
    version: Callable[[], Awaitable[bytes]]
    session: aiohttp.ClientSession
    url: str
    token: Token
    labels: Mapping[str, str] = field(default_factory=dict)
    trust: Trust = field(default_factory=Trust)
    now: Callable[[], float] = time.time
    events: Events = field(default_factory=Events)
    error: str = ""
    _waiting: deque[Happening] = field(default_factory=deque)
    _came: asyncio.Event = field(default_factory=asyncio.Event)
    _outcomes: dict[str, float] = field(
        default_factory=lambda: dict.fromkeys(("sent", "refused", "full"), 0.0)
    )
    _access: Access = field(default_factory=Access)

    def readings(self) -> list[Reading]:
        """Occurrences of Events, and what became of happenings."""
        return [*self.events.readings(), _TELLING.by(self._outcomes)]

    async def run(self, pause: Pause = asyncio.sleep) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow_events())
            tasks.create_task(self._follow(NODES, nodes()))
            for kind, resource in WORKLOADS.items():
                tasks.create_task(self._follow(resource, workloads(kind)))
            tasks.create_task(self._follow_version(pause))
            tasks.create_task(self._post_all(pause))

    async def _follow_events(self) -> None:
        async for change in self.watch(EVENTS):
            happening = self.events.take(change)
            if happening is not None:
                self.tell(happening)

    async def _follow(self, resource: Resource[Any], compared: Compared) -> None:
        async for change in self.watch(resource):
            for happening in compared.take(change, round(self.now() * 1000)):
                self.tell(happening)

    async def _follow_version(self, pause: Pause) -> None:
        before = ""
        while True:
            try:
                now = msgspec.json.decode(await self.version(), type=_Version).git_version
            except (ApiError, msgspec.MsgspecError) as error:
                log.debug("the cluster's version: %s", error)
            else:
                if before and now != before:
                    self.tell(version_changed(before, now, round(self.now() * 1000)))
                before = now
            await pause(_VERSION_S)

    def tell(self, happening: Happening) -> None:
        """Put one among those that wait."""
        if not self.url:
            return
        if len(self._waiting) >= _MOST_WAITING:
            self._waiting.popleft()
            self._outcomes["full"] += 1
        self._waiting.append(happening)
        self._came.set()

    async def _post_all(self, pause: Pause) -> None:
        failures = 0
        while True:
            await self._came.wait()
            await pause(_GATHER_S if failures == 0 else min(_LONGEST_PAUSE_S, 2.0**failures))
            batch = [self._waiting.popleft() for _ in range(min(_AT_ONCE, len(self._waiting)))]
            failures = 0 if await self._post(batch) else failures + 1
            if failures:
                self._waiting.extendleft(reversed(batch))
            elif not self._waiting:
                self._came.clear()

    async def _post(self, batch: list[Happening]) -> bool:
        """Whether they are done with: taken, or refused for good."""
        try:
            is_tls = self.url.startswith("https:")
            async with self.session.post(
                self.url.rstrip("/") + EVENT_PATH,
                data=encoded(batch, self.labels),
                headers={"Content-Type": "application/json", **self.token.headers()},
                ssl=self._access.tls(self.trust) if is_tls else True,
                server_hostname=self.trust.server_name or None,
                timeout=aiohttp.ClientTimeout(total=30),
            ) as answer:
                return self._concluded(answer.status, len(batch))
        except (aiohttp.ClientError, TimeoutError, OSError, ScrapeError) as error:
            self._failed(str(error) or type(error).__name__)
            return False

    def _concluded(self, status: int, count: int) -> bool:
        if status < 300:
            self._outcomes["sent"] += count
            self.error = ""
            return True
        self._failed(f"{EVENT_PATH} answered {status}")
        if status in (401, 403, 408, 429) or status >= 500:
            return False
        self._outcomes["refused"] += count
        return True

    def _failed(self, error: str) -> None:
        if not self.error:
            log.warning("happenings wait: %s", error)
        self.error = error
