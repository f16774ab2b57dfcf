"""All that a collector scrapes: configured jobs, annotations, monitors, the kubelet, the control plane."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp
import xxhash

from collector.discovery.annotations import annotated_pods, annotated_services
from collector.discovery.control_plane import control_plane_jobs
from collector.discovery.document import read_jobs
from collector.discovery.finder import Clusters, Pause, finders_of, roles_of
from collector.discovery.job import Job, Scope
from collector.discovery.kubelet import Kubelet, kubelet_jobs
from collector.discovery.kubernetes.cluster import Watch
from collector.discovery.monitors.endpoint import Translation
from collector.discovery.monitors.watching import Monitors, monitor_roles
from collector.discovery.pool import Pool, unique
from collector.target import Target
from storage.errors import ConfigError

_LATE_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class DiscoverySettings:
    """What a collector scrapes. Raises ConfigError, naming the key.

    scrape_file: a file of Prometheus's. annotated_pods: of `node`, or of all nodes where that is empty.
    annotated_services, monitors, control_plane: once in a cluster, so for the cluster collector.
    monitor_selector: a label selector of the monitors to take. secrets_dir: see Translation.
    namespaces: those to look at; none means all. role: `endpointslice`, or `endpoints` for a
        Kubernetes before 1.21.
    shard of shards: which part of all targets this collector scrapes; the kubelet's are always its own.
    """

    scrape_file: Path | None = None
    kubelet: Kubelet | None = None
    annotated_pods: bool = False
    annotated_services: bool = False
    monitors: bool = False
    monitor_selector: str = ""
    secrets_dir: Path | None = None
    control_plane: tuple[str, ...] = ()
    node: str = ""
    namespaces: tuple[str, ...] = ()
    role: str = "endpointslice"
    interval_ms: int = 30_000
    timeout_ms: int = 10_000
    shard: int = 0
    shards: int = 1

    def __post_init__(self) -> None:
        if self.role not in ("endpointslice", "endpoints"):
            raise ConfigError(f"role: {self.role!r} is unknown, expected endpointslice or endpoints")
        if not 0 <= self.shard < self.shards:
            raise ConfigError(f"shard: {self.shard} is not from 0 to shards - 1, {self.shards - 1}")
        if not 0 < self.timeout_ms <= self.interval_ms:
            raise ConfigError(f"timeout_ms: {self.timeout_ms} is not from 1 to interval_ms")

    @property
    def scope(self) -> Scope:
        """Whole namespaces."""
        return Scope(tuple(sorted(self.namespaces)))

    @property
    def node_scope(self) -> Scope:
        """The pods of the node."""
        selectors = (("pod", "", f"spec.nodeName={self.node}"),) if self.node else ()
        return Scope(tuple(sorted(self.namespaces)), selectors)

    def jobs(self) -> tuple[Job, ...]:
        """All jobs but those of monitors. Raises ConfigError."""
        times = (self.interval_ms, self.timeout_ms)
        return (
            *(read_jobs(self.scrape_file) if self.scrape_file else ()),
            *(kubelet_jobs(self.kubelet) if self.kubelet else ()),
            *((annotated_pods(*times, self.node_scope),) if self.annotated_pods else ()),
            *((annotated_services(*times, self.scope, self.role),) if self.annotated_services else ()),
            *control_plane_jobs(self.control_plane, self.scope, self.role, *times),
        )


class Joined:
    """A `Discovery` of all that settings name. watch: how the cluster is watched; None without one.

    clock: seconds, to tell lists that are late.
    """

    def __init__(
        self,
        settings: DiscoverySettings,
        session: aiohttp.ClientSession,
        watch: Watch | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        jobs = settings.jobs()
        roles = roles_of(jobs)
        if settings.monitors:
            for scope, of in monitor_roles(settings.scope, settings.role).items():
                roles[scope] = roles.get(scope, set()) | of
        if roles and watch is None:
            raise ConfigError("targets of Kubernetes are asked for, but there is no cluster to ask")
        self._watch = watch
        self._clock = clock
        self._begun = clock()
        self._settings = settings
        self._clusters = Clusters(roles)
        self._pools = [Pool(job) for job in jobs]
        self._finders = [finder for pool in self._pools for finder in finders_of(pool, session)]
        for pool in self._pools:
            self._clusters.subscribe(pool)
        how = Translation(settings.interval_ms, settings.timeout_ms, settings.role, settings.secrets_dir)
        self._monitors = Monitors(self._clusters, how, settings.scope, settings.monitor_selector)
        self._own_urls = frozenset(
            target.url for pool in self._pools if pool.job in _own_jobs(settings) for target in pool.targets
        )
        self._seen: tuple[int, ...] = ()
        self._targets: tuple[Target, ...] = ()

    async def run(self, pause: Pause = asyncio.sleep) -> None:
        """Keep the targets current until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for finder in self._finders:
                tasks.create_task(finder.run(pause))
            if self._watch is not None:
                tasks.create_task(self._clusters.run(self._watch))
            if self._watch is not None and self._settings.monitors:
                tasks.create_task(self._monitors.run(self._watch))
            await asyncio.Event().wait()  # fixed targets are current for ever

    @property
    def targets(self) -> tuple[Target, ...]:
        """The part of this collector, each target once, in the order of jobs and their groups."""
        pools = [*self._pools, *self._monitors.pools]
        seen = (self._monitors.version, *(pool.version for pool in pools))
        if seen != self._seen:
            self._seen = seen
            self._targets = tuple(self._chosen(target for pool in pools for target in pool.targets))
        return self._targets

    @property
    def is_synced(self) -> bool:
        """Whether the cluster has told all that is asked of it once."""
        return all(cluster.is_synced for cluster in self._clusters.all)

    @property
    def problems(self) -> dict[str, str]:
        """What is wrong at the moment, by what it is about: a file, an address, a monitor, a job."""
        found = {pool.job.name: pool.error for pool in (*self._pools, *self._monitors.pools) if pool.error}
        for finder in self._finders:
            found |= finder.problems
        waiting = sorted({plural for cluster in self._clusters.all for plural in cluster.waiting})
        if waiting and self._clock() - self._begun > _LATE_S:
            found["kubernetes"] = f"no targets before the lists of {', '.join(waiting)} have come"
        return found | self._monitors.problems

    def _chosen(self, targets: Iterable[Target]) -> Iterable[Target]:
        return unique(target for target in targets if self._is_ours(target.url))

    def _is_ours(self, url: str) -> bool:
        settings = self._settings
        return url in self._own_urls or shard_of(url, settings.shards) == settings.shard


def shard_of(url: str, shards: int) -> int:
    """Which of so many collectors scrapes an address: whatever its labels become, the same one."""
    return xxhash.xxh64_intdigest(url.encode()) % shards


def _own_jobs(settings: DiscoverySettings) -> tuple[Job, ...]:
    return kubelet_jobs(settings.kubelet) if settings.kubelet else ()
