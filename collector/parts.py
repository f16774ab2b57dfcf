"""What one collector process collects, made of its settings. Each part gives sweeps until it is cancelled."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Protocol

import aiohttp
from prometheus_client import CollectorRegistry, ProcessCollector

from collector.discovery.joined import DiscoverySettings
from collector.discovery.kubernetes.cluster import Watch
from collector.discovery.reloading import Reloading
from collector.families import grouped
from collector.node.reader import NodeReader, NodeReading
from collector.node.sources import node_sources
from collector.passes import Passes, Take, Ticking
from collector.scrape.scraper import Scraper
from collector.scrape.status import Status
from collector.settings import CollectorSettings, NodeSettings
from collector.telemetry import Telemetry, rows_of


class Part(Protocol):
    """One source of sweeps."""

    async def run(self, take: Take) -> None:
        """Hand sweeps over until cancelled."""

    @property
    def statuses(self) -> Sequence[Status]:
        """What is read, as targets, as of the last time."""


@dataclass(slots=True)
class Scraping:
    """Targets, found and scraped."""

    found: Reloading
    scraper: Scraper

    @property
    def statuses(self) -> Sequence[Status]:
        """Every target as of its last scrape."""
        return self.scraper.statuses

    async def run(self, take: Take) -> None:
        """Until cancelled; then all series end."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.found.run())
            tasks.create_task(self.scraper.run(lambda: self.found.targets, take))


async def parts_of(
    settings: CollectorSettings, telemetry: Telemetry, watch: Watch | None, stack: AsyncExitStack
) -> list[Part]:
    """The parts that settings name. What they hold open is closed with `stack`. Raises ConfigError."""
    parts: list[Part] = []
    if settings.node is not None:
        parts.append(node_part(settings.node, settings.node_labels, telemetry))
    if settings.scraping is not None:
        session = await stack.enter_async_context(aiohttp.ClientSession())
        parts.append(scraping_part(settings.scraping, settings, session, watch))
    parts.append(own_part(settings, telemetry))
    return parts


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
