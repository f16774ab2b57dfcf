"""One of several leads, and another takes over when it is gone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from collector.kube.client import Client
from collector.kube.election import Election

PATH = "/apis/coordination.k8s.io/v1/namespaces/swell/leases"


@dataclass
class Leases:
    """Leases with versions: an update of what has changed meanwhile is a conflict."""

    items: dict[str, dict[str, Any]] = field(default_factory=dict)
    version: int = 0
    is_away: bool = False
    url: str = ""

    async def get(self, request: web.Request) -> web.Response:
        if self.is_away:
            return web.json_response({"message": "away"}, status=503)
        found = self.items.get(request.match_info["name"])
        return web.json_response(found or {"message": "none"}, status=200 if found else 404)

    async def post(self, request: web.Request) -> web.Response:
        return self._set(json.loads(await request.read()), is_new=True)

    async def put(self, request: web.Request) -> web.Response:
        return self._set(json.loads(await request.read()), is_new=False)

    def _set(self, given: dict[str, Any], is_new: bool) -> web.Response:
        known = self.items.get(given["metadata"]["name"])
        version = known["metadata"]["resourceVersion"] if known else ""
        if (
            self.is_away
            or is_new is (known is not None)
            or given["metadata"].get("resourceVersion", "") != version
        ):
            return web.json_response({"message": "changed"}, status=503 if self.is_away else 409)
        self.version += 1
        given["metadata"]["resourceVersion"] = str(self.version)
        self.items[given["metadata"]["name"]] = given
        return web.json_response(given)


class Clock:
    """Sleeping moves it, for one candidate at a time."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        self.now_s += seconds
        await asyncio.sleep(0)


@asynccontextmanager
async def serving() -> AsyncIterator[Leases]:
    leases = Leases()
    app = web.Application()
    app.router.add_get(PATH + "/{name}", leases.get)
    app.router.add_post(PATH, leases.post)
    app.router.add_put(PATH + "/{name}", leases.put)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    leases.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield leases
    finally:
        await runner.cleanup()


@asynccontextmanager
async def candidates(leases: Leases, *names: str) -> AsyncIterator[list[Election]]:
    clients = [Client(leases.url) for _ in names]
    clock = Clock()
    yield [
        Election(client, "swell", "cluster", name, 15, clock, clock, clock.sleep)
        for client, name in zip(clients, names, strict=True)
    ]
    for client in clients:
        await client.close()


def test_the_first_leads_and_the_second_takes_over_when_the_first_is_silent() -> None:
    async def go() -> None:
        async with serving() as leases, candidates(leases, "a", "b") as (a, b):
            await a.wait_elected()
            assert leases.items["cluster"]["spec"]["holderIdentity"] == "a"
            start_s = b.clock()

            await b.wait_elected()

            assert 15 < b.clock() - start_s <= 21
            spec = leases.items["cluster"]["spec"]
            assert (spec["holderIdentity"], spec["leaseTransitions"]) == ("b", 1)
            await a.wait_lost()
            assert a.holder == "b"

    asyncio.run(go())


def test_a_leader_that_goes_lets_another_lead_at_once() -> None:
    async def go() -> None:
        async with serving() as leases, candidates(leases, "a", "b") as (a, b):
            await a.wait_elected()
            await a.release()
            start_s = b.clock()
            await b.wait_elected()
            assert b.clock() == start_s

    asyncio.run(go())


def test_a_leader_that_cannot_renew_stops_before_another_may_lead() -> None:
    async def go() -> None:
        async with serving() as leases, candidates(leases, "a") as (a,):
            await a.wait_elected()
            leases.is_away = True
            start_s = a.clock()
            await a.wait_lost()
            assert 10 < a.clock() - start_s < 15

    asyncio.run(go())
