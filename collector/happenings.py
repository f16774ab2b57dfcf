"""What happens in the cluster, as a part of a collector: posted to the service, and counted."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlsplit

import aiohttp

from collector.bearer import Token
from collector.discovery.kubernetes.cluster import Watch
from collector.kube.announcing import Announcing
from collector.kube.opening import client_of
from collector.node.reader import NodeReading
from collector.passes import Passes, Take, Ticking
from collector.scrape.status import Status
from collector.settings import WRITE_PATH, CollectorSettings, Destination
from collector.target import Trust
from storage.errors import ConfigError


@dataclass(slots=True)
class Happenings:
    """Announces, and tells its counters every interval."""

    announcing: Announcing
    counting: Ticking

    @property
    def statuses(self) -> Sequence[Status]:
        """The last pass as a target's state."""
        return self.counting.statuses

    async def run(self, take: Take) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.announcing.run())
            tasks.create_task(self.counting.run(take))


async def happenings_part(
    settings: CollectorSettings, interval_s: float, watch: Watch, stack: AsyncExitStack
) -> Happenings:
    """The part. Happenings go to the first destination that is a Swell; to none, they are counted alone.

    Raises ConfigError outside of a cluster.
    """
    client = client_of(settings.api_url)
    if client is None:
        raise ConfigError("state.events: this is no pod of a cluster and no API server is named")
    stack.push_async_callback(client.close)
    swell = next((one for one in settings.pushing.destinations if base_url(one)), None)
    announcing = Announcing(
        watch,
        partial(client.get, "/version"),
        await stack.enter_async_context(aiohttp.ClientSession()),
        base_url(swell) if swell else "",
        Token(swell.token, swell.token_file) if swell else Token(),
        settings.external,
        swell.trust if swell else Trust(),
    )
    labels = {**settings.collector_labels, "job": "swell-events"}
    passes = Passes("events", lambda: NodeReading(announcing.readings(), up=True), labels)
    return Happenings(announcing, Ticking(passes, interval_s))


def base_url(destination: Destination) -> str:
    """The address of the service; '' for a receiver of remote write elsewhere."""
    parts = urlsplit(destination.url)
    path = parts.path.rstrip("/")
    return parts._replace(path="", query="").geturl() if path in ("", WRITE_PATH) else ""
