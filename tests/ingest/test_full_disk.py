"""A disk that fills up: senders are told to come back, and nothing that was acknowledged is lost."""

import asyncio
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cramjam
import httpx
import numpy as np
import pytest
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from ingest.api import create_router
from ingest.limits import Limits
from ingest.pipeline import Pipeline
from ingest.wire.encoding import encode_labels, encode_v1
from storage.clickhouse import ClickHouseStorage
from storage.model import canonical, metric_id
from tests.storage.building import ALWAYS

NOW_MS = 1_700_000_000_000
HEADERS = {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy"}
ROWS = 20_000


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=4m", "none", str(disk)]
    try:
        mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("the program mount is not installed")
    if mounted.returncode:
        pytest.skip(f"a tmpfs cannot be mounted here: {mounted.stderr.strip()}")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def body(first_ms: int) -> bytes:
    """ROWS samples of one series."""
    raw = [encode_labels(canonical({"__name__": "m", "job": "a"}))]
    times = first_ms + np.arange(ROWS, dtype=np.int64)
    plain = encode_v1(raw, np.zeros(ROWS, np.int64), times, np.ones(ROWS))
    return bytes(cramjam.snappy.compress_raw(plain))


def post(pipeline: Pipeline, content: bytes) -> httpx.Response:
    async def ask() -> httpx.Response:
        app = FastAPI()
        app.include_router(create_router(pipeline, executor, lambda: NOW_MS / 1000))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://swell") as client:
            return await client.post("/api/v1/write", content=content, headers=HEADERS)

    with ThreadPoolExecutor(1) as executor:
        return asyncio.run(ask())


def opened(storage: ClickHouseStorage, directory: Path, min_free_bytes: int = 0) -> Pipeline:
    return Pipeline(
        storage,
        directory,
        Limits(),
        CollectorRegistry(),
        clock=lambda: NOW_MS / 1000,
        flush_interval_s=0.01,
        min_free_bytes=min_free_bytes,
    )


def test_a_full_disk_is_survived_without_loss(embedded_storage: ClickHouseStorage, small_disk: Path) -> None:
    pipeline = opened(embedded_storage, small_disk / "wal")
    pipeline.start()
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(2 << 20))
    acknowledged, refused = [], []
    for i in range(8):  # 640 kB each
        answer = post(pipeline, body(NOW_MS - i * ROWS))
        if answer.status_code == 204:
            acknowledged.append(NOW_MS - i * ROWS)
        else:
            refused.append(answer)
        assert pipeline.flush()

    assert acknowledged
    assert refused
    assert {answer.status_code for answer in refused} == {503}
    assert {answer.headers["retry-after"] for answer in refused} == {"5"}
    assert "No space left on device" in refused[0].text

    ballast.unlink()
    later = NOW_MS - 100 * ROWS
    assert post(pipeline, body(later)).status_code == 204
    assert pipeline.flush()
    pipeline.stop()
    again = opened(embedded_storage, small_disk / "wal")
    again.start()
    again.stop()
    found = set(embedded_storage.read_samples(metric_id("m"), None, ALWAYS).timestamps_ms.tolist())
    for first in (*acknowledged, later):
        assert found >= set(range(first, first + ROWS))


def test_senders_are_pushed_back_before_the_disk_is_full(
    embedded_storage: ClickHouseStorage, small_disk: Path
) -> None:
    pipeline = opened(embedded_storage, small_disk / "wal", min_free_bytes=2 << 20)
    pipeline.start()
    assert post(pipeline, body(NOW_MS - ROWS)).status_code == 204
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(2 << 20))

    answer = post(pipeline, body(NOW_MS))

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "ingest.min_free_bytes" in answer.text
    ballast.unlink()
    assert post(pipeline, body(NOW_MS)).status_code == 204
    pipeline.stop()
