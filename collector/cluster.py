"""What there is once in a cluster: the state of its objects, told by one of several collectors."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol

from collector.discovery.kubernetes.cluster import Watch
from collector.kube.change import Resource
from collector.kube.election import Election
from collector.kube.reflector import Tally
from collector.passes import Take
from collector.schedule import Schedule
from collector.scrape.status import Health, Status
from collector.state.state import Calls, State
from collector.target import Target

_LISTED_S: Final = 30.0
"""How long the first sweep waits for lists that do not come, such as those that are forbidden."""


class Part(Protocol):
    """One source of sweeps."""

    async def run(self, take: Take) -> None:
        """Hand sweeps over until cancelled."""

    @property
    def statuses(self) -> Sequence[Status]:
        """What is read, as targets, as of the last time."""


@dataclass(slots=True)
class Telling:
    """Follows objects and tells their state every `interval_s`.

    made: the state as it begins; each run begins anew, since nobody watched in between. ends: whether all
    series end with it; not so where another collector goes on with them. tallies: what became of the calls of
    `watch`, by resource. now: seconds since the epoch.
    """

    made: Callable[[], State]
    watch: Watch
    interval_s: float
    ends: bool
    tallies: Mapping[str, Tally]
    now: Callable[[], float] = time.time
    status: Status | None = None
    state: State = field(init=False)

    def __post_init__(self) -> None:
        self.state = self.made()

    @property
    def statuses(self) -> Sequence[Status]:
        """The last sweep as a target's state."""
        return () if self.status is None else (self.status,)

    async def run(self, take: Take) -> None:
        """Until cancelled."""
        self.state = self.made()
        try:
            async with asyncio.TaskGroup() as tasks:
                for resource in self.state.resources:
                    tasks.create_task(self._follow(resource))
                tasks.create_task(self._tell(take))
        finally:
            if self.ends:
                for sweep in self.state.last(self._now_ms()):
                    take(sweep)

    async def _follow(self, resource: Resource[Any]) -> None:
        async for change in self.watch(resource):
            self.state.take(resource.plural, change)

    async def _tell(self, take: Take) -> None:
        await self._wait_listed()
        schedule = Schedule.of(self.interval_s, f"state {self.state.target.get('instance', '')}")
        due_ms = self._now_ms()
        while True:
            begin, samples = time.perf_counter(), 0
            for sweep in self.state.sweeps(schedule.stamp(due_ms, self._now_ms())):
                samples += len(sweep.lines)
                take(sweep)
                await asyncio.sleep(0)  # watches and scrapes go on meanwhile
            self._conclude(time.perf_counter() - begin, samples)
            due_ms = schedule.after(max(due_ms, self._now_ms()))
            await asyncio.sleep(max(0, due_ms - self._now_ms()) / 1000)

    async def _wait_listed(self) -> None:
        """A cluster that is half known would look as if the other half were gone."""
        deadline = time.monotonic() + _LISTED_S
        while not all(stock.lists for stock in self.state.stocks.values()):
            if time.monotonic() > deadline:
                return
            await asyncio.sleep(0.05)

    def _conclude(self, duration_s: float, samples: int) -> None:
        target = self.state.target
        errors = [f"{plural}: {tally.error}" for plural, tally in self.tallies.items() if tally.error]
        status = self.status or Status(Target("kubernetes", target.get("job", "state"), target))
        self.status = replace(
            status,
            health=Health.UP,
            last_scrape_ms=self._now_ms(),
            duration_s=duration_s,
            samples=samples,
            kept=samples,
            error="; ".join(errors),
            scrapes=status.scrapes + 1,
        )

    def _now_ms(self) -> int:
        return round(self.now() * 1000)


@dataclass(slots=True)
class Elected:
    """A part that runs while this collector leads. leading: told of it."""

    part: Part
    election: Election
    leading: Callable[[float], None] = lambda _: None

    @property
    def statuses(self) -> Sequence[Status]:
        """Those of the part."""
        return self.part.statuses

    async def run(self, take: Take) -> None:
        """Until cancelled."""
        try:
            while True:
                self.leading(0)
                await self.election.wait_elected()
                self.leading(1)
                await self._lead(take)
        finally:
            self.leading(0)
            if self.election.holder == self.election.identity:
                await asyncio.shield(self.election.release())

    async def _lead(self, take: Take) -> None:
        running = asyncio.create_task(self.part.run(take))
        holding = asyncio.create_task(self.election.wait_lost())
        try:
            await asyncio.wait((running, holding), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (holding, running):
                task.cancel()
            await asyncio.gather(holding, running, return_exceptions=True)
        if running.done() and not running.cancelled():
            running.result()


@dataclass(slots=True)
class Together:
    """Several parts as one."""

    parts: Sequence[Part]

    @property
    def statuses(self) -> Sequence[Status]:
        """Those of all parts."""
        return [status for part in self.parts for status in part.statuses]

    async def run(self, take: Take) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for part in self.parts:
                tasks.create_task(part.run(take))


def calls_of(tallies: Mapping[str, Tally]) -> Callable[[], Mapping[str, Calls]]:
    """What became of a client's calls, as the state tells it."""
    return lambda: {
        plural: Calls(tally.listed, tally.list_errors, tally.watched, tally.watch_errors, tally.refused)
        for plural, tally in tallies.items()
    }
