"""From the API of a cluster to targets: lists, watches and faults included."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import pytest

from collector.discovery.joined import DiscoverySettings, Joined
from collector.discovery.kubernetes.roles import KINDS
from collector.kube.opening import watch_of
from tests.discovery.clusters import written
from tests.kube.api import Api, serving

GROUPS = {kind.plural: kind.group_version for kind in KINDS.values()}
MONITORS = "/apis/monitoring.coreos.com/v1/podmonitors"
MONITOR: dict[str, Any] = {
    "metadata": {"name": "m", "namespace": "shop"},
    "spec": {"selector": {}, "podMetricsEndpoints": [{"port": "http"}]},
}


def path(plural: str) -> str:
    version = GROUPS[plural]
    return f"/{'apis' if '/' in version else 'api'}/{version}/{plural}"


@pytest.mark.slow
def test_targets_follow_the_cluster() -> None:
    seen: list[set[str]] = []

    async def run() -> None:
        async with serving(Api(page=2)) as api, AsyncExitStack() as stack:
            for plural, items in written().items():
                for item in items:
                    await api.put(path(plural), item)
            session = await stack.enter_async_context(aiohttp.ClientSession())
            settings = DiscoverySettings(annotated_pods=True, monitors=True)
            joined = Joined(settings, session, watch_of(api.url, stack))
            task = asyncio.create_task(joined.run())
            annotated = "http://10.1.0.5:9090/stats?x=1"
            monitored = "http://10.1.0.5:8080/metrics"

            async def until(holds: Callable[[set[str]], bool]) -> None:
                async with asyncio.timeout(20):
                    while not (joined.is_synced and holds({target.url for target in joined.targets})):
                        await asyncio.sleep(0.01)
                seen.append({target.url for target in joined.targets})

            await until(lambda urls: urls == {annotated})
            await api.put(MONITORS, MONITOR)
            await until(lambda urls: urls == {annotated, monitored})
            pod = next(one for one in written()["pods"] if one["metadata"]["name"].startswith("web-"))
            api.disconnect()
            api.compact()
            await api.delete(path("pods"), pod)
            await until(lambda urls: urls == set())
            await api.put(path("pods"), pod)
            await until(lambda urls: urls == {annotated, monitored})
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())
    assert len(seen) == 4
