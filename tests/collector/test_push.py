"""What a pass sends."""

from __future__ import annotations

import cramjam

from collector.families import Reading, counter, gauge
from collector.lines import LineCache
from collector.node.reader import NodeReading
from collector.push import METADATA_INTERVAL_MS, Body, Pusher
from ingest.decoded import Decoded
from ingest.protocols.remote_write import decode_v1
from storage.model import STALE_NAN_BITS, Metadata
from tests.collector.receiver import bits, names, samples
from tests.collector.samples import series

TARGET = {"job": "node", "instance": "n1"}
DISK = counter("node_disk_reads_completed_total", "Reads.", "device")
LOAD = gauge("node_load1", "Load.")
OWN = {
    "up",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling",
    "scrape_series_added",
}


def pusher(*passes: list[Reading], up: bool = True) -> Pusher:
    left = iter(passes)
    clock = iter(range(1000))
    return Pusher(lambda: NodeReading(next(left), up), LineCache(TARGET), lambda: float(next(clock)))


def decoded(body: Body) -> Decoded:
    return decode_v1(bytes(cramjam.snappy.decompress_raw(body.content)))


def named(name: str, **labels: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    return series(name, {**TARGET, **labels}.items())


def test_a_pass_sends_its_readings_with_the_targets_labels_and_what_a_scraper_would_add() -> None:
    body = decoded(pusher([DISK.by({"sda": 7, "sdb": 8}), LOAD.one(0.5)]).next_body(1000))

    assert samples(body) == {
        named("node_disk_reads_completed_total", device="sda"): 7,
        named("node_disk_reads_completed_total", device="sdb"): 8,
        named("node_load1"): 0.5,
        named("up"): 1,
        named("scrape_duration_seconds"): 1,
        named("scrape_samples_scraped"): 3,
        named("scrape_samples_post_metric_relabeling"): 3,
        named("scrape_series_added"): 3,
    }
    assert set(body.timestamps_ms.tolist()) == {1000}


def test_a_series_that_vanished_ends_with_one_staleness_marker() -> None:
    push = pusher([DISK.by({"sda": 1, "sdb": 1})], [DISK.by({"sda": 2})], [DISK.by({"sda": 3})])
    gone = named("node_disk_reads_completed_total", device="sdb")
    push.next_body(0)

    second, third = decoded(push.next_body(15_000)), decoded(push.next_body(30_000))

    assert [name for name, value in bits(second).items() if value == STALE_NAN_BITS] == [gone]
    assert gone not in names(third)
    assert samples(third)[named("scrape_series_added")] == 0


def test_a_series_that_comes_back_is_sent_again() -> None:
    push = pusher([DISK.by({"sda": 1})], [], [DISK.by({"sda": 3})])
    push.next_body(0)
    push.next_body(1)

    assert samples(decoded(push.next_body(2)))[named("node_disk_reads_completed_total", device="sda")] == 3


def test_the_last_body_marks_every_live_series_stale() -> None:
    push = pusher([DISK.by({"sda": 1})])
    first = decoded(push.next_body(0))

    last = decoded(push.last_body(5))

    assert set(names(last)) == set(names(first))
    assert set(bits(last).values()) == {STALE_NAN_BITS}
    assert set(last.timestamps_ms.tolist()) == {5}


def test_a_pass_in_which_nothing_worked_says_that_the_target_is_down() -> None:
    body = samples(decoded(pusher([], up=False).next_body(0)))

    assert body[named("up")] == 0
    assert {name for name, _ in body} == OWN


def test_a_metrics_own_label_wins_over_the_targets() -> None:
    own = gauge("m", "M.", "job")

    assert ("m", (("instance", "n1"), ("job", "own"))) in samples(
        decoded(pusher([own.by({"own": 1})]).next_body(0))
    )


def test_metadata_comes_with_the_first_pass_and_again_after_its_interval() -> None:
    load = [LOAD.one(1)]
    push = pusher(load, load, load)

    sent = [decoded(push.next_body(at)).metadata for at in (0, 15_000, METADATA_INTERVAL_MS)]

    assert [len(each) for each in sent] == [6, 0, 6]
    assert Metadata("node_load1", "gauge", "Load.", "") in sent[0]


def test_labels_are_encoded_once_a_series_and_dropped_with_it() -> None:
    cache = LineCache(TARGET)
    push = Pusher(iter_reader([DISK.by({"sda": 1})], [DISK.by({"sda": 2})], []), cache)
    push.next_body(0)
    line = cache.families[DISK.name, DISK.label_names][("sda",)]
    push.next_body(1)

    assert cache.families[DISK.name, DISK.label_names][("sda",)] is line
    push.next_body(2)
    assert cache.families[DISK.name, DISK.label_names] == {}


def iter_reader(*passes: list[Reading]):  # type: ignore[no-untyped-def]
    left = iter(passes)
    return lambda: NodeReading(next(left), True)
