"""The state of a cluster by way of its API: lists, watches and their faults."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from collector.kube.client import Client, path_of
from collector.kube.reflector import Tally, changes
from collector.state.choice import StateChoice
from collector.state.state import Calls, State
from collector.state.table import KINDS, chosen
from storage.model import is_stale
from tests.kube.api import Api, serving
from tests.state.series import NOW_MS, Families, feed, of_state

RESOURCES = ("pods", "nodes", "services", "namespaces", "endpoints")
RBAC = Path(__file__).parents[2] / "deploy/kustomize/base/rbac.yaml"


@pytest.fixture(scope="module")
def cluster(shared_data: Path) -> dict[str, list[Any]]:
    root = shared_data / "k8s/nri-kubernetes/internal/testutil/data/1_35"
    if not root.is_dir():
        pytest.skip(f"no capture of a cluster at {root}")
    loaded = {name: yaml.load((root / f"{name}.yaml").read_text(), yaml.CSafeLoader) for name in RESOURCES}
    return {name: found["items"] for name, found in loaded.items()}


def _choice() -> StateChoice:
    return StateChoice(resources=frozenset(RESOURCES))


def _direct(objects: dict[str, list[Any]]) -> Families:
    state = State({}, _choice())
    for plural, items in objects.items():
        feed(state, plural, items)
    return of_state(state)


async def _follow(state: State, client: Client, tallies: dict[str, Tally]) -> None:
    async def one(plural: str) -> None:
        async for change in changes(client, KINDS[plural].resource, tallies[plural]):
            state.take(plural, change)

    async with asyncio.TaskGroup() as tasks:
        for plural in RESOURCES:
            tasks.create_task(one(plural))


async def _until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not is_so():
            await asyncio.sleep(0.01)


async def _story(cluster: dict[str, list[Any]]) -> None:
    tallies = {plural: Tally() for plural in RESOURCES}
    state = State({}, _choice(), calls=lambda: {name: Calls(one.listed) for name, one in tallies.items()})
    there = copy.deepcopy(cluster)
    async with serving(Api(page=7)) as api:
        paths = {plural: path_of(KINDS[plural].resource) for plural in RESOURCES}
        for plural, items in there.items():
            for item in items:
                await api.put(paths[plural], item)
        client = Client(api.url)
        following = asyncio.create_task(_follow(state, client, tallies))
        await _until(lambda: all(stock.lists for stock in state.stocks.values()))

        assert of_state(state) == _direct(there)

        # A pod goes, another restarts; and one more goes while nobody watches.
        await api.delete(paths["pods"], there["pods"].pop())
        changed = there["pods"][0]
        changed["status"]["containerStatuses"][0]["restartCount"] = 77
        await api.put(paths["pods"], changed)
        await _until(lambda: state.stocks["pods"].objects == len(there["pods"]))
        await api.delete(paths["pods"], there["pods"].pop())
        api.compact()
        api.disconnect()
        await _until(lambda: tallies["pods"].listed >= 2)
        await _until(lambda: state.stocks["pods"].objects == len(there["pods"]))

        ended = sum(int(is_stale(sweep.values).sum()) for sweep in state.sweeps(NOW_MS))
        assert ended > 50
        assert of_state(state) == _direct(there)
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following
        await client.close()


def test_what_is_watched_is_told_after_every_fault(cluster: dict[str, list[Any]]) -> None:
    asyncio.run(_story(cluster))


def test_the_cluster_collector_may_watch_all_that_it_tells_of_by_default() -> None:
    roles = [one for one in yaml.safe_load_all(RBAC.read_text()) if one and one["kind"] == "ClusterRole"]
    rules = next(role["rules"] for role in roles if role["metadata"]["name"] == "swell-cluster")
    may = {
        (group, resource)
        for rule in rules
        if {"list", "watch"} <= set(rule["verbs"])
        for group in rule.get("apiGroups", ())
        for resource in rule.get("resources", ())
    }
    tells = [kind.resource for kind in chosen(StateChoice())]

    assert {(one.group_version.rpartition("/")[0], one.plural) for one in tells} <= may
    assert not {"secrets", "configmaps", "nodes/proxy"} & {resource for _, resource in may}
