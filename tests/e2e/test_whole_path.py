"""The main job: a machine is read, pushed, stored, asked about, shown and alerted on."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from tests.e2e.conftest import Starter
from tests.e2e.swell import labels, one_each
from tests.peers import wait_until

pytestmark = pytest.mark.slow

_RULES = """
groups:
  - name: e2e
    interval: 1s
    rules:
      - record: instance:cpus:count
        expr: count by (instance) (node_cpu_seconds_total{mode="idle"})
      - alert: NodeIsThere
        expr: instance:cpus:count > 0
        labels: {severity: info}
        annotations: {summary: "{{ $labels.instance }} has {{ $value }} CPUs"}
"""


@pytest.fixture
def chat() -> Iterator[tuple[str, list[Any]]]:
    """A webhook's other end: its URL, and what arrived."""
    arrived: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            arrived.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/hook", arrived
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_node_is_collected_stored_queried_and_alerted_on(
    start: Starter, storage_url: str, chat: tuple[str, list[Any]], tmp_path: Path
) -> None:
    url, arrived = chat
    (tmp_path / "rules.yaml").write_text(_RULES)
    (tmp_path / "receivers.yaml").write_text(json.dumps([{"name": "chat", "type": "webhook", "url": url}]))
    swell = start(
        [
            "--storage.url",
            storage_url,
            "--ingest.flush-interval-s",
            "0.2",
            "--collect.interval-s",
            "0.5",
            "--collect.instance",
            "here",
            "--alerts.rule-files",
            json.dumps([str(tmp_path / "*rules.yaml")]),
            "--alerts.receivers-file",
            str(tmp_path / "receivers.yaml"),
        ]
    )

    wait_until(lambda: bool(swell.instant("rate(node_cpu_seconds_total[1m])")), "CPU rates")
    rates = swell.instant('rate(node_cpu_seconds_total{mode="idle"}[1m])')
    cpus = [
        line for line in Path("/proc/stat").read_text().splitlines() if line[:3] == "cpu" and line[3] != " "
    ]
    assert len(rates) == len(cpus)
    assert {sample["metric"]["instance"] for sample in rates} == {"here"}

    wait_until(lambda: bool(arrived), "the alert in chat")
    assert arrived[0]["status"] == "firing"
    assert arrived[0]["alerts"][0]["labels"]["alertname"] == "NodeIsThere"
    assert arrived[0]["alerts"][0]["annotations"]["summary"] == f"here has {len(cpus)} CPUs"
    wait_until(lambda: bool(swell.instant('ALERTS{alertstate="firing"}')), "ALERTS")
    assert swell.data("/api/v1/alerts")["alerts"][0]["labels"]["severity"] == "info"

    assert "Swell" in swell.get("/ui/").text
    assert swell.get("/api/v1/nothing").status_code == 404


def test_what_was_acknowledged_is_there_after_a_restart(start: Starter, storage_url: str) -> None:
    flags = ["--storage.url", storage_url, "--no-collect.enabled", "--ingest.flush-interval-s", "30"]
    swell = start(flags)
    now_ms = int(time.time() * 1000)
    series = [labels("kept", {"i": str(i)}) for i in range(100)]

    answer = swell.write(series, one_each(100), np.full(100, now_ms), np.arange(100.0))
    assert answer.status_code == 204, answer.text
    swell.stop()
    swell.start()

    found = {sample["metric"]["i"]: float(sample["value"][1]) for sample in swell.instant("kept")}
    assert found == {str(i): float(i) for i in range(100)}


def test_parts_run_apart_on_one_clickhouse(start: Starter, clickhouse_server: Any, tmp_path: Path) -> None:
    flags = ["--storage.url", clickhouse_server.url("apart"), "--ingest.flush-interval-s", "0.1"]
    ingest = start(flags, "ingest", "ingest")
    query = start(flags, "query", "query")

    text = 'deploys_total{app="shop"} 3\n'
    answer = httpx.post(ingest.url + "/api/v1/import/prometheus", content=text, timeout=30)

    assert answer.status_code == 204, answer.text
    wait_until(lambda: bool(query.instant("deploys_total")), "the sample in the other process")
    assert query.instant("deploys_total")[0]["value"][1] == "3"


def test_every_route_asks_for_the_token_when_there_is_one(start: Starter) -> None:
    swell = start(["--token", "s3cret", "--no-collect.enabled"], token="s3cret")

    for path in ("/", "/ui/", "/metrics", "/api/v1/query?query=1", "/api/v1/write", "/nothing"):
        assert httpx.get(swell.url + path).status_code == 401, path
    assert httpx.get(swell.url + "/-/healthy", auth=("anyone", "s3cret")).status_code == 200
    assert swell.get("/api/v1/query", query="1").status_code == 200
