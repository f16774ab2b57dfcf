"""What a collector would send, once, as text. Nothing is sent."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Final

import aiohttp

from collector.cluster import Telling
from collector.discovery.joined import DiscoverySettings, Joined
from collector.discovery.kubernetes.cluster import Watch
from collector.exposition import exposition
from collector.kube.opening import watch_of
from collector.kube.reflector import Tally
from collector.parts import node_passes, state_part
from collector.scrape.fetch import Fetch
from collector.scrape.scrape import Scrape
from collector.settings import CollectorSettings
from collector.sweep import Sweep
from collector.target import Target

_SETTLED_S: Final = 1.0
_LONGEST_S: Final = 10.0


def once(settings: CollectorSettings) -> str:
    """One pass over the machine and one scrape of every target that is found within seconds."""
    return exposition(asyncio.run(_sweeps(settings)))


async def _sweeps(settings: CollectorSettings) -> list[Sweep]:
    sweeps = []
    async with AsyncExitStack() as stack:
        if settings.node is not None:
            sweeps.append(node_passes(settings.node, settings.node_labels).next(_now_ms()))
        tallies: dict[str, Tally] = {}
        watch = watch_of(settings.api_url, stack, tallies)
        if settings.scraping is not None:
            sweeps += await _scraped(settings, settings.scraping, watch, stack)
        if settings.state is not None:
            sweeps += await _told(state_part(settings, settings.state, watch, tallies))
    return sweeps


async def _scraped(
    settings: CollectorSettings, scraping: DiscoverySettings, watch: Watch | None, stack: AsyncExitStack
) -> list[Sweep]:
    session = await stack.enter_async_context(aiohttp.ClientSession())
    targets = await _settled(Joined(scraping, session, watch))
    fetch = Fetch()
    stack.push_async_callback(fetch.close)
    scrapes = [Scrape(target, fetch, settings.external) for target in targets]
    return list(await asyncio.gather(*(scrape.once(_now_ms()) for scrape in scrapes)))


async def _told(part: Telling) -> list[Sweep]:
    """The first sweeps of the state, when the lists are there."""
    found: list[Sweep] = []
    telling = asyncio.create_task(part.run(found.append))
    try:
        while not part.statuses and not telling.done():
            await asyncio.sleep(0.05)
        return [*found]
    finally:
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)


async def _settled(found: Joined) -> Sequence[Target]:
    """The targets when nothing has been added for a while."""
    finding = asyncio.create_task(found.run())
    try:
        known: Sequence[Target] | None = None
        deadline = time.monotonic() + _LONGEST_S
        while known != found.targets and time.monotonic() < deadline:
            known = found.targets
            await asyncio.sleep(_SETTLED_S)
        return found.targets
    finally:
        finding.cancel()
        await asyncio.gather(finding, return_exceptions=True)


def _now_ms() -> int:
    return round(time.time() * 1000)
