"""Where happenings go, and that a cluster collector sends them."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry

from collector.happenings import Happenings, base_url
from collector.kube.announcing import EVENT_PATH
from collector.parts import parts_of
from collector.settings import CollectorSettings, Destination, Pushing, StateSettings
from collector.sweep import Sweep
from collector.telemetry import Telemetry
from tests.kube.api import Api, serving

EVENTS = "/api/v1/events"
OCCURRED: dict[str, Any] = {
    "metadata": {"name": "e", "namespace": "n", "uid": "u"},
    "involvedObject": {"kind": "Pod", "namespace": "n", "name": "p"},
    "reason": "OOMKilling",
    "type": "Warning",
    "lastTimestamp": "2026-01-01T00:00:00Z",
}


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("http://swell:9470", "http://swell:9470"),
        ("https://swell:9470/", "https://swell:9470"),
        ("https://swell/api/v1/write", "https://swell"),
        ("https://other/receive/api/v1/push", ""),
    ],
)
def test_happenings_go_to_a_swell_alone(url: str, base: str) -> None:
    assert base_url(Destination(url)) == base


@pytest.mark.slow
def test_a_cluster_collector_posts_and_counts_what_happens(tmp_path: Path) -> None:
    posted: list[Any] = []
    sweeps: list[Sweep] = []

    async def handle(request: web.Request) -> web.Response:
        posted.extend(json.loads(await request.read()))
        came.set()
        return web.Response(status=202)

    async def run() -> None:
        app = web.Application()
        app.router.add_post(EVENT_PATH, handle)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        service = f"http://127.0.0.1:{runner.addresses[0][1]}"
        async with serving(Api()) as api, AsyncExitStack() as stack:
            await api.put(EVENTS, OCCURRED)
            settings = CollectorSettings(
                cluster="c1",
                node=None,
                state=StateSettings(interval_s=0.1),
                pushing=Pushing(destinations=(Destination(service),), spool_dir=tmp_path),
                api_url=api.url,
            )
            parts = await parts_of(settings, Telemetry(CollectorRegistry()), stack)
            (part,) = (part for part in parts if isinstance(part, Happenings))
            task = asyncio.create_task(part.run(sweeps.append))
            async with asyncio.timeout(20):
                await came.wait()
                while not any(b"swell_kube_events_total" in line for sweep in sweeps for line in sweep.lines):
                    await asyncio.sleep(0.01)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await runner.cleanup()

    came = asyncio.Event()
    asyncio.run(run())

    assert [one["name"] for one in posted] == ["OOMKilling: Pod n/p"]
    assert posted[0]["annotations"]["cluster"] == "c1"
    assert any(b"swell-events" in line for sweep in sweeps for line in sweep.lines)
