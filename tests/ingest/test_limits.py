"""Limits of a tenant: what is beyond them is refused, counted by reason, and shown with examples."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cramjam
import httpx
import numpy as np
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from ingest.api import create_router
from ingest.limits import Limits
from ingest.pipeline import Pipeline
from ingest.rate import TokenBucket
from ingest.series.table import SeriesTable
from ingest.wire.encoding import encode_labels, encode_v1
from storage.memory import MemoryStorage
from storage.model import canonical, metric_id
from tests.ingest.test_series import NOW_MS, expected, ids, named, request
from tests.storage.building import ALWAYS

HEADERS = {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy"}
MINUTE_MS = 60_000


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now_s = NOW_MS / 1000

    def __call__(self) -> float:
        return self.now_s


Opener = Callable[..., Pipeline]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def opened(tmp_path: Path, clock: Clock) -> Iterator[Opener]:
    """Opens pipelines over memory that end with the test."""
    pipelines: list[Pipeline] = []

    def run(limits: Limits, storage: MemoryStorage | None = None) -> Pipeline:
        directory = tmp_path / str(len(pipelines))
        pipelines.append(
            Pipeline(
                storage or MemoryStorage(),
                directory,
                limits,
                CollectorRegistry(),
                clock,
                flush_interval_s=0.01,
            )
        )
        pipelines[-1].start()
        return pipelines[-1]

    yield run
    for pipeline in pipelines:
        pipeline.stop()


def body(names: list[str], time_ms: int = NOW_MS) -> bytes:
    """A sample a name, as remote write sends it."""
    raw = [encode_labels(canonical({"__name__": name})) for name in names]
    n = len(raw)
    plain = encode_v1(raw, np.arange(n), np.full(n, time_ms), np.ones(n))
    return bytes(cramjam.snappy.compress_raw(plain))


def ask(pipeline: Pipeline, clock: Clock, *calls: tuple[str, str, bytes]) -> list[httpx.Response]:
    """The answers to (method, path, content), in turn."""

    async def run() -> list[httpx.Response]:
        app = FastAPI()
        app.include_router(create_router(pipeline, executor, clock))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://swell") as client:
            return [
                await client.request(method, path, content=content, headers=HEADERS)
                for method, path, content in calls
            ]

    with ThreadPoolExecutor(1) as executor:
        return asyncio.run(run())


def write(pipeline: Pipeline, clock: Clock, content: bytes) -> httpx.Response:
    return ask(pipeline, clock, ("POST", "/api/v1/write", content))[0]


@given(st.lists(st.tuples(st.floats(0, 5), st.integers(1, 50)), max_size=30))
def test_a_bucket_lets_no_more_through_than_rate_burst_and_one_request(
    asked: list[tuple[float, int]],
) -> None:
    bucket, now_s, taken, largest = TokenBucket(10, 20), 100.0, 0, 0
    for pause_s, count in asked:
        now_s += pause_s
        if bucket.held(now_s) > 0:
            bucket.take(count)
            taken, largest = taken + count, max(largest, count)
    assert taken <= 20 + 10 * (now_s - 100) + largest


def test_a_bucket_tells_when_it_can_be_asked_again() -> None:
    bucket = TokenBucket(10, 20)
    assert bucket.held(0.0) == 20
    bucket.take(49)
    assert bucket.held(1.0) == -19
    assert bucket.wait_s == 2.0
    assert bucket.held(1.0 + bucket.wait_s) > 0


def test_a_bucket_fills_nothing_when_the_clock_steps_back() -> None:
    bucket = TokenBucket(10, 20)
    bucket.held(100.0)
    bucket.take(20)
    assert bucket.held(50.0) == 0
    assert bucket.held(51.0) == 10


def test_silent_series_make_room_and_active_ones_stay() -> None:
    table = SeriesTable(Limits(max_series=2, active_window_ms=MINUTE_MS))
    table.resolve(request(named("a"), named("b"), table=table), NOW_MS)
    later = NOW_MS + MINUTE_MS + 1
    table.resolve(request(named("b"), table=table, time_ms=later), later)
    found = table.resolve(request(named("c"), named("b"), table=table, time_ms=later), later)
    assert found.keep.all()
    assert ids(found) == [expected(canonical(named("c"))), expected(canonical(named("b")))]
    assert not found.refused
    assert len(table) == 2


def test_series_that_came_within_the_window_do_not_make_room() -> None:
    table = SeriesTable(Limits(max_series=2, active_window_ms=MINUTE_MS))
    table.resolve(request(named("a"), named("b"), table=table), NOW_MS)
    later = NOW_MS + MINUTE_MS
    found = table.resolve(request(named("c"), table=table, time_ms=later), later)
    assert found.refused["series_limit"].count == 1


def test_a_request_decoded_before_series_made_room_is_still_resolved_right() -> None:
    table = SeriesTable(Limits(max_series=3, active_window_ms=MINUTE_MS))
    table.resolve(request(named("a"), named("b"), named("c"), table=table), NOW_MS)
    later = NOW_MS + MINUTE_MS + 1
    table.resolve(request(named("c"), table=table, time_ms=later), later)
    decoded = request(named("c"), named("b"), table=table, time_ms=later)
    table.resolve(request(named("d"), table=table, time_ms=later), later)
    found = table.resolve(decoded, later)
    assert ids(found) == [expected(canonical(named("c"))), expected(canonical(named("b")))]


@given(st.lists(st.tuples(st.integers(0, 90_000), st.lists(st.integers(0, 30), max_size=8)), max_size=25))
def test_ids_are_right_however_often_series_make_room(steps: list[tuple[int, list[int]]]) -> None:
    table, now_ms = SeriesTable(Limits(max_series=8, active_window_ms=MINUTE_MS)), NOW_MS
    every = [named(f"metric_{i % 3}", pod="p" * i, job="é" if i % 5 == 4 else "j") for i in range(31)]
    for pause_ms, order in steps:
        now_ms += pause_ms
        decoded = request(*(every[i] for i in order), table=table, time_ms=now_ms)
        found = table.resolve(decoded, now_ms)
        for at, i in enumerate(order):
            assert not found.keep[at] or ids(found)[at] == expected(canonical(every[i]))
        labels = {row.labels for row in found.new_rows}
        assert labels <= {canonical(every[i]) for i in order}
        assert len(table) <= 8


def test_a_series_that_made_room_is_recorded_again_when_it_comes_back() -> None:
    table = SeriesTable(Limits(max_series=1, active_window_ms=MINUTE_MS))
    moments = [NOW_MS + i * (MINUTE_MS + 1) for i in range(3)]
    rows = [
        table.resolve(request(named(name), table=table, time_ms=now_ms), now_ms).new_rows
        for name, now_ms in zip("aba", moments, strict=True)
    ]
    assert [[row.name for row in found] for found in rows] == [["a"], ["b"], ["a"]]


def test_new_series_beyond_the_rate_are_refused_and_taken_a_minute_later() -> None:
    table = SeriesTable(Limits(max_new_series_a_minute=2))
    table.resolve(request(named("first"), table=table), NOW_MS)
    now_ms = NOW_MS + 10 * MINUTE_MS
    four = [named(name) for name in "abcd"]
    found = table.resolve(request(*four, named("first"), table=table, time_ms=now_ms), now_ms)
    assert found.keep.tolist() == [True, True, False, False, True]
    assert found.refused["new_series_limit"].count == 2
    assert "ingest.max_new_series_a_minute" in found.refused["new_series_limit"].example
    now_ms += MINUTE_MS
    assert table.resolve(request(*four, table=table, time_ms=now_ms), now_ms).keep.all()


def test_series_are_not_new_while_a_process_starts() -> None:
    table = SeriesTable(Limits(max_new_series_a_minute=2))
    for now_ms in (NOW_MS, NOW_MS + 4 * MINUTE_MS):
        many = [named(f"m{now_ms}_{i}") for i in range(10)]
        assert table.resolve(request(*many, table=table, time_ms=now_ms), now_ms).keep.all()


def test_too_many_samples_a_second_are_told_when_to_come_back(opened: Opener, clock: Clock) -> None:
    storage = MemoryStorage()
    pipeline = opened(Limits(max_samples_per_s=10), storage)
    many = [f"m{i}" for i in range(110)]
    assert write(pipeline, clock, body(many)).status_code == 204
    clock.now_s += 0.5
    answer = write(pipeline, clock, body(["m0"], NOW_MS + 500))
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
    assert "ingest.max_samples_per_s" in answer.text
    clock.now_s += 1
    assert write(pipeline, clock, body(["m0"], NOW_MS + 500)).status_code == 204
    assert pipeline.flush()
    times = storage.read_samples(metric_id("m0"), None, ALWAYS).timestamps_ms.tolist()
    assert times == [NOW_MS, NOW_MS + 500]


def test_what_was_refused_is_told_with_the_last_examples(opened: Opener, clock: Clock) -> None:
    pipeline = opened(Limits(max_label_name_bytes=8, max_body_bytes=10_000))
    for i in range(12):
        clock.now_s += 1
        write(pipeline, clock, body([f"m{i}"], NOW_MS - 40 * 86_400_000 - i))
    write(pipeline, clock, b"\xff\xff")
    write(pipeline, clock, bytes(20_000))
    (answer,) = ask(pipeline, clock, ("GET", "/api/v1/status/refused", b""))
    by_reason = {one["reason"]: one for one in answer.json()["data"]}
    assert by_reason.keys() == {"too_old", "broken_request", "request_too_large"}
    old = by_reason["too_old"]
    assert (old["samples"], old["requests"], len(old["examples"])) == (12, 0, 10)
    newest = old["examples"][0]
    assert (newest["time_ms"], newest["protocol"], newest["samples"]) == (
        NOW_MS + 12_000,
        "remote_write",
        1,
    )
    assert "is outside of" in newest["example"]
    assert by_reason["request_too_large"]["requests"] == 1
    assert by_reason["request_too_large"]["examples"][0]["samples"] is None


def test_active_series_are_those_within_the_window(opened: Opener, clock: Clock) -> None:
    pipeline = opened(Limits(active_window_ms=MINUTE_MS))
    write(pipeline, clock, body(["a", "b"]))
    clock.now_s += 61
    write(pipeline, clock, body(["b"], NOW_MS + 61_000))
    found = {
        sample.name: sample.value
        for gauge in (pipeline.metrics.active_series, pipeline.metrics.known_series)
        for family in gauge.collect()
        for sample in family.samples
    }
    assert found == {"swell_ingest_active_series": 1, "swell_ingest_known_series": 2}
