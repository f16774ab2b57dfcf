"""Clusters as lists of objects, and an API server that serves them to a real Prometheus."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import yaml

from collector.discovery.kubernetes.roles import KINDS

HERE = Path(__file__).parent
Objects = Mapping[str, list[dict[str, Any]]]
"""Plural of a kind -> objects."""

_KINDS = {kind.plural: kind.struct.__name__ for kind in KINDS.values()}
_GROUPS = {kind.plural: kind.group_version for kind in KINDS.values()}


def written() -> Objects:
    """The objects of this directory."""
    return _load(HERE / "objects.yaml")


def captured(shared_data: Path) -> dict[str, Objects]:
    """Clusters of the shared captures by name, none of those that are absent."""
    clusters: dict[str, Objects] = {}
    for version in ("1_31", "1_35"):
        root = shared_data / "k8s/nri-kubernetes/internal/testutil/data" / version
        if root.is_dir():
            names = ("nodes", "pods", "services", "endpoints")
            clusters[version] = {name: _load(root / f"{name}.yaml")["items"] for name in names}
    root = shared_data / "k8s/local-kube-apiserver-1.20.2"
    if root.is_dir():
        names = ("nodes", "pods", "services", "endpoints")
        clusters["1_20"] = {name: _load(root / f"{name}.json")["items"] for name in names}
    root = shared_data / "k8s/troubleshoot/pkg/analyze/files"
    if root.is_dir():
        pods = [item for path in sorted((root / "pods").glob("*.json")) for item in _load(path)["items"]]
        unique = {(item["metadata"]["namespace"], item["metadata"]["name"]): item for item in pods}
        clusters["troubleshoot"] = {"nodes": _load(root / "nodes.json")["items"], "pods": [*unique.values()]}
    return clusters


def decoded(objects: Objects) -> dict[str, list[Any]]:
    """The same as structs, by the name of the kind."""
    return {
        name: [msgspec.convert(item, kind.struct) for item in objects.get(kind.plural, [])]
        for name, kind in KINDS.items()
    }


def _load(path: Path) -> Any:
    text = path.read_text()
    return json.loads(text) if path.suffix == ".json" else yaml.load(text, Loader=yaml.CSafeLoader)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256  # every discovery of every job connects at once


@contextmanager
def api_server(clusters: Mapping[str, Objects], pages: Mapping[str, Any]) -> Iterator[str]:
    """Serves `/<cluster>/api/…` and `pages` by their path; gives its address. Nothing ever changes."""
    closing = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            query = parse_qs(url.query)
            if url.path in pages:
                self._answer(pages[url.path])
            elif url.path.rpartition("/")[2] not in _GROUPS:
                self.send_error(404)
            elif query.get("watch", ["false"])[0] in ("true", "1"):
                self._watch(_chosen(clusters, url.path, query), "sendInitialEvents" in query)
            else:
                self._answer(_chosen(clusters, url.path, query))

        def _watch(self, known: dict[str, Any], with_known: bool) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Connection", "close")
            self.end_headers()
            for event in _first_events(known) if with_known else ():
                self.wfile.write(json.dumps(event, default=str).encode() + b"\n")
            self.wfile.flush()
            closing.wait()
            self.close_connection = True

        def _answer(self, content: Any) -> None:
            body = json.dumps(content, default=str).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = _Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        closing.set()
        server.shutdown()
        server.server_close()
        thread.join()


def _chosen(clusters: Mapping[str, Objects], path: str, query: dict[str, list[str]]) -> dict[str, Any]:
    """The answer to a list."""
    cluster, *parts = path.strip("/").split("/")
    items = clusters.get(cluster, {}).get(parts[-1], [])
    kind = {"apiVersion": _GROUPS[parts[-1]], "kind": _KINDS[parts[-1]]}
    return {
        "apiVersion": kind["apiVersion"],
        "kind": kind["kind"] + "List",
        "metadata": {"resourceVersion": "1"},
        "items": [{**kind, **item} for item in items if _within(item, parts, query)],
    }


def _first_events(known: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A list as a watch tells it, for clients that do not list."""
    for item in known["items"]:
        yield {"type": "ADDED", "object": item}
    metadata = {"resourceVersion": "1", "annotations": {"k8s.io/initial-events-end": "true"}}
    kind = {"apiVersion": known["apiVersion"], "kind": known["kind"].removesuffix("List")}
    yield {"type": "BOOKMARK", "object": {**kind, "metadata": metadata}}


def _within(item: dict[str, Any], parts: list[str], query: dict[str, list[str]]) -> bool:
    metadata = item["metadata"]
    if "namespaces" in parts and metadata.get("namespace") != parts[parts.index("namespaces") + 1]:
        return False
    labels = _pairs(query.get("labelSelector", [""])[0])
    fields = _pairs(query.get("fieldSelector", [""])[0])
    known = {"metadata.name": metadata.get("name"), "spec.nodeName": item.get("spec", {}).get("nodeName")}
    return all(metadata.get("labels", {}).get(key) == value for key, value in labels) and all(
        known[key] == value for key, value in fields
    )


def _pairs(text: str) -> list[tuple[str, str]]:
    return [(key, value) for key, _, value in (part.partition("=") for part in text.split(",") if part)]
