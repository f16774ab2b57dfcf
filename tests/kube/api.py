"""An API server in the test's own process: lists in pages, watches with bookmarks, and faults on demand."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

Object = dict[str, Any]


@dataclass
class Api:
    """Objects by path and key, with a log of events to watch.

    compacted: versions up to this one are too old. page: objects of a page, at most, whatever is asked for.
    lists: what is left of lists by their token. faults: answers of HTTP to give instead, the first first.
    requests: (path, query, headers) of what came.
    """

    page: int = 500
    version: int = 0
    compacted: int = 0
    objects: dict[str, dict[str, Object]] = field(default_factory=dict)
    events: list[tuple[int, str, Object]] = field(default_factory=list)
    lists: dict[str, tuple[int, list[Object]]] = field(default_factory=dict)
    faults: list[web.Response] = field(default_factory=list)
    requests: list[tuple[str, dict[str, str], dict[str, str]]] = field(default_factory=list)
    url: str = ""
    told: asyncio.Condition = field(default_factory=asyncio.Condition)
    watches: set[asyncio.Task[Any]] = field(default_factory=set)

    async def put(self, path: str, item: Object) -> None:
        """An object comes or changes."""
        key = self._key(item)
        known = self.objects.setdefault(path, {})
        await self._tell(path, "MODIFIED" if key in known else "ADDED", item)
        known[key] = item

    async def delete(self, path: str, item: Object) -> None:
        """An object goes."""
        self.objects[path].pop(self._key(item))
        await self._tell(path, "DELETED", item)

    async def bookmark(self) -> None:
        """The version moves on without a change."""
        self.version += 1
        await self._log("", "BOOKMARK", {"metadata": {"resourceVersion": str(self.version)}})

    def disconnect(self) -> None:
        """All watches break off."""
        for task in self.watches:
            task.cancel()

    def compact(self) -> None:
        """What was told so far cannot be told again."""
        self.compacted = self.version
        self.events.clear()

    @staticmethod
    def _key(item: Object) -> str:
        return f"{item['metadata'].get('namespace', '')}/{item['metadata']['name']}"

    async def _tell(self, path: str, kind: str, item: Object) -> None:
        self.version += 1
        item["metadata"]["resourceVersion"] = str(self.version)
        await self._log(path, kind, item)

    async def _log(self, path: str, kind: str, item: Object) -> None:
        async with self.told:
            self.events.append((self.version, path, {"type": kind, "object": json.loads(json.dumps(item))}))
            self.told.notify_all()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append((request.path, dict(request.query), dict(request.headers)))
        if self.faults:
            return self.faults.pop(0)
        if request.query.get("watch") == "true":
            return await self._watched(request)
        return self._listed(request)

    def _listed(self, request: web.Request) -> web.Response:
        """All pages of a list are of one moment, and of its version."""
        size = min(self.page, int(request.query.get("limit", "500")))
        token = request.query.get("continue", "")
        version, waiting = self.lists.pop(token) if token else (self.version, self._items(request.path))
        metadata = {"resourceVersion": str(version)}
        if len(waiting) > size:
            metadata["continue"] = f"after-{len(self.requests)}"
            self.lists[metadata["continue"]] = (version, waiting[size:])
        return web.json_response({"metadata": metadata, "items": waiting[:size]})

    def _items(self, path: str) -> list[Object]:
        return [item for _, item in sorted(self.objects.get(path, {}).items())]

    async def _watched(self, request: web.Request) -> web.StreamResponse:
        version = int(request.query["resourceVersion"])
        answer = web.StreamResponse()
        await answer.prepare(request)
        if version < self.compacted:
            status = {"code": 410, "message": "too old resource version", "reason": "Expired"}
            await answer.write(json.dumps({"type": "ERROR", "object": status}).encode() + b"\n")
            return answer
        task = asyncio.current_task()
        assert task is not None
        self.watches.add(task)
        try:
            while True:
                async with self.told:
                    while not any(at > version for at, _, _ in self.events):
                        await self.told.wait()
                    news = [(at, path, event) for at, path, event in self.events if at > version]
                for at, path, event in news:
                    version = at
                    if path in ("", request.path):
                        await answer.write(json.dumps(event).encode() + b"\n")
        finally:
            self.watches.discard(task)


@asynccontextmanager
async def serving(api: Api) -> AsyncIterator[Api]:
    """Serves it on loopback; sets its address."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", api.handle)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    api.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield api
    finally:
        api.disconnect()
        await runner.cleanup()
