"""A cluster that is told its objects by hand, in place of the API."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

import aiohttp

from collector.discovery.job import Job
from collector.discovery.joined import DiscoverySettings, Joined
from collector.discovery.kubernetes.cluster import Cluster
from collector.discovery.kubernetes.roles import KINDS
from collector.discovery.pool import Pool
from collector.kube.change import Change, Kind, Resource
from collector.target import Target

SYNCED: Change[Any] = Change(Kind.SYNCED)


def tell(cluster: Cluster, kind: str, items: Sequence[Any], *, synced: bool = True) -> None:
    """Objects of a kind, as one watch tells them."""
    (listed,) = cluster.lists(kind)
    for item in items:
        cluster.apply(kind, Change(Kind.SET, item), listed)
    if synced:
        cluster.apply(kind, SYNCED, listed)
        cluster.settle(1_000_000)


def forget(cluster: Cluster, kind: str, item: Any) -> None:
    """An object goes."""
    (listed,) = cluster.lists(kind)
    cluster.apply(kind, Change(Kind.GONE, item), listed)


def targets_of_job(job: Job, objects: Mapping[str, Sequence[Any]]) -> tuple[list[Target], str]:
    """The targets of a job with one source in Kubernetes, and what is wrong with it."""
    (source,) = job.sources
    cluster = Cluster(source.scope, [source.role])  # type: ignore[union-attr]
    pool = Pool(job)
    cluster.subscribe(source.role, pool, "")  # type: ignore[union-attr]
    for kind in KINDS:
        if cluster.lists(kind):
            tell(cluster, kind, objects.get(kind, ()))
    return pool.targets, pool.error


class Api:
    """Watches by resource; `run` lets a discovery follow them until nothing more is told."""

    def __init__(self, objects: Mapping[str, Sequence[Any]]) -> None:
        self.objects = objects
        self.asked: list[Resource[Any]] = []
        self.late: Sequence[Any] = ()
        self._told = 0

    async def watch(self, resource: Resource[Any]) -> AsyncIterator[Change[Any]]:
        """The objects, then nothing, for ever."""
        self.asked.append(resource)
        for item in self.objects.get(resource.plural, ()):
            yield Change(Kind.SET, item)
        yield SYNCED
        for item in self.late if resource.plural == "pods" else ():
            yield Change(Kind.SET, item)
        self._told += 1
        await asyncio.Event().wait()

    async def follow(self, settings: DiscoverySettings, then: Callable[[Joined], None]) -> None:
        """Runs a discovery until all that it watches is told."""
        async with aiohttp.ClientSession() as session:
            joined = Joined(settings, session, self.watch)
            task = asyncio.create_task(joined.run(_never))
            try:
                while not self.asked or self._told < len(self.asked):
                    await asyncio.sleep(0)
                for _ in range(9):
                    await asyncio.sleep(0)
                then(joined)
            finally:
                task.cancel()


async def _never(_: float) -> None:
    await asyncio.Event().wait()
