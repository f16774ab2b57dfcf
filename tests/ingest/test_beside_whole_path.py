"""Native histograms, exemplars and start timestamps, from HTTP to the store and back."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cramjam
import httpx
import numpy as np
import pytest
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from ingest.api import create_router
from ingest.limits import Limits
from ingest.pipeline import Pipeline
from storage.clickhouse import ClickHouseStorage
from storage.errors import LimitError, UnavailableError
from storage.model import STALE_NAN_BITS, canonical, metric_id, series_id
from tests.ingest.messages import Request, WriteRequest
from tests.storage.building import ALWAYS
from tests.storage.histograms import histogram, of_rows, rows_of, stale_histogram

NOW_MS = 1_700_000_000_000
METRIC = metric_id("latency")
SERIES = series_id(canonical({"__name__": "latency", "job": "a"}))
V1 = {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy"}
V2 = V1 | {"Content-Type": "application/x-protobuf;proto=io.prometheus.write.v2.Request"}
STALE_SUM = np.array([STALE_NAN_BITS], np.uint64).view(np.float64)[0]
BUCKETS = histogram(3, 4.5, [(-2, 1), (-1, 2)], schema=2)


def fill(series: Any) -> None:
    """A histogram, a stale marker, one that is refused, and an exemplar."""
    sound = series.histograms.add(count_int=3, sum=4.5, schema=2, positive_deltas=[1, 1], timestamp=NOW_MS)
    sound.positive_spans.add(offset=-2, length=2)
    series.histograms.add(sum=STALE_SUM, timestamp=NOW_MS + 1)
    series.histograms.add(count_int=1, timestamp=NOW_MS + 2)
    series.histograms.add(timestamp=0)
    series.exemplars.add(value=2.5, timestamp=NOW_MS)


def request_v1() -> Any:
    request = WriteRequest()
    series = request.timeseries.add()
    for name, value in ((b"__name__", b"latency"), (b"job", b"a")):
        series.labels.add(name=name, value=value)
    fill(series)
    series.exemplars[0].labels.add(name=b"trace_id", value=b"abc")
    return request


def request_v2() -> Any:
    request = Request(symbols=[b"", b"__name__", b"latency", b"job", b"a", b"trace_id", b"abc", b"up"])
    series = request.timeseries.add(labels_refs=[1, 2, 3, 4])
    fill(series)
    series.exemplars[0].labels_refs.extend([5, 6])
    series.histograms[0].start_timestamp = NOW_MS - 9
    request.timeseries.add(labels_refs=[1, 7]).samples.add(
        value=1.0, timestamp=NOW_MS, start_timestamp=NOW_MS - 5
    )
    return request


@pytest.fixture
def pipeline(storage: ClickHouseStorage, tmp_path: Path) -> Iterator[Pipeline]:
    found = make_pipeline(storage, tmp_path)
    found.start()
    yield found
    found.stop()


def make_pipeline(storage: ClickHouseStorage, directory: Path) -> Pipeline:
    return Pipeline(storage, directory, Limits(), CollectorRegistry(), clock=lambda: NOW_MS / 1000)


def post(pipeline: Pipeline, request: Any, headers: dict[str, str]) -> httpx.Response:
    body = bytes(cramjam.snappy.compress_raw(request.SerializeToString()))

    async def ask() -> httpx.Response:
        app = FastAPI()
        app.include_router(create_router(pipeline, executor, lambda: NOW_MS / 1000))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://swell") as client:
            return await client.post("/api/v1/write", content=body, headers=headers)

    with ThreadPoolExecutor(1) as executor:
        return asyncio.run(ask())


def check_stored(storage: ClickHouseStorage) -> None:
    assert rows_of(storage.read_histograms(METRIC, None, ALWAYS)) == [
        (SERIES, NOW_MS, BUCKETS),
        (SERIES, NOW_MS + 1, stale_histogram()),
    ]
    exemplars = storage.read_exemplars(METRIC, None, ALWAYS)
    assert (exemplars.series_ids.tolist(), exemplars.timestamps_ms.tolist()) == ([SERIES], [NOW_MS])
    assert (exemplars.values.tolist(), list(exemplars.labels)) == ([2.5], ['{"trace_id":"abc"}'])
    assert storage.histogram_metrics() == {METRIC}
    (row,) = [dict(labels) for labels in storage.read_series([METRIC], 0).labels]
    assert row == {"__name__": "latency", "job": "a"}


@pytest.mark.parametrize(("request_of", "headers"), [(request_v1, V1), (request_v2, V2)], ids=["1.0", "2.0"])
def test_what_is_sent_is_stored_and_what_is_refused_is_named(
    pipeline: Pipeline, storage: ClickHouseStorage, request_of: Any, headers: dict[str, str]
) -> None:
    answer = post(pipeline, request_of(), headers)
    assert pipeline.flush()

    assert answer.status_code == 400
    assert "invalid_histogram: 1 refused" in answer.text
    assert "too_old: 1 refused" in answer.text
    check_stored(storage)
    if headers is V2:
        written = {
            name.removeprefix("x-prometheus-remote-write-"): value for name, value in answer.headers.items()
        }
        counted = (
            written["samples-written"],
            written["histograms-written"],
            written["exemplars-written"],
        )
        assert counted == ("1", "2", "1")
        of_histogram = storage.read_starts(METRIC, None, ALWAYS)
        assert of_histogram.starts_ms.tolist() == [NOW_MS - 9]
        of_sample = storage.read_starts(metric_id("up"), None, ALWAYS)
        assert (of_sample.timestamps_ms.tolist(), of_sample.starts_ms.tolist()) == ([NOW_MS], [NOW_MS - 5])
    else:
        assert not [name for name in answer.headers if name.startswith("x-prometheus")]


def test_what_the_store_did_not_take_comes_from_the_log_at_the_next_start(
    embedded_storage: ClickHouseStorage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise UnavailableError("away")

    first = make_pipeline(embedded_storage, tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(embedded_storage, "write_histograms", away)
        first.start()
        assert post(first, request_v2(), V2).status_code == 400
        first.stop(grace_s=0.0)
    assert rows_of(embedded_storage.read_histograms(METRIC, None, ALWAYS)) == []

    second = make_pipeline(embedded_storage, tmp_path)
    second.start()
    second.stop()

    check_stored(embedded_storage)
    assert len(embedded_storage.read_starts(METRIC, None, ALWAYS)) == 1


def test_rules_may_append_histograms(pipeline: Pipeline, storage: ClickHouseStorage) -> None:
    labels = canonical({"__name__": "latency", "job": "a"})
    times = np.array([NOW_MS, NOW_MS + 1], np.int64)

    pipeline.append_histograms([labels], np.zeros(2, np.int64), times, of_rows([BUCKETS, BUCKETS]))
    assert pipeline.flush()

    found = rows_of(storage.read_histograms(METRIC, None, ALWAYS))
    assert found == [(SERIES, NOW_MS, BUCKETS), (SERIES, NOW_MS + 1, BUCKETS)]
    with pytest.raises(LimitError, match="too_old"):
        pipeline.append_histograms([labels], np.zeros(1, np.int64), times[:1] * 0, of_rows([BUCKETS]))
