"""A real Prometheus scrapes, remote-writes to Swell, and both are asked the same questions.

SWELL_SOAK_S sets for how long it scrapes (20 s by default); Swell is restarted half way.

The windows of the queries begin after the counters were first seen: how a rate is carried to a counter's
beginning changed between Prometheus 2 and 3, and Debian stable has 2.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.conftest import Starter
from tests.e2e.swell import Swell
from tests.peers import free_port, listens, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.peers]

_SOAK_S = float(os.environ.get("SWELL_SOAK_S", "20"))
_CONFIG = """
global: {{scrape_interval: 1s}}
scrape_configs:
  - job_name: prometheus
    static_configs: [{{targets: ["127.0.0.1:{own}"]}}]
  - job_name: node
    static_configs: [{{targets: ["127.0.0.1:{node}"]}}]
remote_write:
  - url: {swell}/api/v1/write
    queue_config: {{batch_send_deadline: 300ms, min_backoff: 30ms, max_backoff: 1s}}
"""
_QUERIES = [
    "up",
    "sum(up)",
    "rate(node_cpu_seconds_total[8s])",
    "sum by (mode) (rate(node_cpu_seconds_total[8s]))",
    'avg without (cpu) (irate(node_cpu_seconds_total{mode!="idle"}[8s]))',
    "node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes",
    "1 - node_memory_MemFree_bytes / on (instance) node_memory_MemTotal_bytes",
    "topk(3, prometheus_http_requests_total)",
    'count by (job) ({__name__=~".+"})',
    "max_over_time(node_load1[8s]) - min_over_time(node_load1[8s])",
    "avg_over_time(go_goroutines[8s])",
    "quantile_over_time(0.9, go_memstats_alloc_bytes[8s])",
    "stddev_over_time(process_resident_memory_bytes[8s])",
    "increase(prometheus_tsdb_head_samples_appended_total[8s])",
    "histogram_quantile(0.9, sum by (le) (rate(prometheus_http_request_duration_seconds_bucket[8s])))",
    'label_replace(up, "host", "$1", "instance", "(.*):.*")',
    "sum by (device) (rate(node_network_receive_bytes_total[8s])) > bool 0",
    "node_filesystem_avail_bytes and on (device) node_filesystem_size_bytes > 0",
    "max_over_time(sum by (job) (rate(process_cpu_seconds_total[6s]))[6s:1s])",
    "deriv(process_resident_memory_bytes[8s])",
    "changes(go_goroutines[8s])",
    'absent(up{job="nothing"})',
]


@pytest.fixture
def exporter(tmp_path: Path) -> Iterator[int]:
    program = shutil.which("prometheus-node-exporter")
    if program is None:
        pytest.skip("prometheus-node-exporter is not installed; Debian's package of that name has it")
    port = free_port()
    with (tmp_path / "node.log").open("w") as log:
        process = subprocess.Popen(
            [program, f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log
        )
    wait_until(lambda: listens(port), "node_exporter")
    yield port
    process.terminate()
    process.wait()


@pytest.fixture
def prometheus(tmp_path: Path) -> Iterator[Any]:
    """Starts a Prometheus that writes to a Swell; gives its URL."""
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("prometheus is not installed; Debian's package of that name has it")
    started: list[subprocess.Popen[bytes]] = []

    def run(swell: Swell, node_port: int) -> str:
        port = free_port()
        config = tmp_path / "prometheus.yml"
        config.write_text(_CONFIG.format(own=port, node=node_port, swell=swell.url))
        with (tmp_path / "prometheus.log").open("w") as log:
            flags = [f"--config.file={config}", f"--storage.tsdb.path={tmp_path}/tsdb"]
            address = f"--web.listen-address=127.0.0.1:{port}"
            started.append(subprocess.Popen([program, *flags, address], stdout=log, stderr=log))
        wait_until(lambda: listens(port), "Prometheus")
        return f"http://127.0.0.1:{port}"

    yield run
    for process in started:
        process.terminate()
        process.wait()


def test_both_answer_alike_and_no_sample_is_missing_after_a_restart(
    start: Starter, prometheus: Any, exporter: int
) -> None:
    swell = start(["--no-collect.enabled", "--ingest.flush-interval-s", "0.2"])
    url = prometheus(swell, exporter)
    began_s = time.time()
    time.sleep(_SOAK_S / 2)
    swell.stop()
    swell.start()
    time.sleep(_SOAK_S / 2)
    end_s = round(time.time() - 1.5, 3)
    everything = f'{{job=~".+"}}[{int(end_s - began_s)}s]'
    theirs = answer(url, everything, end_s)
    wait_until(lambda: same(answer(swell.url, everything, end_s), theirs), "every sample", 60)

    for query in _QUERIES:
        for parameters in ({"time": end_s}, {"start": end_s - 4.5, "end": end_s, "step": 0.75}):
            ours, theirs = answer(swell.url, query, **parameters), answer(url, query, **parameters)
            assert theirs, f"{query} has no answer to compare"
            assert ours.keys() == theirs.keys(), query
            for key, values in theirs.items():
                assert ours[key] == pytest.approx(values, rel=1e-9, nan_ok=True), (query, key)
    samples = sum(len(values) // 2 for values in answer(url, everything, end_s).values())
    print(f"{len(_QUERIES)} queries alike, instant and range, over {samples} samples in {_SOAK_S} s")


def same(ours: dict[Any, list[float]], theirs: dict[Any, list[float]]) -> bool:
    """Whether every sample of theirs is among ours, with its time and its value."""
    return ours.keys() == theirs.keys() and all(
        ours[key] == pytest.approx(values, rel=0, abs=0, nan_ok=True) for key, values in theirs.items()
    )


def answer(url: str, query: str, time: float | None = None, **window: float) -> dict[Any, list[float]]:
    """Label set -> its values, flat with their times."""
    path, parameters = ("query_range", window) if window else ("query", {"time": time})
    found = httpx.get(f"{url}/api/v1/{path}", params={"query": query, **parameters}, timeout=60).json()
    assert found["status"] == "success", (query, found)
    return {
        tuple(sorted(series["metric"].items())): [
            float(number) for pair in series.get("values", [series.get("value")]) for number in pair
        ]
        for series in found["data"]["result"]
    }
