"""Monitors come and go; each is translated when it does, and its pools are fed from the cluster."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from collector.discovery.finder import Clusters
from collector.discovery.job import Job, Scope, Static
from collector.discovery.kubernetes.cluster import Watch
from collector.discovery.kubernetes.roles import object_key
from collector.discovery.monitors.endpoint import Monitor, Translation
from collector.discovery.monitors.pod_monitor import pod_monitor_jobs
from collector.discovery.monitors.probe import probe_jobs
from collector.discovery.monitors.service_monitor import service_monitor_jobs
from collector.discovery.pool import Pool
from collector.kube.change import Change, Kind, Resource
from storage.errors import ConfigError

log = logging.getLogger(__name__)

_GROUP_VERSION: Final = "monitoring.coreos.com/v1"
_KINDS: Final[Mapping[str, Callable[[Monitor, Translation, Scope], tuple[Job, ...]]]] = {
    "servicemonitors": service_monitor_jobs,
    "podmonitors": pod_monitor_jobs,
    "probes": probe_jobs,
}


def monitor_roles(scope: Scope, role: str) -> dict[Scope, set[str]]:
    """What monitors may need of the cluster: a monitor may ask for the labels of nodes."""
    with_nodes = Scope(scope.namespaces, scope.selectors, with_nodes=True)
    return {scope: {role, "pod", "ingress"}, with_nodes: {role, "pod"}}


@dataclass(slots=True)
class Monitors:
    """The pools of all monitors. selector: a label selector, as the API takes it, of those to take.

    problems: what is wrong with a monitor, by its kind and name. version: rises when a pool comes or goes.
    """

    clusters: Clusters
    how: Translation
    scope: Scope
    selector: str = ""
    version: int = 0
    problems: dict[str, str] = field(default_factory=dict)
    _pools: dict[str, list[Pool]] = field(default_factory=dict)
    _told: dict[str, set[str]] = field(default_factory=dict)

    async def run(self, watch: Watch) -> None:
        """Watch until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for plural in _KINDS:
                for namespace in self.scope.namespaces or ("",):
                    tasks.create_task(self._follow(watch, plural, namespace))

    @property
    def pools(self) -> Iterator[Pool]:
        """All pools, by monitor and endpoint."""
        for key in sorted(self._pools):
            yield from self._pools[key]

    async def _follow(self, watch: Watch, plural: str, namespace: str) -> None:
        resource = Resource(_GROUP_VERSION, plural, Monitor, namespace, label_selector=self.selector)
        self._told.pop(f"{plural} {namespace}", None)  # it says nothing about the list to come
        async for change in watch(resource):
            self.apply(plural, namespace, change)

    def apply(self, plural: str, namespace: str, change: Change[Monitor]) -> None:
        """Take one change of a watch."""
        told = self._told.setdefault(f"{plural} {namespace}", set())
        if change.object is None:
            prefix = f"{plural} {namespace}/" if namespace else f"{plural} "
            known = {*self._pools, *self.problems}
            for key in [key for key in known if key.startswith(prefix) and key not in told]:
                self._remove(key)
            told.clear()
            return
        key = f"{plural} {object_key(change.object)}"
        if change.kind is Kind.GONE:
            told.discard(key)
            self._remove(key)
        else:
            told.add(key)
            self._set(plural, key, change.object)

    def _set(self, plural: str, key: str, monitor: Monitor) -> None:
        try:
            jobs = _KINDS[plural](monitor, self.how, self.scope)
        except ConfigError as error:
            log.warning("%s", error)
            self._remove(key)
            self.problems[key] = str(error)
            return
        if [*jobs] == [pool.job for pool in self._pools.get(key, [])]:
            return
        self._remove(key)
        self._pools[key] = [self._opened(job) for job in jobs]
        self.version += 1

    def _opened(self, job: Job) -> Pool:
        pool = Pool(job)
        for number, source in enumerate(job.sources):
            if isinstance(source, Static):
                pool.set_all(f"{number}:", ((str(n), group) for n, group in enumerate(source.groups)))
        self.clusters.subscribe(pool)
        return pool

    def _remove(self, key: str) -> None:
        self.problems.pop(key, None)
        for pool in self._pools.pop(key, ()):
            self.clusters.unsubscribe(pool)
            self.version += 1
