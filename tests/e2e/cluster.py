"""A cluster for collectors: captured kubelet pages, captured objects of the API, and Leases, on loopback."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from aiohttp import web

from tests.kube.api import Api

CAPTURE = "k8s/nri-kubernetes/internal/testutil/data"
PATHS = {
    "Pod": "/api/v1/pods",
    "Node": "/api/v1/nodes",
    "Namespace": "/api/v1/namespaces",
    "Service": "/api/v1/services",
    "Endpoints": "/api/v1/endpoints",
}
LEASES = "/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"


@dataclass
class Cluster:
    """What runs: the addresses of the kubelet, of pages by name, and of the API server."""

    kubelet_port: int
    api: Api
    leases: dict[str, dict[str, Any]] = field(default_factory=dict)


class _LeaseRoutes:
    def __init__(self) -> None:
        self.items: dict[str, dict[str, Any]] = {}
        self.version = 0

    async def handle(self, request: web.Request) -> web.Response:
        name = request.match_info.get("name", "")
        if request.method == "GET":
            found = self.items.get(name)
            return web.json_response(found or {"message": "none"}, status=200 if found else 404)
        given = json.loads(await request.read())
        name = given["metadata"]["name"]
        version = self.items[name]["metadata"]["resourceVersion"] if name in self.items else ""
        if given["metadata"].get("resourceVersion", "") != version:
            return web.json_response({"message": "changed"}, status=409)
        self.version += 1
        given["metadata"]["resourceVersion"] = str(self.version)
        self.items[name] = given
        return web.json_response(given)


def objects(directory: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Captured objects with the path of their list."""
    for name in ("pods", "nodes", "namespaces", "services", "endpoints"):
        for document in yaml.load_all((directory / f"{name}.yaml").read_text(), yaml.CSafeLoader):
            for item in (document or {}).get("items", [document] if document else []):
                yield PATHS.get(item.get("kind") or name.removesuffix("s").title(), f"/api/v1/{name}"), item


def pages(directory: Path) -> dict[str, bytes]:
    """The kubelet's captured pages by path."""
    return {
        "/metrics/cadvisor": (directory / "kubelet/metrics/cadvisor").read_bytes(),
        "/stats/summary": (directory / "kubelet/stats/summary").read_bytes(),
        **{
            f"/{name}/metrics": (directory / f"controlplane/{name}/metrics").read_bytes()
            for name in ("api-server", "controller-manager", "scheduler", "etcd")
            if (directory / f"controlplane/{name}/metrics").is_file()
        },
    }


def _renamed(item: dict[str, Any], name: str, node: str) -> dict[str, Any]:
    """The object with another name of the captured node, where that is a value of its own."""
    return dict(json.loads(json.dumps(item, default=str).replace(json.dumps(name), json.dumps(node))))


@contextmanager
def running(
    directory: Path,
    further: Mapping[str, bytes] | None = None,
    extra: Iterable[tuple[str, dict[str, Any]]] = (),
    node: str = "",
) -> Iterator[Cluster]:
    """A cluster made of a capture. further: pages in addition, by path. extra: objects, with their lists.

    node: what the captured node is called instead.
    """
    loop = asyncio.new_event_loop()
    ready = threading.Event()
    found: list[Cluster] = []
    stopped = asyncio.Event()

    async def serve() -> None:
        api, leases = Api(), _LeaseRoutes()
        captured = [*objects(directory)]
        name = next(item["metadata"]["name"] for path, item in captured if path == PATHS["Node"])
        for path, item in (*captured, *extra):
            await api.put(path, _renamed(item, name, node) if node else item)
        content = {**pages(directory), **(further or {})}

        async def page(request: web.Request) -> web.Response:
            body = content.get(request.path)
            kind = "application/json" if request.path.startswith("/stats") else "text/plain"
            return web.Response(body=body, status=200 if body is not None else 404, content_type=kind)

        app = web.Application()
        for suffix in ("", "/{name}"):
            app.router.add_route("*", LEASES + suffix, leases.handle)
        app.router.add_route("*", "/{path:.*}", api.handle)
        kubelet = web.Application()
        kubelet.router.add_get("/{path:.*}", page)
        runners = [web.AppRunner(app, shutdown_timeout=0), web.AppRunner(kubelet, shutdown_timeout=0)]
        for runner in runners:
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
        api.url = f"http://127.0.0.1:{runners[0].addresses[0][1]}"
        found.append(Cluster(runners[1].addresses[0][1], api, leases.items))
        ready.set()
        await stopped.wait()
        api.disconnect()
        for runner in runners:
            await runner.cleanup()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
    thread.start()
    assert ready.wait(60), "the cluster did not come up"
    try:
        yield found[0]
    finally:
        loop.call_soon_threadsafe(stopped.set)
        thread.join()
        loop.close()
