"""Targets that come and go, and the moments of their scrapes, by a clock that tests turn."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import pytest

from collector.schedule import Schedule
from collector.scrape.scrape import source_of
from collector.scrape.scraper import Scraper
from collector.sweep import Sweep
from collector.target import Target
from ingest.relabel.rules import Action, Rule
from tests.collector.scrape.serving import Pages, serving
from tests.collector.scrape.test_scrape import content, own, target


@dataclass(slots=True)
class Clock:
    """Seconds since the epoch; time passes only by `pass_until`."""

    now_s: float = 1_790_000_000.0
    sleepers: list[tuple[float, int, asyncio.Future[None]]] = field(default_factory=list)
    count: int = 0

    def now(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        waiting = asyncio.get_running_loop().create_future()
        self.count += 1
        heapq.heappush(self.sleepers, (self.now_s + seconds, self.count, waiting))
        await waiting

    async def pass_until(self, condition: Callable[[], bool]) -> None:
        """Let time pass, from one moment at which somebody wakes to the next."""
        while not condition():
            await settled()
            while self.sleepers and self.sleepers[0][2].done():
                heapq.heappop(self.sleepers)
            if condition():
                return
            if self.sleepers:
                at, _, waiting = heapq.heappop(self.sleepers)
                self.now_s = max(self.now_s, at)
                if not waiting.done():
                    waiting.set_result(None)


async def settled() -> None:
    """Let everything happen that needs no time: pages come over real sockets."""
    for _ in range(20):
        await asyncio.sleep(0.0005)


@pytest.fixture
def pages() -> Iterator[Pages]:
    with serving() as found:
        yield found


@dataclass(slots=True)
class World:
    """A scraper that runs."""

    clock: Clock = field(default_factory=Clock)
    targets: Sequence[Target] = ()
    taken: list[tuple[float, Sweep]] = field(default_factory=list)

    def take(self, sweep: Sweep) -> None:
        self.taken.append((self.clock.now_s, sweep))

    def of(self, one: Target) -> list[Sweep]:
        return [sweep for _, sweep in self.taken if sweep.source == source_of(one)]


def running(work: Callable[[World, Scraper], Awaitable[None]]) -> World:
    async def run() -> World:
        world = World()
        scraper = Scraper({"cluster": "c"}, now=world.clock.now, sleep=world.clock.sleep)
        task = asyncio.create_task(scraper.run(lambda: world.targets, world.take))
        try:
            await work(world, scraper)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        return world

    return asyncio.run(run())


def plain(sweep: Sweep) -> dict[str, str]:
    return {
        series.replace(" cluster=c", ""): value for series, value in own(sweep).items() if series[0] == "m"
    }


def test_targets_are_scraped_at_their_phases_and_stamped_with_them(pages: Pages) -> None:
    urls = [pages.put(b"m 1\n", f"/{number}") for number in range(3)]

    async def work(world: World, _: Scraper) -> None:
        world.targets = [target(url, interval_ms=15_000) for url in urls]
        await world.clock.pass_until(lambda: len(world.taken) >= 9)

    world = running(work)
    for url in urls:
        one = target(url)
        schedule = Schedule.of(15, source_of(one))
        times = [int(sweep.times_ms[0]) for sweep in world.of(one) if not sweep.is_last]
        assert {time % 15_000 for time in times} == {schedule.phase_ms % 15_000}
        assert {later - before for before, later in pairwise(times)} <= {15_000}


def test_a_target_that_goes_is_ended_and_one_that_comes_is_begun(pages: Pages) -> None:
    first, second = (target(pages.put(b"m 1\n", f"/{name}")) for name in "ab")

    async def work(world: World, scraper: Scraper) -> None:
        world.targets = [first]
        await world.clock.pass_until(lambda: bool(world.of(first)))
        world.targets = [second]
        await world.clock.pass_until(lambda: bool(world.of(second)))
        assert [status.target for status in scraper.statuses] == [second]

    world = running(work)
    last = world.of(first)[-1]
    assert last.is_last
    assert set(content(last).values()) == {"end"}


def test_a_target_whose_rules_change_goes_on(pages: Pages) -> None:
    one = target(pages.put(b"m 1\nm2 1\n"))
    drop = Rule(action=Action.DROP, source_labels=("__name__",), regex="m2")

    async def work(world: World, _: Scraper) -> None:
        world.targets = [one]
        await world.clock.pass_until(lambda: bool(world.of(one)))
        world.targets = [replace(one, rules=(drop,))]
        await world.clock.pass_until(lambda: len(world.of(one)) > 1)

    world = running(work)
    assert not world.of(one)[1].is_last
    assert plain(world.of(one)[1]) == {"m": "1", "m2": "end"}


def test_all_series_end_with_the_scraper(pages: Pages) -> None:
    one = target(pages.put(b"m 1\n"))

    async def work(world: World, _: Scraper) -> None:
        world.targets = [one]
        await world.clock.pass_until(lambda: bool(world.of(one)))

    assert running(work).of(one)[-1].is_last


def test_a_scrape_that_takes_long_leaves_out_those_that_it_overran(pages: Pages) -> None:
    clock: list[Clock] = []
    url = pages.put(b"m 1\n")

    def late() -> None:
        if len(pages.asked) == 2:
            clock[0].now_s += 40

    pages.put(b"m 1\n", before=late)

    async def work(world: World, scraper: Scraper) -> None:
        clock.append(world.clock)
        world.targets = [target(url)]
        await world.clock.pass_until(lambda: len(world.taken) >= 3)
        assert scraper.missed == 2

    world = running(work)
    times = [int(sweep.times_ms[0]) for _, sweep in world.taken[:3]]
    assert times[2] - times[1] == 45_000


def test_what_fails_behind_the_scraper_ends_it(pages: Pages) -> None:
    async def run() -> None:
        clock = Clock()
        scraper = Scraper(now=clock.now, sleep=clock.sleep)

        def refuse(sweep: Sweep) -> None:
            if not sweep.is_last:
                raise LookupError("full")

        found = [target(pages.put(b"m 1\n"))]
        task = asyncio.create_task(scraper.run(lambda: found, refuse))
        await clock.pass_until(task.done)
        with pytest.raises(LookupError):
            await task

    asyncio.run(run())


def test_a_thousand_targets_are_spread_over_the_interval() -> None:
    phases: list[Any] = [
        Schedule.of(15, source_of(target(f"http://10.0.{n // 256}.{n % 256}:9100/metrics"))).phase_ms
        for n in range(1000)
    ]

    assert max(sum(1 for phase in phases if phase // 1500 == tenth) for tenth in range(10)) < 200
