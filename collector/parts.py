"""What one collector process collects, made of its settings. Each part gives sweeps until it is cancelled."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

import aiohttp
from prometheus_client import CollectorRegistry, ProcessCollector

from collector.cluster import Elected, Part, Telling, Together, calls_of
from collector.discovery.joined import DiscoverySettings
from collector.discovery.kubernetes.cluster import Watch
from collector.discovery.reloading import Reloading
from collector.families import grouped
from collector.happenings import happenings_part
from collector.kube.election import Election
from collector.kube.opening import client_of, watch_of
from collector.kube.reflector import Tally
from collector.node.reader import NodeReader, NodeReading
from collector.node.sources import node_sources
from collector.passes import Passes, Take, Ticking
from collector.scrape.scraper import Scraper
from collector.scrape.status import Health, Status
from collector.settings import CollectorSettings, NodeSettings, StateSettings
from collector.state.shard import Shard
from collector.state.state import State
from collector.target import Target
from collector.telemetry import Telemetry, rows_of
from storage.errors import ConfigError


@dataclass(slots=True)
class Scraping:
    """Targets, found and scraped."""

    found: Reloading
    scraper: Scraper

    @property
    def statuses(self) -> Sequence[Status]:
        """Every target as of its last scrape, and each problem of finding targets as one that is down."""
        return [*self.scraper.statuses, *(_problem(*one) for one in self.found.problems.items())]

    async def run(self, take: Take) -> None:
        """Until cancelled; then all series end."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.found.run())
            tasks.create_task(self.scraper.run(lambda: self.found.targets, take))


@dataclass(slots=True)
class Fixed:
    """Targets that are always there."""

    targets: Sequence[Target]
    scraper: Scraper

    @property
    def statuses(self) -> Sequence[Status]:
        """Every target as of its last scrape."""
        return self.scraper.statuses

    async def run(self, take: Take) -> None:
        """Until cancelled; then all series end."""
        await self.scraper.run(lambda: self.targets, take)


def _problem(about: str, error: str) -> Status:
    labels = {"job": "discovery", "instance": about}
    return Status(Target(about, "discovery", labels), Health.DOWN, error=error)


async def parts_of(settings: CollectorSettings, telemetry: Telemetry, stack: AsyncExitStack) -> list[Part]:
    """The parts that settings name. What they hold open is closed with `stack`. Raises ConfigError."""
    tallies: dict[str, Tally] = {}
    watch = watch_of(settings.api_url, stack, tallies)
    parts: list[Part] = []
    if settings.node is not None:
        parts.append(node_part(settings.node, settings.node_labels, telemetry))
    if settings.targets:
        parts.append(Fixed(settings.targets, Scraper(settings.external)))
    shared: list[Part] = []
    if settings.scraping is not None:
        session = await stack.enter_async_context(aiohttp.ClientSession())
        shared.append(scraping_part(settings.scraping, settings, session, watch))
    if settings.state is not None:
        shared.append(state_part(settings, settings.state, watch, tallies))
        if settings.state.events and settings.state.shard == 0 and watch is not None:
            shared.append(await happenings_part(settings, settings.state.interval_s, watch, stack))
    if settings.state is not None and settings.state.election:
        election = _election(settings, settings.state, stack)
        shared = [Elected(Together(shared), election, telemetry.leading.set)]
    return [*parts, *shared, own_part(settings, telemetry)]


def state_part(
    settings: CollectorSettings, given: StateSettings, watch: Watch | None, tallies: Mapping[str, Tally]
) -> Telling:
    """The objects of the cluster. Raises ConfigError."""
    if watch is None:
        raise ConfigError(
            "the state of a cluster is asked for, but this is no pod of one and no API server is named"
        )

    def made() -> State:
        shard = Shard(given.shard, given.shards)
        return State(settings.state_labels, given.choice, shard, calls_of(tallies))

    return Telling(made, watch, given.interval_s, ends=not given.election, tallies=tallies)


def _election(settings: CollectorSettings, given: StateSettings, stack: AsyncExitStack) -> Election:
    client = client_of(settings.api_url)
    if client is None:
        raise ConfigError("state.election: this is no pod of a cluster and no API server is named")
    stack.push_async_callback(client.close)
    return Election(client, given.namespace, given.election, given.identity, given.lease_s)


def node_part(node: NodeSettings, labels: dict[str, str], telemetry: Telemetry) -> Ticking:
    """The machine."""
    return Ticking(
        node_passes(node, labels),
        node.interval_s,
        done=telemetry.passes.inc,
        missed=telemetry.missed.inc,
    )


def node_passes(node: NodeSettings, labels: dict[str, str], now: Callable[[], float] = time.time) -> Passes:
    """Passes over this machine."""
    reader = NodeReader(node_sources(node.choice, now), node.roots)
    return Passes("node", reader.read, labels)


def scraping_part(
    scraping: DiscoverySettings,
    settings: CollectorSettings,
    session: aiohttp.ClientSession,
    watch: Watch | None,
) -> Scraping:
    """What has pages. Raises ConfigError."""
    return Scraping(Reloading(scraping, session, watch), Scraper(settings.external))


def own_part(settings: CollectorSettings, telemetry: Telemetry) -> Ticking:
    """The collector's own metrics, and those of its process."""
    process = CollectorRegistry()
    ProcessCollector(registry=process)

    def read() -> NodeReading:
        further = grouped(row for metric in process.collect() for row in rows_of(metric))
        return NodeReading([*telemetry.readings(), *further], up=True)

    return Ticking(Passes("collector", read, settings.collector_labels), settings.own_interval_s)
