"""Clients that others wrote, unmodified, against Swell."""

import json
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_api_client import MetricSnapshotDataFrame, PrometheusConnect

from tests.api.conftest import NOW_S
from tests.differential.data import START_MS

pytestmark = [pytest.mark.peers]

_EDITOR = Path(__file__).parent / "codemirror"
_AT_S = START_MS // 1000 + 900


def promtool(*arguments: str) -> str:
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("promtool is not installed; Debian's package prometheus has it")
    run = subprocess.run([program, "query", *arguments], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def url_of(swell: httpx.Client) -> str:
    return str(swell.base_url).rstrip("/")


def test_promtool_asks_all_that_it_can(swell: httpx.Client) -> None:
    url, start, end = url_of(swell), f"--start={_AT_S - 600}", f"--end={_AT_S}"

    instant = promtool("instant", f"--time={_AT_S}", url, 'sum by (job) (g{job="a"})')
    ranged = promtool("range", start, end, "--step=60s", url, "rate(c_total[5m])")
    series = promtool("series", "--match=c_total", start, end, url)
    labels = promtool("labels", start, end, url, "job")

    assert instant.startswith('{job="a"} => ')
    assert 'instance="1"' in ranged and ranged.count("@[") >= 40
    assert len(series.splitlines()) == 4
    assert labels.split() == ["a", "b"]


def test_prometheus_api_client_reads_what_is_there(swell: httpx.Client) -> None:
    client = PrometheusConnect(url=url_of(swell))
    at = {"time": _AT_S}

    assert {"c_total", "g", "n"} <= set(client.all_metrics())
    assert client.get_label_values("job") == ["a", "b"]
    value = client.get_current_metric_value("c_total", {"job": "b", "instance": "1"}, params=at)
    assert MetricSnapshotDataFrame(value).shape[0] == 1
    first = datetime.fromtimestamp(_AT_S - 600, UTC)
    ranged = client.custom_query_range("sum(c_total)", first, datetime.fromtimestamp(_AT_S, UTC), "60")
    assert len(ranged[0]["values"]) == 11


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_grafanas_data_source_asks_is_answered(method: str, swell: httpx.Client) -> None:
    times = {"start": str(_AT_S - 600), "end": str(_AT_S)}
    asked: list[tuple[str, dict[str, Any]]] = [
        ("query", {"query": "1+1", "time": str(NOW_S)}),
        ("query_range", {"query": "rate(c_total[1m])", "step": "15", **times}),
        ("query_exemplars", {"query": "rate(c_total[1m])", **times}),
        ("labels", {**times, "match[]": 'c_total{job="a"}'}),
        ("series", {**times, "match[]": '{__name__="c_total"}', "limit": "40000"}),
    ]
    only_get: list[tuple[str, dict[str, Any]]] = [
        ("status/buildinfo", {}),
        ("label/__name__/values", {**times, "match[]": '{job="a"}', "limit": "40000"}),
        ("metadata", {"limit_per_metric": "1"}),
    ]
    for path, parameters in asked + (only_get if method == "GET" else []):
        where = {"params": parameters} if method == "GET" else {"data": parameters}
        answer = swell.request(method, f"/api/v1/{path}", **where)
        assert answer.status_code == 200 and answer.json()["status"] == "success", (path, answer.text)


def test_prometheuss_own_editor_completes(swell: httpx.Client, tmp_path: Path) -> None:
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    for name in ("package.json", "package-lock.json", "client.mjs"):
        shutil.copy(_EDITOR / name, tmp_path)
    installed = subprocess.run(
        ["npm", "ci", "--silent", "--no-audit", "--no-fund"], cwd=tmp_path, capture_output=True, check=False
    )
    if installed.returncode:
        pytest.skip("npm could not install the editor's client: is its registry reachable?")

    run = subprocess.run(
        ["node", "client.mjs", url_of(swell)], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert run.returncode == 0, run.stderr
    for found in json.loads(run.stdout).values():
        assert "c_total" in found["names"] and found["series"] == 4
        assert found["labels"] == ["__name__", "group", "instance", "job"]
        assert found["values"] == ["a", "b"]
        assert found["flags"] == {"listen": "127.0.0.1:9470"}
