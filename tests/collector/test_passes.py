"""What a pass sends."""

from __future__ import annotations

import asyncio
import contextlib
from itertools import pairwise

from collector.encode import requests_v1
from collector.families import Reading, counter, gauge
from collector.node.reader import NodeReading
from collector.passes import METADATA_INTERVAL_MS, Passes, Ticking
from collector.schedule import Schedule
from collector.scrape.status import Health
from collector.sweep import Sweep
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


def passes_of(*passes: list[Reading], up: bool = True) -> Passes:
    left = iter(passes)
    clock = iter(range(1000))
    return Passes("node", lambda: NodeReading(next(left), up), TARGET, lambda: float(next(clock)))


def decoded(sweep: Sweep) -> Decoded:
    return decode_v1(requests_v1(sweep))


def named(name: str, **labels: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    return series(name, {**TARGET, **labels}.items())


def test_a_pass_sends_its_readings_with_the_targets_labels_and_what_a_scraper_would_add() -> None:
    body = decoded(passes_of([DISK.by({"sda": 7, "sdb": 8}), LOAD.one(0.5)]).next(1000))

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
    push = passes_of([DISK.by({"sda": 1, "sdb": 1})], [DISK.by({"sda": 2})], [DISK.by({"sda": 3})])
    gone = named("node_disk_reads_completed_total", device="sdb")
    push.next(0)

    second, third = decoded(push.next(15_000)), decoded(push.next(30_000))

    assert [name for name, value in bits(second).items() if value == STALE_NAN_BITS] == [gone]
    assert gone not in names(third)
    assert samples(third)[named("scrape_series_added")] == 0


def test_a_series_that_comes_back_is_sent_again() -> None:
    push = passes_of([DISK.by({"sda": 1})], [], [DISK.by({"sda": 3})])
    push.next(0)
    push.next(1)

    assert samples(decoded(push.next(2)))[named("node_disk_reads_completed_total", device="sda")] == 3


def test_the_last_body_marks_every_live_series_stale() -> None:
    push = passes_of([DISK.by({"sda": 1})])
    first = decoded(push.next(0))

    last = decoded(push.last(5))

    assert set(names(last)) == set(names(first))
    assert set(bits(last).values()) == {STALE_NAN_BITS}
    assert set(last.timestamps_ms.tolist()) == {5}


def test_a_pass_in_which_nothing_worked_says_that_the_target_is_down() -> None:
    body = samples(decoded(passes_of([], up=False).next(0)))

    assert body[named("up")] == 0
    assert {name for name, _ in body} == OWN


def test_a_metrics_own_label_wins_over_the_targets() -> None:
    own = gauge("m", "M.", "job")

    assert ("m", (("instance", "n1"), ("job", "own"))) in samples(
        decoded(passes_of([own.by({"own": 1})]).next(0))
    )


def test_metadata_comes_with_the_first_pass_and_again_after_its_interval() -> None:
    load = [LOAD.one(1)]
    push = passes_of(load, load, load)

    sent = [decoded(push.next(at)).metadata for at in (0, 15_000, METADATA_INTERVAL_MS)]

    assert [len(each) for each in sent] == [6, 0, 6]
    assert Metadata("node_load1", "gauge", "Load.", "") in sent[0]


def test_labels_are_encoded_once_a_series() -> None:
    push = passes_of([DISK.by({"sda": 1})], [DISK.by({"sda": 2})])

    first, second = push.next(0), push.next(1)

    assert all(a is b for a, b in zip(first.lines, second.lines, strict=True))


def test_a_pass_is_a_target_like_any_other() -> None:
    push = passes_of([LOAD.one(1)])
    assert push.status.health is Health.UNKNOWN

    push.next(5)

    status = push.status
    assert (status.health, status.last_scrape_ms, status.samples, status.target.job) == (
        Health.UP,
        5,
        1,
        "node",
    )


class VirtualTime:
    """Sleeping moves it; it is set back by `back_s` once, at `back_at_s`, and ends at `end_s`."""

    def __init__(self, end_s: float, back_at_s: float = float("inf"), back_s: float = 0.0) -> None:
        self.now_s = START_S
        self.end_s, self.back_at_s, self.back_s = end_s, back_at_s, back_s

    def now(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now_s += seconds
        if self.now_s >= self.back_at_s:
            self.now_s -= self.back_s
            self.back_at_s = float("inf")
            self.end_s -= self.back_s
        if self.now_s >= self.end_s:
            raise asyncio.CancelledError
        await asyncio.sleep(0)


START_S = 1_800_000_000.25


def stamps(time: VirtualTime, interval_s: float = 15.0) -> list[int]:
    passes = Passes("node", lambda: NodeReading([LOAD.one(1)], True), TARGET)
    found: list[Sweep] = []

    async def go() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await Ticking(passes, interval_s, time.now, time.sleep).run(found.append)

    asyncio.run(go())
    return [int(sweep.times_ms[0]) for sweep in found]


def test_passes_come_at_once_and_then_on_schedule_and_the_last_sweep_ends_all_series() -> None:
    schedule = Schedule.of(15, "node n1")
    start_ms = int(START_S * 1000)

    found = stamps(VirtualTime(START_S + 62))

    ticks = [schedule.after(start_ms) + 15_000 * k for k in range(4)]
    assert found[:-1] == [start_ms, *ticks]


def test_a_clock_that_is_set_back_costs_no_pass() -> None:
    found = stamps(VirtualTime(START_S + 100, START_S + 40, 3600))

    assert min(found) < int(START_S * 1000) - 3_500_000
    assert len(found) == len(set(found)) in (8, 9, 10)
    assert all(b - a <= 15_000 for a, b in pairwise(found))
