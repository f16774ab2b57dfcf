"""A real Prometheus takes native histograms and exemplars and passes them on to Swell, in its own words."""

import asyncio
import shutil
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cramjam
import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from ingest.api import create_router
from ingest.limits import Limits
from ingest.pipeline import Pipeline
from storage.clickhouse import ClickHouseStorage
from storage.exemplars import ExemplarBatch
from storage.model import decode_labels, metric_id
from tests.ingest.messages import WriteRequest
from tests.peers import free_port, listens, wait_until
from tests.storage.building import ALWAYS
from tests.storage.histograms import Row, histogram, rows_of

pytestmark = [pytest.mark.slow, pytest.mark.peers]

_CONFIG = """
global: {{scrape_interval: 1h}}
remote_write:
  - url: {url}/api/v1/write
    send_native_histograms: true
    send_exemplars: true
    queue_config: {{batch_send_deadline: 100ms, min_backoff: 30ms, max_backoff: 1s}}
"""
_FEATURES = "--enable-feature=native-histograms,exemplar-storage"


@contextmanager
def serve(pipeline: Pipeline) -> Iterator[str]:
    """The write path on a port of its own; gives its URL."""
    port = free_port()
    with ThreadPoolExecutor(2) as executor:
        app = FastAPI()
        app.include_router(create_router(pipeline, executor))
        server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning"))
        running = executor.submit(asyncio.run, server.serve())
        try:
            wait_until(lambda: listens(port), "the write path")
            yield f"http://127.0.0.1:{port}"
        finally:
            server.should_exit = True
            running.result()


@contextmanager
def prometheus(directory: Path, url: str) -> Iterator[str]:
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("prometheus is not installed; Debian's package of that name has it")
    port = free_port()
    config = directory / "prometheus.yml"
    config.write_text(_CONFIG.format(url=url))
    flags = [
        f"--config.file={config}",
        f"--storage.tsdb.path={directory}/tsdb",
        f"--web.listen-address=127.0.0.1:{port}",
        "--web.enable-remote-write-receiver",
        _FEATURES,
    ]
    with (directory / "prometheus.log").open("w") as log:
        process = subprocess.Popen([program, *flags], stdout=log, stderr=log)
    try:
        wait_until(lambda: ready(port), "Prometheus")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/-/ready").status_code == 200
    except httpx.TransportError:
        return False


def request(now_ms: int) -> tuple[Any, list[Row]]:
    """One series' histograms, whole and floating, what they are, and another series with an exemplar."""
    message = WriteRequest()
    series = message.timeseries.add()
    for name, value in ((b"__name__", b"latency"), (b"job", b"api")):
        series.labels.add(name=name, value=value)
    whole = {"schema": 3, "zero_threshold": 0.001, "zero_count_int": 2, "sum": 41.5}
    first = series.histograms.add(count_int=12, positive_deltas=[1, 1, 3, -4], timestamp=now_ms, **whole)
    first.positive_spans.add(offset=-5, length=2)
    first.positive_spans.add(offset=7, length=2)
    first.negative_deltas.append(1)
    first.negative_spans.add(offset=4, length=1)
    floating = series.histograms.add(
        count_float=3.75, sum=-2.5, schema=0, positive_counts=[0.5, 3.25], timestamp=now_ms + 1000
    )
    floating.positive_spans.add(offset=0, length=2)
    other = message.timeseries.add()
    other.labels.add(name=b"__name__", value=b"requests")
    other.samples.add(value=1.0, timestamp=now_ms)
    other.exemplars.add(value=0.25, timestamp=now_ms).labels.add(name=b"trace_id", value=b"abc")
    expected = [
        histogram(12, 41.5, [(-5, 1), (-4, 2), (4, 5), (5, 1)], [(4, 1)], schema=3, zero=(0.001, 2)),
        histogram(3.75, -2.5, [(0, 0.5), (1, 3.25)]),
    ]
    return message, expected


def test_prometheus_passes_on_histograms_and_exemplars_as_it_took_them(
    embedded_storage: ClickHouseStorage, tmp_path: Path
) -> None:
    pipeline = Pipeline(embedded_storage, tmp_path / "wal", Limits(), CollectorRegistry())
    pipeline.start()
    latency = metric_id("latency")

    def stored() -> list[tuple[int, Row]]:
        pipeline.flush()
        return [row[1:] for row in rows_of(embedded_storage.read_histograms(latency, None, ALWAYS))]

    def exemplars() -> ExemplarBatch:
        return embedded_storage.read_exemplars(metric_id("requests"), None, ALWAYS)

    with serve(pipeline) as url, prometheus(tmp_path, url) as receiver:
        now_ms = int(time.time() * 1000) + 1000  # it passes on only what is later than its start
        message, expected = request(now_ms)
        body = bytes(cramjam.snappy.compress_raw(message.SerializeToString()))
        headers = {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy"}
        answer = httpx.post(f"{receiver}/api/v1/write", content=body, headers=headers)
        assert answer.status_code == 204, answer.text
        wait_until(lambda: len(stored()) == 2, "two histograms")
        wait_until(lambda: pipeline.flush() and len(exemplars()) == 1, "an exemplar")

    hintless = [(at, (*row[:5], 0, *row[6:])) for at, row in stored()]
    assert hintless == [(now_ms, expected[0]), (now_ms + 1000, expected[1])]
    found = exemplars()
    assert (found.values.tolist(), decode_labels(found.labels[0])) == ([0.25], {"trace_id": "abc"})
    pipeline.stop()
