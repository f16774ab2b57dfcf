"""What runs beside pools to keep them current."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Protocol

import aiohttp

from collector.discovery.files import FileFinder
from collector.discovery.http import HttpFinder
from collector.discovery.job import Files, Http, Job, Kubernetes, Scope, Static
from collector.discovery.kubernetes.cluster import Cluster, Watch
from collector.discovery.pool import Pool

Pause = Callable[[float], Awaitable[None]]


class Finder(Protocol):
    """One discovery. problems: what failed last, by what it was about."""

    problems: dict[str, str]

    async def run(self, pause: Pause) -> None:
        """Keep its pool current until cancelled."""


class Clusters:
    """Objects of the cluster by scope, so that jobs of one scope share its watches."""

    def __init__(self, roles: Mapping[Scope, Iterable[str]]) -> None:
        self._clusters = {scope: Cluster(scope, [*of]) for scope, of in roles.items()}

    @property
    def all(self) -> Iterable[Cluster]:
        """One a scope."""
        return self._clusters.values()

    def subscribe(self, pool: Pool) -> None:
        """Feed a pool from what its job names. Raises KeyError for a scope or role that is not watched."""
        for number, source in enumerate(pool.job.sources):
            if isinstance(source, Kubernetes):
                self._clusters[source.scope].subscribe(source.role, pool, f"{number}:")

    def unsubscribe(self, pool: Pool) -> None:
        """Feed a pool no more."""
        for cluster in self._clusters.values():
            cluster.unsubscribe(pool)

    async def run(self, watch: Watch) -> None:
        """Watch until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for cluster in self._clusters.values():
                tasks.create_task(cluster.run(watch))


def roles_of(jobs: Iterable[Job]) -> dict[Scope, set[str]]:
    """What jobs need of the cluster."""
    roles: dict[Scope, set[str]] = {}
    for job in jobs:
        for source in job.sources:
            if isinstance(source, Kubernetes):
                roles.setdefault(source.scope, set()).add(source.role)
    return roles


def finders_of(pool: Pool, session: aiohttp.ClientSession) -> Sequence[Finder]:
    """What must run for a pool; what stands in its job is put in at once."""
    finders: list[Finder] = []
    for number, source in enumerate(pool.job.sources):
        prefix = f"{number}:"
        if isinstance(source, Static):
            pool.set_all(prefix, ((str(n), group) for n, group in enumerate(source.groups)))
        elif isinstance(source, Files):
            finders.append(FileFinder(pool, prefix, source))
        elif isinstance(source, Http):
            finders.append(HttpFinder(pool, prefix, source, session))
    return finders
