"""The collector as a whole: on a clock that the test moves, and as a process that is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from collector.collect import Collector, node_exposition
from collector.schedule import Schedule
from collector.settings import NodeSettings
from collector.spool import Spool
from storage.model import STALE_NAN_BITS
from tests.collector.receiver import Received, Receiver, bits, samples
from tests.collector.waiting import until

ROOT = Path(__file__).resolve().parents[2]
START_S = 1_800_000_000.25


@dataclass(slots=True)
class VirtualTime:
    """Waiting moves it; `events` happen on the way. Told to stop at `end_s`."""

    end_s: float
    now_s: float = START_S
    events: list[tuple[float, Callable[[], None]]] = field(default_factory=list)

    def now(self) -> float:
        return self.now_s

    def wait(self, seconds: float) -> bool:
        assert seconds > 0
        self.now_s = min(self.now_s + seconds, self.end_s)
        while self.events and self.events[0][0] <= self.now_s:
            self.events.pop(0)[1]()
        return self.now_s >= self.end_s


def run(settings: NodeSettings, time: VirtualTime) -> CollectorRegistry:
    registry = CollectorRegistry()
    Collector(settings, registry, time.now, time.wait).run()
    return registry


def settings(receiver: Receiver, spool_dir: Path) -> NodeSettings:
    return NodeSettings(
        url=receiver.url, spool_dir=spool_dir, instance="n1", cluster="c1", labels={"zone": "z"}
    )


def stamps(received: list[Received]) -> list[int]:
    """The timestamp of each body; all samples of a body have one."""
    found = []
    for each in received:
        [stamp] = set(each.decoded.timestamps_ms.tolist())
        found.append(stamp)
    return found


def test_passes_come_at_once_and_then_on_schedule_and_the_last_body_ends_all_series(
    receiver: Receiver, tmp_path: Path
) -> None:
    schedule = Schedule.of(15, "node n1")
    start_ms, end_ms = int(START_S * 1000), int(START_S * 1000) + 62_000

    run(settings(receiver, tmp_path), VirtualTime(end_ms / 1000))

    ticks = [schedule.after(start_ms) + 15_000 * k for k in range(4)]
    assert stamps(receiver.received) == [start_ms, *ticks, end_ms]
    *passes, last = [bits(each.decoded) for each in receiver.received]
    assert set(last) == set(passes[-1])
    assert set(last.values()) == {STALE_NAN_BITS}
    target = {("cluster", "c1"), ("instance", "n1"), ("job", "node"), ("zone", "z")}
    assert all(target <= set(labels) for each in passes for _, labels in each)


def test_an_outage_of_minutes_loses_no_pass(receiver: Receiver, tmp_path: Path) -> None:
    def back() -> None:
        receiver.always = None

    receiver.always = 503
    time = VirtualTime(START_S + 600, events=[(START_S + 400, back)])

    registry = run(settings(receiver, tmp_path), time)

    found = stamps(receiver.received)
    assert len(found) == 1 + 600 // 15 + 1
    assert {b - a for a, b in pairwise(found[1:-1])} == {15_000}
    assert len(receiver.refused) < 20  # it was not hammered meanwhile
    assert registry.get_sample_value("swell_collector_spool_bodies") == 0
    assert registry.get_sample_value("swell_collector_passes_total") == len(found) - 1
    own = samples(receiver.received[-2].decoded)
    target = (("cluster", "c1"), ("instance", "n1"), ("job", "node"))
    assert own["swell_collector_passes_total", (*target, ("zone", "z"))] == len(found) - 2
    assert own["swell_collector_bodies_total", (*target, ("outcome", "spooled"), ("zone", "z"))] > 20


def test_a_clock_that_is_set_back_costs_no_pass(receiver: Receiver, tmp_path: Path) -> None:
    def back() -> None:
        time.now_s -= 3600
        time.end_s -= 3600

    receiver.answers = [(204, {})] * 2 + [(503, {"Retry-After": "600"})]
    time = VirtualTime(START_S + 100, events=[(START_S + 40, back)])

    registry = run(settings(receiver, tmp_path), time)

    found = stamps(receiver.received)
    assert registry.get_sample_value("swell_collector_passes_total") in (7, 8, 9)
    assert registry.get_sample_value("swell_collector_spool_bodies") == 0
    assert min(found) < int(START_S * 1000) - 3_500_000
    assert len(found) == len(set(found))


def test_what_a_stopped_collector_could_not_send_is_sent_by_the_next(
    receiver: Receiver, tmp_path: Path
) -> None:
    receiver.always = 503
    run(settings(receiver, tmp_path), VirtualTime(START_S + 40))
    receiver.always = None

    run(settings(receiver, tmp_path), VirtualTime(START_S + 160, now_s=START_S + 100))

    found = stamps(receiver.received)
    assert found == sorted(found)
    assert found[0] == int(START_S * 1000)


def test_a_thread_starts_and_stops_cleanly(receiver: Receiver, tmp_path: Path) -> None:
    collector = Collector(settings(receiver, tmp_path))
    collector.start()
    receiver.wait_received(1)

    collector.stop()

    assert len(receiver.received) == 2
    assert set(bits(receiver.received[-1].decoded).values()) == {STALE_NAN_BITS}
    Spool(tmp_path, 1 << 20).close()  # nobody holds it any more


def test_the_text_of_one_pass_is_valid_and_carries_the_targets_labels() -> None:
    text = node_exposition(NodeSettings(instance="n1"))

    found = {sample.name: sample.labels for f in text_string_to_metric_families(text) for sample in f.samples}

    assert found["node_load1"] == {"instance": "n1", "job": "node"}
    assert found["up"] == {"instance": "n1", "job": "node"}
    assert "# TYPE node_cpu_seconds_total counter" in text
    assert "# TYPE node_vmstat_pgfault untyped" in text or "# TYPE node_vmstat_pgfault unknown" in text


PROGRAM = """
import json, sys
from pathlib import Path
from collector.collect import collect_node
from collector.settings import NodeSettings
given = json.loads(sys.argv[1])
collect_node(NodeSettings(**{**given, "spool_dir": Path(given["spool_dir"])}))
"""


@contextmanager
def process(url: str, spool_dir: Path) -> Iterator[subprocess.Popen[bytes]]:
    given = json.dumps({"url": url, "spool_dir": str(spool_dir), "interval_s": 0.1, "instance": "n1"})
    child = subprocess.Popen([sys.executable, "-c", PROGRAM, given], cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        yield child
    finally:
        child.kill()
        child.wait()


def waiting_bodies(spool_dir: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(spool_dir.glob("*.body"))]


@pytest.mark.slow
def test_kill_9_loses_nothing_that_was_spooled_and_sigterm_ends_all_series(
    receiver: Receiver, tmp_path: Path
) -> None:
    receiver.always = 503
    with process(receiver.url, tmp_path) as first:
        until(lambda: len(waiting_bodies(tmp_path)) >= 5)
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
    waited = waiting_bodies(tmp_path)
    receiver.always = None

    with process(receiver.url, tmp_path) as second:
        receiver.wait_received(len(waited) + 2)
        second.send_signal(signal.SIGTERM)
        assert second.wait(20) == 0

    sent = [each.content for each in receiver.received]
    assert [content[-len(body) :] for content, body in zip(waited, sent, strict=False)] == sent[: len(waited)]
    assert waiting_bodies(tmp_path) == []
    assert set(bits(receiver.received[-1].decoded).values()) == {STALE_NAN_BITS}
    assert samples(receiver.received[-2].decoded)[("up", (("instance", "n1"), ("job", "node")))] == 1
