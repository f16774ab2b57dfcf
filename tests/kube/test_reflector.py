"""What a reflector has told is what the API has, after every fault."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web

from collector.kube.change import Change, Kind, Metadata, Resource
from collector.kube.client import ApiError, Client, path_of
from collector.kube.opening import client_of
from collector.kube.reflector import Tally, changes
from collector.target import Credentials
from storage.errors import ConfigError
from tests.kube.api import Api, serving

PODS = "/api/v1/pods"


class Pod(msgspec.Struct, frozen=True):
    metadata: Metadata = Metadata()
    count: int = 0


RESOURCE = Resource("v1", "pods", Pod)


def pod(name: str, count: Any = 0) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "n", "uid": f"uid-{name}"}, "count": count}


class Follower:
    """What has been told so far, as it would be kept."""

    def __init__(self, client: Client, resource: Resource[Pod] = RESOURCE) -> None:
        self.known: dict[str, int] = {}
        self.tally = Tally()
        self.pauses: list[float] = []
        self.gone: list[Pod] = []
        self._stream: AsyncIterator[Change[Pod]] = changes(client, resource, self.tally, self._pause)

    async def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        await asyncio.sleep(0)

    async def until(self, kind: Kind, name: str = "") -> None:
        """Take changes up to the one of a kind, of an object if one is named."""
        async with asyncio.timeout(20):
            async for change in self._stream:
                item = change.object
                if item is not None and change.kind is Kind.SET:
                    self.known[item.metadata.name] = item.count
                elif item is not None:
                    self.known.pop(item.metadata.name)
                    self.gone.append(item)
                if change.kind is kind and (not name or (item and item.metadata.name == name)):
                    return


Story = Callable[[Api, Follower], Awaitable[None]]


def told(story: Story, api: Api | None = None, resource: Resource[Pod] = RESOURCE) -> tuple[Api, Follower]:
    """Runs a story; gives what is left."""

    async def run() -> tuple[Api, Follower]:
        async with serving(api or Api()) as server:
            client = Client(server.url)
            follower = Follower(client, resource)
            try:
                await story(server, follower)
            finally:
                await client.close()
            return server, follower

    return asyncio.run(run())


def test_a_list_comes_in_pages_and_is_whole() -> None:
    async def story(api: Api, follower: Follower) -> None:
        for number in range(7):
            await api.put(PODS, pod(f"p{number}", number))
        await follower.until(Kind.SYNCED)

    api, follower = told(story, Api(page=3))

    assert follower.known == {f"p{number}": number for number in range(7)}
    assert [query.get("continue", "") for _, query, _ in api.requests] == ["", "after-1", "after-2"]
    assert follower.tally.listed == 1


def test_changes_follow_the_list() -> None:
    async def story(api: Api, follower: Follower) -> None:
        await api.put(PODS, pod("a"))
        await api.put(PODS, pod("b"))
        await follower.until(Kind.SYNCED)
        await api.put(PODS, pod("a", 1))
        await api.put(PODS, pod("c", 2))
        await api.delete(PODS, pod("b"))
        await follower.until(Kind.GONE, "b")

    _, follower = told(story)

    assert follower.known == {"a": 1, "c": 2}


def test_a_watch_that_breaks_goes_on_where_it_was() -> None:
    async def story(api: Api, follower: Follower) -> None:
        await api.put(PODS, pod("a"))
        await follower.until(Kind.SYNCED)
        await api.put(PODS, pod("b"))
        await follower.until(Kind.SET, "b")
        api.disconnect()
        await api.put(PODS, pod("c"))
        await follower.until(Kind.SET, "c")

    api, follower = told(story)

    assert follower.known == {"a": 0, "b": 0, "c": 0}
    watches = [query["resourceVersion"] for _, query, _ in api.requests if "watch" in query]
    assert watches[:2] == ["1", "2"]
    assert follower.tally.listed == 1


def test_a_bookmark_moves_on_where_a_watch_begins_again() -> None:
    async def story(api: Api, follower: Follower) -> None:
        await follower.until(Kind.SYNCED)
        waiting = asyncio.create_task(follower.until(Kind.SET, "a"))
        while not api.watches:
            await asyncio.sleep(0)
        for _ in range(5):
            await api.bookmark()
        while api.requests[-1][1].get("resourceVersion") != "5":
            await asyncio.sleep(0.01)
            api.disconnect()
        await api.put(PODS, pod("a"))
        await waiting

    api, _ = told(story)

    watches = [query["resourceVersion"] for _, query, _ in api.requests if "watch" in query]
    assert (watches[0], "5" in watches) == ("0", True)


def test_what_went_while_a_version_grew_too_old_is_gone() -> None:
    async def story(api: Api, follower: Follower) -> None:
        await api.put(PODS, pod("stays"))
        await api.put(PODS, pod("goes"))
        await follower.until(Kind.SYNCED)
        await api.put(PODS, pod("comes and goes"))
        await follower.until(Kind.SET, "comes and goes")
        api.faults.append(web.Response(status=503))
        api.disconnect()
        await api.delete(PODS, pod("goes"))
        await api.delete(PODS, pod("comes and goes"))
        await api.put(PODS, pod("new"))
        api.compact()
        await follower.until(Kind.SYNCED)

    _, follower = told(story)

    assert follower.known == {"stays": 0, "new": 0}
    assert {(one.metadata.namespace, one.metadata.uid) for one in follower.gone} == {
        ("n", "uid-goes"),
        ("n", "uid-comes and goes"),
    }
    assert follower.tally.listed == 2


@pytest.mark.parametrize("status", [401, 403, 404, 410, 429, 500, 503])
def test_an_api_that_refuses_is_asked_again_after_a_while(status: int) -> None:
    async def story(api: Api, follower: Follower) -> None:
        await api.put(PODS, pod("a"))
        api.faults += [web.Response(status=status, text='{"message": "no"}') for _ in range(4)]
        await follower.until(Kind.SYNCED)

    _, follower = told(story)

    assert follower.known == {"a": 0}
    assert follower.tally.list_errors == 4
    assert len(follower.pauses) == 4
    assert all(0.5 <= pause <= 8 for pause in follower.pauses)
    assert follower.pauses[-1] > follower.pauses[0]


def test_retry_after_is_waited_for() -> None:
    async def story(api: Api, follower: Follower) -> None:
        api.faults.append(web.Response(status=429, headers={"Retry-After": "77"}))
        await follower.until(Kind.SYNCED)

    _, follower = told(story)

    assert follower.pauses == [77.0]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"items": 5}', b'{"metadata": 5}'])
def test_an_answer_that_is_none_is_asked_for_again(body: bytes) -> None:
    async def story(api: Api, follower: Follower) -> None:
        await api.put(PODS, pod("a"))
        api.faults.append(web.Response(body=body))
        await follower.until(Kind.SYNCED)

    _, follower = told(story)

    assert follower.known == {"a": 0}


def test_an_object_that_is_none_is_passed_over_alone() -> None:
    async def story(api: Api, follower: Follower) -> None:
        await api.put(PODS, pod("bad", "x"))
        await api.put(PODS, pod("good"))
        await follower.until(Kind.SYNCED)
        await api.put(PODS, pod("worse", []))
        await api.put(PODS, pod("better"))
        await follower.until(Kind.SET, "better")

    _, follower = told(story)

    assert follower.known == {"good": 0, "better": 0}
    assert follower.tally.refused == 2


def test_selectors_and_namespaces_are_asked_for() -> None:
    async def story(_: Api, follower: Follower) -> None:
        await follower.until(Kind.SYNCED)

    resource = Resource("apps/v1", "deployments", Pod, "n", "spec.nodeName=a", "app=x")
    api, _ = told(story, resource=resource)

    path, query, headers = api.requests[0]
    assert path == path_of(resource) == "/apis/apps/v1/namespaces/n/deployments"
    assert query == {"limit": "500", "fieldSelector": "spec.nodeName=a", "labelSelector": "app=x"}
    assert headers["User-Agent"] == "swell-collector"


def test_a_large_object_comes_whole() -> None:
    async def story(api: Api, follower: Follower) -> None:
        await follower.until(Kind.SYNCED)
        await api.put(PODS, {**pod("big"), "more": "x" * 1_000_000})
        await follower.until(Kind.SET, "big")

    _, follower = told(story)

    assert follower.known == {"big": 0}


def test_a_server_that_is_away_is_waited_for() -> None:
    async def run() -> Follower:
        client = Client("http://127.0.0.1:1")
        follower = Follower(client)
        task = asyncio.create_task(follower.until(Kind.SYNCED))
        while len(follower.pauses) < 12:
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await client.close()
        return follower

    follower = asyncio.run(run())

    assert max(follower.pauses) <= 30
    assert "127.0.0.1" in follower.tally.error


def test_the_token_is_read_again_when_it_is_renewed(tmp_path: Path) -> None:
    token = tmp_path / "token"

    async def run() -> list[str]:
        async with serving(Api()) as api:
            client = Client(api.url, Credentials(bearer_file=token))
            for text in ("one", "another"):
                token.write_text(text)
                await client.get(PODS)
            token.unlink()
            with pytest.raises(ApiError, match="token"):
                await client.get(PODS)
            await client.close()
            return [headers["Authorization"] for _, _, headers in api.requests]

    assert asyncio.run(run()) == ["Bearer one", "Bearer another"]


def test_what_the_api_says_is_in_the_error() -> None:
    async def run() -> ApiError:
        async with serving(Api()) as api:
            text = '{"kind": "Status", "message": "pods is forbidden", "code": 403}'
            api.faults.append(web.Response(status=403, text=text))
            client = Client(api.url)
            with pytest.raises(ApiError) as caught:
                await client.send("POST", PODS, b"{}")
            await client.close()
            return caught.value

    error = asyncio.run(run())
    assert str(error) == "POST /api/v1/pods: HTTP 403: pods is forbidden"
    assert error.status == 403


def test_a_pod_finds_its_cluster(tmp_path: Path) -> None:
    client = Client.in_cluster(
        {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"}, tmp_path
    )

    assert client._url == "https://[fd00::1]:443"
    with pytest.raises(ConfigError, match="this is no pod of a cluster"):
        Client.in_cluster({})
    assert client_of("", {}) is None
    assert client_of("http://api:8080", {}) is not None
