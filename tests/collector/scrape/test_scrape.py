"""Scrapes over real HTTP: what a sweep holds, what a failed one does, what limits cut."""

from __future__ import annotations

import asyncio
import base64
import gzip
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from collector.scrape.fetch import ACCEPT, ACCEPT_NATIVE, Fetch
from collector.scrape.scrape import METADATA_INTERVAL_MS, Scrape
from collector.scrape.status import Health
from collector.sweep import Sweep
from collector.symbols import label_pairs
from collector.target import Bounds, Credentials, Target
from ingest.relabel.rules import Action, Rule
from storage.model import is_stale
from tests.collector.scrape.exposed import HISTOGRAM, delimited
from tests.collector.scrape.pages import SUMMARY, capture
from tests.collector.scrape.serving import OPENMETRICS, PROTOBUF, Pages, serving
from tests.collector.scrape.test_protobuf_pages import NATIVE, family
from tests.ingest.messages import Histogram

NOW_MS = 1_790_000_000_000
JOB = {"job": "test", "instance": "here"}
REPORT = {
    "up",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling",
    "scrape_series_added",
}


@pytest.fixture
def pages() -> Iterator[Pages]:
    with serving() as found:
        yield found


def target(url: str, **options: Any) -> Target:
    return Target(url, "test", JOB, **options)


def scraping(work: Callable[[Callable[..., Scrape]], Any]) -> Any:
    """Runs a coroutine with what makes scrapes of targets."""

    async def run() -> Any:
        fetch = Fetch()
        try:
            return await work(lambda one, **options: Scrape(one, fetch, {}, perf=lambda: 1.5, **options))
        finally:
            await fetch.close()

    return asyncio.run(run())


def sweeps(one: Target, *between: Callable[[], object], **options: Any) -> tuple[list[Sweep], Scrape]:
    """A scrape, and one more behind each of `between`, 15 s apart."""

    async def work(make: Callable[..., Scrape]) -> tuple[list[Sweep], Scrape]:
        scrape = make(one, **options)
        found = [await scrape.once(NOW_MS)]
        for number, change in enumerate(between, 1):
            change()
            found.append(await scrape.once(NOW_MS + 15_000 * number))
        return found, scrape

    result: tuple[list[Sweep], Scrape] = scraping(work)
    return result


def name(line: bytes) -> str:
    """The metric's name and the labels that the target does not have."""
    pairs = {name.decode(): value.decode() for name, value in label_pairs(line)}
    assert {label: pairs.pop(label) for label in JOB} == JOB
    metric = pairs.pop("__name__")
    return metric + "".join(f" {label}={value}" for label, value in pairs.items())


def content(sweep: Sweep) -> dict[str, str]:
    """Values by series, `end` for a marker; with the time where it is not that of the sweep."""
    ends = is_stale(sweep.values).tolist()
    assert len(sweep.lines) == len(sweep.values) == len(sweep.times_ms)
    return {
        name(line): "end" if is_end else f"{value:g}"
        for line, value, is_end in zip(sweep.lines, sweep.values.tolist(), ends, strict=True)
    }


def own(sweep: Sweep) -> dict[str, str]:
    return {series: value for series, value in content(sweep).items() if series not in REPORT}


def report(sweep: Sweep) -> dict[str, str]:
    return {series: value for series, value in content(sweep).items() if series in REPORT}


def test_a_sweep_has_the_page_and_the_report(pages: Pages) -> None:
    url = pages.put(b'm{a="1"} 1\nm{a="2"} 2\n')
    [sweep], scrape = sweeps(target(url))

    assert own(sweep) == {"m a=1": "1", "m a=2": "2"}
    assert report(sweep) == {
        "up": "1",
        "scrape_duration_seconds": "0",
        "scrape_samples_scraped": "2",
        "scrape_samples_post_metric_relabeling": "2",
        "scrape_series_added": "2",
    }
    assert set(sweep.times_ms.tolist()) == {NOW_MS}
    assert (scrape.status.health, scrape.status.samples, scrape.status.series) == (Health.UP, 2, 7)


def test_the_same_series_are_the_same_object(pages: Pages) -> None:
    url = pages.put(b"m 1\n")
    found, _ = sweeps(target(url), lambda: pages.put(b"m 2\n"))

    assert found[1].lines is found[0].lines
    assert report(found[1])["scrape_series_added"] == "0"


def test_a_series_that_vanishes_ends_once(pages: Pages) -> None:
    url = pages.put(b"m 1\nn 1\n")
    found, _ = sweeps(target(url), lambda: pages.put(b"m 2\nk 1\n"), lambda: None)

    assert own(found[1]) == {"m": "2", "k": "1", "n": "end"}
    assert own(found[2]) == {"m": "2", "k": "1"}
    assert report(found[1])["scrape_series_added"] == "1"


def test_a_failed_scrape_ends_all_series_and_says_so(pages: Pages) -> None:
    url = pages.put(b"m 1\n")
    found, scrape = sweeps(
        target(url),
        lambda: pages.put(b"m 1\n", status=500),
        lambda: None,
        lambda: pages.put(b"m 3\n"),
    )

    assert own(found[1]) == {"m": "end"}
    assert report(found[1]) == {**dict.fromkeys(REPORT, "0")}
    assert own(found[2]) == {}
    assert own(found[3]) == {"m": "3"}
    assert report(found[3])["scrape_series_added"] == "0"
    assert scrape.status.failures == {"http_status": 2}
    assert (scrape.status.health, scrape.status.error, scrape.status.scrapes) == (Health.UP, "", 4)


def test_the_last_sweep_ends_everything(pages: Pages) -> None:
    _, scrape = sweeps(target(pages.put(b"m 1\n")))
    last = scrape.last(NOW_MS)

    assert last.is_last
    assert content(last) == dict.fromkeys({*REPORT, "m"}, "end")


def test_times_of_the_page_are_kept_and_their_series_end_only_where_asked_for(pages: Pages) -> None:
    url = pages.put(b"m 1 1700000000000\nn 1\n")
    for tracks in (False, True):
        pages.put(b"m 1 1700000000000\nn 1\n")
        found, _ = sweeps(target(url, track_timestamps_staleness=tracks), lambda: pages.put(b"n 1\n"))
        assert found[0].times_ms.tolist()[:2] == [1_700_000_000_000, NOW_MS]
        assert own(found[1]) == ({"n": "1", "m": "end"} if tracks else {"n": "1"})


def test_times_of_the_page_do_not_count_where_they_are_not_honored(pages: Pages) -> None:
    url = pages.put(b"m 1 1700000000000\n")
    found, _ = sweeps(target(url, honor_timestamps=False), lambda: pages.put(b"n 1\n"))

    assert set(found[0].times_ms.tolist()) == {NOW_MS}
    assert own(found[1]) == {"n": "1", "m": "end"}


def test_what_is_dropped_is_counted_by_reason(pages: Pages) -> None:
    drop = Rule(action=Action.DROP, source_labels=("a",), regex="1")
    url = pages.put(b'm{a="1"} 1\nm{a="2"} 2\nm{a="2"} 3\nn 2 2000\nn 1 1000\n')
    found, scrape = sweeps(target(url, rules=(drop,)), lambda: None)

    assert own(found[1]) == {"m a=2": "2", "n": "2"}
    assert scrape.status.drops == {"relabelling": 2, "duplicate": 2, "out_of_order": 2}
    assert report(found[0])["scrape_samples_scraped"] == "5"
    assert report(found[0])["scrape_samples_post_metric_relabeling"] == "4"


def test_metadata_is_told_when_it_is_new_and_at_times(pages: Pages) -> None:
    async def work(make: Callable[..., Scrape]) -> None:
        scrape = make(target(pages.put(b"# TYPE m counter\nm 1\n")))
        told = {one.metric: one.type for one in (await scrape.once(NOW_MS)).metadata}
        assert told == {"m": "counter", **dict.fromkeys(REPORT, "gauge")}
        assert (await scrape.once(NOW_MS + 1)).metadata == ()
        pages.put(b"# TYPE m counter\n# TYPE n gauge\nm 1\n")
        assert [one.metric for one in (await scrape.once(NOW_MS + 2)).metadata] == ["n"]
        assert len((await scrape.once(NOW_MS + METADATA_INTERVAL_MS)).metadata) == 2 + len(REPORT)

    scraping(work)


@pytest.mark.parametrize(
    ("bounds", "reason"),
    [
        (Bounds(samples=1), "sample_limit"),
        (Bounds(labels=3), "label_limit"),
        (Bounds(label_name_bytes=3), "label_name_length_limit"),
        (Bounds(label_value_bytes=3), "label_value_length_limit"),
        (Bounds(body_size_bytes=10), "body_size_limit"),
    ],
)
def test_a_page_beyond_a_limit_is_a_failed_scrape(pages: Pages, bounds: Bounds, reason: str) -> None:
    url = pages.put(b'm{a="1"} 1\nm{a="2"} 2\n')
    [sweep], scrape = sweeps(target(url, bounds=bounds))

    assert own(sweep) == {}
    assert report(sweep)["up"] == "0"
    assert scrape.status.failures == {reason: 1}
    assert scrape.status.health is Health.DOWN
    if reason == "sample_limit":
        assert report(sweep)["scrape_samples_scraped"] == "2"
        assert report(sweep)["scrape_samples_post_metric_relabeling"] == "2"


def test_a_small_body_that_opens_to_a_huge_one_is_cut(pages: Pages) -> None:
    bomb = gzip.compress(b"m 1\n" * (1 << 24))
    url = pages.put(bomb, headers={"Content-Encoding": "gzip"})
    _, scrape = sweeps(target(url, bounds=Bounds(body_size_bytes=1 << 20)))

    assert "1048576 bytes" in scrape.status.error


@pytest.mark.parametrize(
    ("body", "headers", "reason"),
    [
        (b"m x\n", {}, "invalid_page"),
        (b"no gzip", {"Content-Encoding": "gzip"}, "encoding"),
        (gzip.compress(b"m 1\n")[:-9], {"Content-Encoding": "gzip"}, "encoding"),
        (b"m 1\n", {"Content-Encoding": "br"}, "encoding"),
        (b"m 1\n", {"Content-Length": "1000", "Connection": "close"}, "connection"),
    ],
)
def test_a_page_that_cannot_be_read_is_a_failed_scrape(
    pages: Pages, body: bytes, headers: dict[str, str], reason: str
) -> None:
    url = pages.put(body, headers={"Content-Encoding": "identity", **headers})
    _, scrape = sweeps(target(url))

    assert scrape.status.failures == {reason: 1}


def test_a_target_that_is_not_there_is_a_failed_scrape() -> None:
    _, scrape = sweeps(target("http://127.0.0.1:1/metrics"))

    assert scrape.status.failures == {"connection": 1}
    assert scrape.status.error


def test_a_page_that_takes_too_long_is_a_failed_scrape(pages: Pages) -> None:
    url = pages.put(b"m 1\n", before=lambda: pages.released.wait(30))
    _, scrape = sweeps(target(url, timeout_ms=50))

    assert scrape.status.error == "no whole page within 0.05 s (scrape_timeout)"


def test_a_redirect_is_followed_or_is_a_failed_scrape(pages: Pages) -> None:
    pages.put(b"m 1\n", "/there")
    url = pages.put(b"", status=302, headers={"Location": "/there"})

    assert own(sweeps(target(url))[0][0]) == {"m": "1"}
    assert sweeps(target(url, follow_redirects=False))[1].status.error == "the target answered HTTP 302"


def test_several_gzip_members_are_one_page(pages: Pages) -> None:
    body = gzip.compress(b"m 1\n") + gzip.compress(b"n 2\n")
    url = pages.put(body, headers={"Content-Encoding": "gzip"})

    assert own(sweeps(target(url))[0][0]) == {"m": "1", "n": "2"}


def test_pages_are_asked_for_as_prometheus_asks(pages: Pages) -> None:
    url = pages.put(b"m 1\n")
    sweeps(target(url, timeout_ms=2500))
    sweeps(target(url, native_histograms=True))
    headers = [asked for _, asked in pages.asked]

    assert [asked["Accept"] for asked in headers] == [ACCEPT, ACCEPT_NATIVE]
    assert headers[0]["X-Prometheus-Scrape-Timeout-Seconds"] == "2.5"


def test_an_address_is_asked_as_it_was_written(pages: Pages) -> None:
    pages.put(b"m 1\n", "/probe")
    sweeps(target(pages.url("/probe?target=http%3A%2F%2Fa%2Fb%20c&x=1+2")))

    assert pages.asked[0][0] == "/probe?target=http%3A%2F%2Fa%2Fb%20c&x=1+2"


def test_openmetrics_and_protobuf_are_told_by_their_media(pages: Pages) -> None:
    url = pages.put(b'c_total 1 # {t="x"} 0.5\nc_created 5\n# TYPE c counter\n# EOF\n', media=OPENMETRICS)
    [sweep], _ = sweeps(target(url))
    assert [(one.row, one.value, one.time_ms) for one in sweep.exemplars] == [(0, 0.5, NOW_MS)]
    assert sweep.starts_ms.tolist() == [5000, 0, *[0] * len(REPORT)]

    pages.put(delimited(family("h", HISTOGRAM, histogram=NATIVE)), media=PROTOBUF)
    found, _ = sweeps(
        target(url, native_histograms=True), lambda: pages.put(b"", media=PROTOBUF), lambda: None
    )
    messages = [Histogram.FromString(one.encoded) for one in (*found[0].histograms, *found[1].histograms)]
    assert [message.timestamp for message in messages] == [NOW_MS, NOW_MS + 15_000]
    assert is_stale(found[1].values[:0]).tolist() == []
    assert [str(message.sum) for message in messages] == ["9.0", "nan"]
    assert report(found[0])["scrape_series_added"] == "1"
    assert [one.row for one in found[0].exemplars] == [len(found[0].lines)]
    assert found[2].histograms == ()


@pytest.mark.parametrize("version", ["1_31", "1_35"])
def test_a_summary_of_a_kubelet_is_a_page_of_metrics(pages: Pages, shared_data: Path, version: str) -> None:
    raw = capture(shared_data, SUMMARY.format(version))
    url = pages.put(raw, "/stats/summary", media="application/json")
    found, _ = sweeps(target(url), lambda: None)
    got = own(found[0])

    assert own(found[1]) == got
    assert int(float(got["kubelet_summary_node_fs_capacity_bytes"])) > 1e9
    families = {series.split(" ")[0] for series in got}
    for space in ("pod_ephemeral_storage", "container_rootfs", "container_logs", "volume"):
        assert {f"kubelet_summary_{space}_used_bytes", f"kubelet_summary_{space}_inodes_used"} <= families
    assert "kubelet_summary_pod_processes" in families


@pytest.mark.parametrize("raw", [b"", b"{}", b"[]", b'{"node":{"fs":7}}', b'{"node":{}', b"\xff"])
def test_what_is_no_summary_is_a_failed_scrape(pages: Pages, raw: bytes) -> None:
    url = pages.put(raw, "/stats/summary", media="application/json")

    assert sweeps(target(url))[1].status.failures == {"invalid_page": 1}


def test_credentials_are_sent_and_their_files_read_again(pages: Pages, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("first\n")
    url = pages.put(b"m 1\n")

    def rotate() -> None:
        fresh = tmp_path / "fresh"
        fresh.write_text("second\n")
        fresh.replace(token)

    _, scrape = sweeps(target(url, credentials=Credentials(bearer_file=token)), rotate, token.unlink)
    sweeps(target(url, credentials=Credentials(bearer="third")))
    sweeps(target(url, credentials=Credentials(username="u", password="p:q")))
    sweeps(target(url, credentials=Credentials(username="u", password_file=tmp_path / "none")))

    basic = base64.b64encode(b"u:p:q").decode()
    sent = [asked.get("Authorization") for _, asked in pages.asked]
    assert sent == ["Bearer first", "Bearer second", "Bearer third", f"Basic {basic}"]
    assert scrape.status.failures == {"credentials": 1}


def test_extra_metrics_are_made_where_asked_for(pages: Pages) -> None:
    url = pages.put(b"m 1\n")
    bounds = Bounds(samples=7)
    found, _ = sweeps(
        target(url, bounds=bounds, timeout_ms=2500), lambda: pages.put(b"m 1\n" * 8), has_extra=True
    )

    extra = ("scrape_timeout_seconds", "scrape_sample_limit", "scrape_body_size_bytes")
    assert [content(found[0])[name] for name in extra] == ["2.5", "7", "4"]


def test_a_target_that_is_configured_anew_keeps_its_series(pages: Pages) -> None:
    url = pages.put(b"m 1\nn 1\n")

    async def work(make: Callable[..., Scrape]) -> None:
        first = make(target(url))
        await first.once(NOW_MS)
        drop = Rule(action=Action.DROP, source_labels=("__name__",), regex="n")
        second = make(target(url, rules=(drop,)))
        second.succeed(first)
        assert own(await second.once(NOW_MS + 1)) == {"m": "1", "n": "end"}

    scraping(work)
