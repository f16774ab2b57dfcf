"""Captured pages of a cluster pass through scrape, push, ingest and query, and nothing of them changes."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Iterator
from pathlib import Path

import cramjam
import httpx
import pytest

from collector.encode import Cache, requests_v1, requests_v2
from collector.scrape.fetch import Fetch
from collector.scrape.scrape import Scrape
from collector.sweep import Sweep
from collector.target import Target
from tests.collector.scrape.pages import CAPTURES, SUMMARY, capture, oracle, sorted_samples
from tests.collector.scrape.serving import Pages, serving
from tests.e2e.conftest import Starter
from tests.e2e.swell import Swell
from tests.peers import wait_until

pytestmark = pytest.mark.slow

REPORT = {
    "up",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling",
    "scrape_series_added",
}
V2 = {
    "Content-Type": "application/x-protobuf;proto=io.prometheus.write.v2.Request",
    "X-Prometheus-Remote-Write-Version": "2.0.0",
}
V1 = {"Content-Type": "application/x-protobuf", "X-Prometheus-Remote-Write-Version": "0.1.0"}


@pytest.fixture
def pages(shared_data: Path) -> Iterator[Pages]:
    with serving() as found:
        for name, path in CAPTURES.items():
            found.put(capture(shared_data, path), "/" + name.replace(" ", "_"))
        yield found


def targets(pages: Pages) -> list[Target]:
    return [
        Target(
            pages.url(path),
            "capture",
            {"job": path, "instance": "node-1"},
            honor_labels=True,
            honor_timestamps=False,
        )
        for path in pages.answers
    ]


def scraped(pages: Pages, time_ms: int) -> list[Sweep]:
    async def run() -> list[Sweep]:
        fetch = Fetch()
        try:
            found = [Scrape(target, fetch, {"cluster": "c"}) for target in targets(pages)]
            return [await one.once(time_ms) for one in found]
        finally:
            await fetch.close()

    return asyncio.run(run())


def push(swell: Swell, raw: bytes, headers: dict[str, str]) -> None:
    body = bytes(cramjam.snappy.compress_raw(raw))
    answer = httpx.post(
        swell.url + "/api/v1/write",
        content=body,
        headers={**headers, "Content-Encoding": "snappy"},
        timeout=60,
    )
    assert answer.is_success, answer.text


def visible(swell: Swell, pages: Pages, now_ms: int) -> None:
    """Wait until what was written is in answers, a flush later at most."""
    wait_until(
        lambda: len(swell.instant('up{cluster="c"}', now_ms / 1000)) == len(pages.answers),
        "the scrapes are stored",
    )


def stored(swell: Swell, job: str, time_s: float) -> list[str]:
    """What a query gives, without what the target and the scraper added, as the oracle writes it."""
    found = []
    for row in swell.instant(f'{{job="{job}"}}', time_s):
        labels = dict(row["metric"])
        assert (labels.pop("job"), labels.pop("cluster")) == (job, "c")
        if labels["__name__"] in REPORT:
            continue
        if labels["instance"] == "node-1":
            del labels["instance"]
        value = float(row["value"][1].replace("Inf", "inf"))
        found.append((labels, "nan" if math.isnan(value) else repr(value)))
    return sorted_samples(found)


def expected(raw: bytes) -> list[str]:
    """Each series once, at the time of the scrape."""
    first: dict[str, tuple[dict[str, str], str]] = {}
    for labels, value in oracle(raw, openmetrics=False):
        first.setdefault(repr(sorted(labels.items())), (labels, value.partition(" @")[0]))
    return sorted_samples([*first.values()])


@pytest.mark.parametrize("version", [1, 2])
def test_captured_pages_pass_from_scrape_to_query_unchanged(
    pages: Pages, start: Starter, version: int
) -> None:
    swell, now_ms = start(), int(time.time() * 1000)
    for sweep in scraped(pages, now_ms):
        if version == 2:
            push(swell, requests_v2(sweep, Cache()), V2)
        else:
            push(swell, requests_v1(sweep), V1)

    visible(swell, pages, now_ms)
    for path, answer in pages.answers.items():
        assert stored(swell, path, now_ms / 1000) == expected(answer.body), path
        assert [row["value"][1] for row in swell.instant(f'up{{job="{path}"}}', now_ms / 1000)] == ["1"]


def test_a_summary_of_a_kubelet_can_be_asked_about(shared_data: Path, start: Starter) -> None:
    swell, now_ms = start(), int(time.time() * 1000)
    with serving() as pages:
        pages.put(capture(shared_data, SUMMARY.format("1_35")), "/stats/summary", media="application/json")
        [sweep] = scraped(pages, now_ms)
    push(swell, requests_v2(sweep, Cache()), V2)

    visible(swell, pages, now_ms)
    by_pod = swell.instant("sum by (pod) (kubelet_summary_pod_ephemeral_storage_used_bytes)", now_ms / 1000)
    assert len(by_pod) == len({row["metric"]["pod"] for row in by_pod}) > 10
    described = swell.data("/api/v1/metadata", metric="kubelet_summary_volume_used_bytes")
    assert described["kubelet_summary_volume_used_bytes"][0]["type"] == "gauge"
