"""Collectors as they are installed, pushing into a Swell, read back by PromQL."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from tests.collector.receiver import receiving, samples
from tests.e2e.cluster import CAPTURE, running
from tests.e2e.swell import ROOT, Swell
from tests.peers import free_port, wait_until

pytestmark = pytest.mark.slow
INTERVAL_S = 1.0


@contextmanager
def collector(kind: str, url: str, data_dir: Path, *flags: str) -> Iterator[subprocess.Popen[bytes]]:
    """A collector process; it is killed at the end unless it has ended."""
    command = [sys.executable, "-m", "server", "collect", kind, "--collect.url", url]
    data_dir.mkdir(parents=True, exist_ok=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SWELL_")}
    with (data_dir / "collector.log").open("ab") as log:
        process = subprocess.Popen(
            [*command, "--data-dir", str(data_dir), *flags], cwd=ROOT, stdout=log, stderr=log, env=environment
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def capture(shared_data: Path) -> Path:
    path = shared_data / CAPTURE / "1_35"
    if not path.is_dir():
        pytest.skip(f"the captured cluster is not at {path}")
    return path


NODE = (
    "--collect.interval-s", str(INTERVAL_S), "--collect.instance", "n1", "--collect.cluster", "c1",
    "--collect.job", "node-exporter", "--collect.kubernetes.namespace", "swell",
    "--collect.kubernetes.pod-name", "swell-node-x",
)  # fmt: skip


def scrape_file(directory: Path, port: int, jobs: Sequence[tuple[str, str]]) -> Path:
    lines = ["scrape_configs:"]
    for job, path in jobs:
        lines.append(
            f"- {{job_name: '{job}{path}', scrape_interval: 1s, scrape_timeout: 1s, metrics_path: {path},"
            f" honor_labels: true, honor_timestamps: false,"
            f" static_configs: [{{targets: ['127.0.0.1:{port}'], labels: {{job: {job}, node: n1}}}}]}}"
        )
    path = directory / "scrape.yml"
    path.write_text("\n".join(lines))
    return path


def test_a_node_and_a_cluster_collector_tell_what_dashboards_ask_for(
    start: Callable[..., Swell], capture: Path, tmp_path: Path
) -> None:
    swell = start(("--no-collect.enabled",))
    with running(capture) as cluster:
        file = scrape_file(tmp_path, cluster.kubelet_port, [("kubelet", "/metrics/cadvisor")])
        flags = (
            "--collect.cluster", "c1", "--collect.kubernetes.api-url", cluster.api.url,
            "--collect.state.interval-s", "1", "--collect.state.election", "swell-cluster",
            "--collect.kubernetes.namespace", "swell", "--collect.kubernetes.pod-name", "p-1",
        )  # fmt: skip
        with (
            collector("node", swell.url, tmp_path / "node", *NODE, "--collect.scrape.file", str(file)),
            collector("cluster", swell.url, tmp_path / "cluster", *flags) as leader,
        ):
            wait_until(lambda: bool(swell.instant("node_load1")), "the machine", 60)
            wait_until(lambda: bool(swell.instant("kube_pod_info")), "the cluster's objects", 60)
            wait_until(lambda: bool(swell.instant("container_memory_working_set_bytes")), "containers", 60)

            [load] = swell.instant('node_load1{job="node-exporter"}')
            found = {name: load["metric"][name] for name in ("cluster", "instance", "namespace", "pod")}
            assert found == {"cluster": "c1", "instance": "n1", "namespace": "swell", "pod": "swell-node-x"}
            pods = swell.instant('count(kube_pod_info{job="kube-state-metrics", cluster="c1"})')
            assert int(pods[0]["value"][1]) == len(cluster.api.objects["/api/v1/pods"])
            joined = swell.instant(
                'count(container_memory_working_set_bytes{container!="", metrics_path=""}'
                " * on (namespace, pod) group_left (node) max by (namespace, pod, node) (kube_pod_info))"
            )
            assert int(joined[0]["value"][1]) > 10
            assert swell.instant('up{job="node-exporter"}')[0]["value"][1] == "1"
            wait_until(lambda: bool(swell.instant("swell_collector_leading == 1")), "the leader", 30)
            wait_until(lambda: len(swell.instant("swell_collector_target_up")) >= 3, "the targets", 30)

            leader.send_signal(signal.SIGTERM)
            assert leader.wait(20) == 0
            assert cluster.leases["swell-cluster"]["spec"]["holderIdentity"] == ""


def test_what_would_be_sent_is_printed(capture: Path) -> None:
    with running(capture) as cluster:
        command = [sys.executable, "-m", "server", "collect", "cluster", "--once"]
        flags = ["--collect.kubernetes.api-url", cluster.api.url, "--collect.cluster", "c1"]
        text = subprocess.run(
            [*command, *flags, "--collect.state.resources", '["pods", "nodes"]'],
            cwd=ROOT, capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip

    assert 'kube_pod_info{cluster="c1"' in text
    assert "# TYPE kube_node_info gauge" in text


def test_while_ingest_is_away_and_the_collector_is_restarted_nothing_is_lost(
    start: Callable[..., Swell], tmp_path: Path
) -> None:
    port = free_port()
    swell = Swell(tmp_path / "swell" / "data", ("--no-collect.enabled",), port=port).start()
    spool = tmp_path / "node" / "spool" / "node" / "swell"
    try:
        with collector("node", swell.url, tmp_path / "node", *NODE) as first:
            wait_until(lambda: bool(swell.instant("node_load1")), "the first pass", 60)
            begin_s = time.time()
            swell.kill()
            wait_until(lambda: len(list(spool.glob("*.body"))) >= 12, "bodies on disk", 60)
            first.kill()
            first.wait()
        killed_s = time.time()
        with collector("node", swell.url, tmp_path / "node", *NODE) as second:
            wait_until(lambda: len(list(spool.glob("*.body"))) >= 24, "further bodies on disk", 60)
            second.send_signal(signal.SIGTERM)
            assert second.wait(20) == 0
        stopped_s = time.time()
        with collector("node", swell.url, tmp_path / "node", *NODE):
            swell.start()
            wait_until(lambda: not list(spool.glob("*.body")), "an empty spool", 90)
            end_s = time.time()
            wait_until(lambda: bool(swell.instant(f"timestamp(node_load1) > {end_s}")), "the present", 30)
        rows = swell.instant(f"node_load1[{round(end_s - begin_s)}s]", end_s)
        stamps = sorted(stamp for row in rows for stamp, _ in row["values"])
    finally:
        swell.stop()

    gaps = [(a, b) for a, b in pairwise(stamps) if b - a > 2.5 * INTERVAL_S]
    # While the collector itself is starting there is nobody to read the machine.
    restarts = [[a, b] for a, b in gaps if any(a <= moment <= b for moment in (killed_s, stopped_s))]
    assert [[a, b] for a, b in gaps] == restarts, (gaps, begin_s, killed_s, stopped_s, end_s)
    assert stamps[0] < begin_s + 2.5 * INTERVAL_S
    assert stamps[-1] > end_s - 2.5 * INTERVAL_S


def test_a_receiver_of_remote_write_1_is_served_beside_swell(
    start: Callable[..., Swell], tmp_path: Path
) -> None:
    swell = start(("--no-collect.enabled",))
    with receiving() as old:
        old.knows = (1,)
        destinations = (
            f'[{{"name": "swell", "url": "{swell.url}"}},'
            f' {{"name": "old", "url": "{old.url}/write", "send": {{"metric_allow": ["node_load*"]}}}}]'
        )
        with collector(
            "node", "http://unused", tmp_path / "node", *NODE, "--collect.destinations", destinations
        ):
            old.wait_received(2)
            wait_until(lambda: bool(swell.instant("node_load1")), "the machine", 60)

        assert {name for name, _ in samples(old.received[-1].decoded)} == {
            "node_load1", "node_load5", "node_load15",
        }  # fmt: skip
