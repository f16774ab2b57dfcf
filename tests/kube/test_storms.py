"""After any storm of changes and faults, what was told is what is there."""

from __future__ import annotations

import asyncio
import random

import pytest
from aiohttp import web

from collector.kube.change import Kind
from collector.kube.client import Client
from tests.kube.api import Api, serving
from tests.kube.test_reflector import PODS, Follower, pod

STEPS = 1500


async def step(api: Api, chance: random.Random) -> None:
    """One change of the cluster, or one fault."""
    name = f"p{chance.randrange(200)}"
    known = api.objects.get(PODS, {})
    match chance.choices(
        ["put", "delete", "bookmark", "break", "compact", "fault", "wait"], [60, 25, 5, 3, 1, 3, 8]
    )[0]:
        case "put":
            await api.put(PODS, pod(name, chance.randrange(1000)))
        case "delete" if f"n/{name}" in known:
            await api.delete(PODS, known[f"n/{name}"])
        case "bookmark":
            await api.bookmark()
        case "break":
            api.disconnect()
        case "compact":
            api.compact()
            api.disconnect()
        case "fault":
            bodies = [b"", b"{", b'{"items": [', b'{"type": "ADDED"}\n']
            api.faults.append(
                web.Response(status=chance.choice([200, 410, 429, 500]), body=chance.choice(bodies))
            )
        case _:
            await asyncio.sleep(0.002)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_what_was_told_is_what_is_there(seed: int) -> None:
    async def run() -> tuple[dict[str, int], dict[str, int], int]:
        chance = random.Random(seed)
        async with serving(Api(page=50)) as api:
            for number in range(150):
                await api.put(PODS, pod(f"p{number}"))
            client = Client(api.url)
            follower = Follower(client)
            following = asyncio.create_task(follower.until(Kind.SET, "the last one"))
            for _ in range(STEPS):
                await step(api, chance)
            await api.put(PODS, pod("the last one"))
            await following
            await client.close()
            there = {item["metadata"]["name"]: item["count"] for item in api.objects[PODS].values()}
            return follower.known, there, follower.tally.listed

    known, there, listed = asyncio.run(run())

    assert known == there
    assert listed > 1
