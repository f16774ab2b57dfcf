"""All targets: each is scraped in its own phase, for as long as it is there."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from collector.schedule import Schedule
from collector.scrape.fetch import Fetch
from collector.scrape.scrape import Scrape, source_of
from collector.scrape.status import Status
from collector.sweep import Sweep
from collector.target import Target

Take = Callable[[Sweep], None]


@dataclass(slots=True)
class _Tended:
    """A target that is being scraped."""

    scrape: Scrape
    task: asyncio.Task[None]


@dataclass(slots=True)
class Scraper:
    """Scrapes targets until cancelled.

    external: labels of every series that lacks them, such as `cluster`. has_extra: a report has the timeout,
    the limit on samples and the size of the page too. refresh_s: how often the set of targets is looked at.
    now: seconds since the epoch. sleep: as asyncio's.
    """

    external: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    has_extra: bool = False
    refresh_s: float = 1.0
    now: Callable[[], float] = time.time
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    missed: int = 0
    _tended: dict[str, _Tended] = field(default_factory=dict)

    @property
    def statuses(self) -> tuple[Status, ...]:
        """Every target as of its last scrape."""
        return tuple(tended.scrape.status for tended in self._tended.values())

    async def run(self, targets: Callable[[], Sequence[Target]], take: Take) -> None:
        """Scrape what `targets` gives at the moment; `take` gets the sweeps, and ends of what is gone.

        Where it is cancelled, all series end. An exception of `targets` or `take` ends it too.
        """
        fetch = Fetch()
        known: Sequence[Target] | None = None
        try:
            while True:
                found = targets()
                if found is not known:
                    await self._follow(found, fetch, take)
                    known = found
                self._raise_faults()
                await self.sleep(self.refresh_s)
        finally:
            for name in [*self._tended]:
                await self._end(name, take)
            await fetch.close()

    async def _follow(self, targets: Sequence[Target], fetch: Fetch, take: Take) -> None:
        """Begin with new targets, end those that are gone; one that changed begins again where it was."""
        wanted = {source_of(target): target for target in targets}
        for name in [name for name in self._tended if name not in wanted]:
            await self._end(name, take)
        for name, target in wanted.items():
            known = self._tended.get(name)
            if known is not None and known.scrape.target == target:
                continue
            scrape = Scrape(target, fetch, self.external, self.has_extra)
            if known is not None:
                await _cancelled(known.task)
                scrape.succeed(known.scrape)
            self._tended[name] = _Tended(scrape, asyncio.create_task(self._tend(scrape, name, take)))

    async def _tend(self, scrape: Scrape, name: str, take: Take) -> None:
        """Scrape after scrape; one that takes too long leaves out those that it overran."""
        schedule = Schedule.of(scrape.target.interval_ms / 1000, name)
        due_ms = schedule.after(self._now_ms())
        while True:
            await self.sleep(max(0, due_ms - self._now_ms()) / 1000)
            stamp_ms = schedule.stamp(due_ms, self._now_ms())
            take(await scrape.once(stamp_ms))
            now_ms = self._now_ms()
            self.missed += schedule.missed(due_ms, now_ms)
            # A timer may fire just before its time, and must not fire for the same moment twice.
            later_ms = schedule.after(max(now_ms, due_ms))
            due_ms = later_ms if later_ms - now_ms <= 2 * schedule.interval_ms else schedule.after(now_ms)

    async def _end(self, name: str, take: Take) -> None:
        tended = self._tended.pop(name)
        await _cancelled(tended.task)
        take(tended.scrape.last(self._now_ms()))

    def _raise_faults(self) -> None:
        for tended in self._tended.values():
            if tended.task.done() and not tended.task.cancelled():
                tended.task.result()

    def _now_ms(self) -> int:
        return round(self.now() * 1000)


async def _cancelled(task: asyncio.Task[None]) -> None:
    """End a task, whatever became of it."""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
