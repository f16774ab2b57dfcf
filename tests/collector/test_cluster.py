"""The state of a cluster, told by whoever leads."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec

from collector.cluster import Elected, Telling, Together
from collector.kube.change import Change, Kind, Resource
from collector.kube.election import Election
from collector.kube.reflector import Tally
from collector.passes import Take
from collector.scrape.status import Status
from collector.state.choice import StateChoice
from collector.state.state import State
from collector.sweep import Sweep
from collector.symbols import label_pairs
from storage.model import STALE_NAN_BITS
from tests.kube.test_election import candidates, serving

TARGET = {"job": "kube-state-metrics", "instance": "swell-cluster"}


class Pods:
    """A watch of pods by name."""

    def __init__(self, *names: str) -> None:
        self.names = names

    async def __call__(self, resource: Resource[Any]) -> AsyncIterator[Change[Any]]:
        for name in self.names:
            metadata = {"name": name, "namespace": "a", "uid": name}
            yield Change(Kind.SET, msgspec.convert({"metadata": metadata}, resource.struct))
        yield Change(Kind.SYNCED)
        await asyncio.Event().wait()


def told(sweeps: list[Sweep]) -> set[str]:
    pods = set()
    for sweep in sweeps:
        for line, bits in zip(sweep.lines, sweep.values.view("<u8").tolist(), strict=True):
            labels = dict(label_pairs(line))
            if labels[b"__name__"] == b"kube_pod_info" and bits != STALE_NAN_BITS:
                pods.add(labels[b"pod"].decode())
    return pods


async def run_until(run: Callable[[Take], Any], take: Take, condition: Callable[[], bool]) -> None:
    task = asyncio.create_task(run(take))
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def test_who_leads_again_tells_of_what_is_there_now() -> None:
    pods = Pods("one", "two")
    choice = StateChoice(resources=frozenset({"pods"}))
    part = Telling(lambda: State(TARGET, choice), pods, 0.05, ends=False, tallies={"pods": Tally()})
    first: list[Sweep] = []
    second: list[Sweep] = []

    async def go() -> None:
        await run_until(part.run, first.append, lambda: told(first) != set())
        pods.names = ("two", "three")
        await run_until(part.run, second.append, lambda: told(second) != set())

    asyncio.run(go())

    assert told(first) == {"one", "two"}
    assert told(second) == {"two", "three"}
    assert part.statuses[0].samples > 0


class Ticks:
    """A part that tells that it runs."""

    def __init__(self) -> None:
        self.runs = 0
        self.running = False

    @property
    def statuses(self) -> list[Status]:
        return []

    async def run(self, _: Take) -> None:
        self.runs += 1
        self.running = True
        try:
            await asyncio.Event().wait()
        finally:
            self.running = False


def test_of_two_one_runs_and_the_other_when_it_has_gone() -> None:
    async def go() -> None:
        async with serving() as leases, candidates(leases, "a", "b") as elections:
            for election in elections:
                election.duration_s, election.sleep = 0.5, asyncio.sleep
            parts = [Ticks(), Ticks()]
            leading: list[float] = []
            tasks = [
                _started(part, election, leading) for part, election in zip(parts, elections, strict=True)
            ]
            await _until(lambda: any(part.running for part in parts))
            first = parts[0].running
            assert [part.running for part in parts] == [first, not first]

            tasks[0 if first else 1].cancel()
            await _until(lambda: parts[1 if first else 0].running)

            assert leases.items["cluster"]["spec"]["holderIdentity"] == ("b" if first else "a")
            assert leading.count(1) == 2
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(go())


def _started(part: Ticks, election: Election, leading: list[float]) -> asyncio.Task[None]:
    elected = Elected(Together([part]), election, leading.append)
    return asyncio.create_task(elected.run(lambda _: None))


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)
