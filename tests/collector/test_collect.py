"""The collector as a whole: its parts and destinations, and as a process that is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from collector.collect import Collector
from collector.discovery.joined import DiscoverySettings
from collector.once import once
from collector.selection import Selection
from collector.settings import CollectorSettings, Destination, NodeSettings, Pushing
from collector.spool import Spool, unpack
from storage.model import STALE_NAN_BITS
from tests.collector.receiver import Receiver, bits, receiving, samples
from tests.collector.samples import series
from tests.collector.waiting import free_port, until

ROOT = Path(__file__).resolve().parents[2]
NODE = NodeSettings(interval_s=0.2)


def settings(receiver: Receiver, spool_dir: Path, **further: Any) -> CollectorSettings:
    given = {"node": NODE, "instance": "n1", "cluster": "c1", "labels": {"zone": "z"}, **further}
    pushing = given.pop("pushing", Pushing((Destination(receiver.url),), spool_dir))
    return CollectorSettings(pushing=pushing, own_interval_s=0.2, **given)


@contextmanager
def collecting(given: CollectorSettings) -> Iterator[tuple[Collector, CollectorRegistry]]:
    registry = CollectorRegistry()
    collector = Collector(given, registry)
    collector.start()
    try:
        yield collector, registry
    finally:
        collector.stop()


def everything(receiver: Receiver) -> dict[Any, float]:
    found: dict[Any, float] = {}
    for each in [*receiver.received]:
        found |= samples(each.decoded)
    return found


def last_bits(receiver: Receiver) -> dict[Any, int]:
    found: dict[Any, int] = {}
    for each in receiver.received:
        found |= bits(each.decoded)
    return found


def test_the_machine_and_the_collector_itself_are_sent_and_at_the_end_all_series_end(
    receiver: Receiver, tmp_path: Path
) -> None:
    with collecting(settings(receiver, tmp_path)):
        receiver.wait_received(6)

    found = last_bits(receiver)
    names = {name for name, _ in found}
    assert {"node_load1", "up", "swell_collector_samples_total", "process_resident_memory_bytes"} <= names
    assert set(found.values()) == {STALE_NAN_BITS}
    common = {("cluster", "c1"), ("instance", "n1"), ("zone", "z")}
    assert all(common <= set(labels) for _, labels in found)
    assert {dict(labels)["job"] for _, labels in found} == {"node", "swell-collector"}
    Spool(tmp_path / "swell", 1 << 20).close()  # nobody holds it any more


def test_an_outage_loses_no_pass(receiver: Receiver, tmp_path: Path) -> None:
    receiver.always = 503
    with collecting(settings(receiver, tmp_path)) as (_, registry):
        until(lambda: len(waiting_bodies(tmp_path / "swell")) >= 6)
        receiver.always = None
        until(lambda: not waiting_bodies(tmp_path / "swell"))
        receiver.wait_received(8)
        passes = registry.get_sample_value("swell_collector_passes_total")

    stamps = sorted(
        {
            int(stamp)
            for each in receiver.received
            if any(name == "node_load1" for name, _ in samples(each.decoded))
            for stamp in each.decoded.timestamps_ms.tolist()
        }
    )
    assert passes is not None
    assert len(stamps) >= passes


def test_destinations_have_their_own_series_and_are_not_in_each_others_way(
    receiver: Receiver, tmp_path: Path
) -> None:
    with receiving() as other:
        other.always = 503
        loads = Selection(metric_allow=("node_load*",), label_exclude=("zone",))
        destinations = (
            Destination(receiver.url, "near", selection=loads),
            Destination(other.url, "far", version=1),
        )
        given = settings(receiver, tmp_path, pushing=Pushing(destinations, tmp_path))
        with collecting(given) as (_, registry):
            receiver.wait_received(3)

        assert {name for name, _ in everything(receiver)} == {"node_load1", "node_load5", "node_load15"}
        assert all("zone" not in dict(labels) for _, labels in everything(receiver))
        assert waiting_bodies(tmp_path / "far")
        assert waiting_bodies(tmp_path / "near") == []
        near = {"destination": "near", "outcome": "filtered"}
        assert registry.get_sample_value("swell_collector_sent_samples_total", near)


PAGE = b'# TYPE shop_orders_total counter\nshop_orders_total{paid="yes"} 7\n'


@pytest.fixture
def scrape_file(tmp_path: Path, page_url: str) -> Path:
    address = page_url.removeprefix("http://")
    path = tmp_path / "scrape.yml"
    path.write_text(
        "scrape_configs:\n"
        f"- {{job_name: shop, scrape_interval: 200ms, scrape_timeout: 200ms,"
        f" static_configs: [{{targets: ['{address}']}}]}}\n"
    )
    return path


@pytest.fixture
def page_url() -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(PAGE)))
            self.end_headers()
            self.wfile.write(PAGE)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_targets_are_scraped_and_told_of_on_the_collectors_own_page(
    receiver: Receiver, tmp_path: Path, scrape_file: Path, page_url: str
) -> None:
    listen = f"127.0.0.1:{free_port()}"
    scraping = DiscoverySettings(scrape_file=scrape_file)
    with collecting(settings(receiver, tmp_path, scraping=scraping, listen=listen)):
        until(lambda: any(name == "swell_collector_target_up" for name, _ in everything(receiver)))
        until(lambda: any(name == "shop_orders_total" for name, _ in everything(receiver)))
        assert httpx.get(f"http://{listen}/healthz").status_code == 200
        assert httpx.get(f"http://{listen}/readyz").status_code == 200
        text = httpx.get(f"http://{listen}/metrics").text
        targets = httpx.get(f"http://{listen}/api/v1/targets").json()["data"]

    assert "swell_collector_target_up" in text
    by_pool = {each["scrapePool"]: each for each in targets["activeTargets"]}
    assert set(by_pool) == {"node", "shop", "swell-collector"}
    assert (by_pool["shop"]["health"], by_pool["shop"]["scrapeUrl"]) == ("up", f"{page_url}/metrics")
    assert targets["destinations"] == [{"name": "swell", "lastError": ""}]
    found = everything(receiver)
    labels = {"instance": page_url.removeprefix("http://"), "job": "shop", "cluster": "c1", "zone": "z"}
    assert series("shop_orders_total", {**labels, "paid": "yes"}.items()) in found


def test_the_text_of_one_pass_is_valid_and_has_what_would_be_sent(scrape_file: Path) -> None:
    text = once(CollectorSettings(instance="n1", scraping=DiscoverySettings(scrape_file=scrape_file)))

    found = {sample.name: sample.labels for f in text_string_to_metric_families(text) for sample in f.samples}

    assert found["node_load1"] == {"instance": "n1", "job": "node"}
    assert found["shop_orders_total"]["paid"] == "yes"
    assert "# TYPE node_cpu_seconds_total counter" in text
    assert "# TYPE node_vmstat_pgfault untyped" in text


PROGRAM = """
import json, sys
from pathlib import Path
from collector.collect import collect
from collector.settings import CollectorSettings, Destination, NodeSettings, Pushing
given = json.loads(sys.argv[1])
collect(CollectorSettings(
    instance="n1",
    pushing=Pushing((Destination(given["url"]),), Path(given["spool_dir"])),
    node=NodeSettings(interval_s=0.1),
    own_interval_s=1000,
))
"""


@contextmanager
def process(url: str, spool_dir: Path) -> Iterator[subprocess.Popen[bytes]]:
    given = json.dumps({"url": url, "spool_dir": str(spool_dir)})
    child = subprocess.Popen([sys.executable, "-c", PROGRAM, given], cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        yield child
    finally:
        child.kill()
        child.wait()


def waiting_bodies(spool_dir: Path) -> list[Path]:
    return sorted(spool_dir.glob("*.body"))


@pytest.mark.slow
def test_kill_9_loses_nothing_that_was_spooled_and_sigterm_ends_all_series(
    receiver: Receiver, tmp_path: Path
) -> None:
    receiver.always = 503
    with process(receiver.url, tmp_path) as first:
        until(lambda: len(waiting_bodies(tmp_path / "swell")) >= 5)
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
    waited = [unpack(path.read_bytes()).content for path in waiting_bodies(tmp_path / "swell")]
    receiver.always = None

    with process(receiver.url, tmp_path) as second:
        receiver.wait_received(len(waited) + 2)
        second.send_signal(signal.SIGTERM)
        assert second.wait(20) == 0

    assert [each.content for each in receiver.received][: len(waited)] == waited
    assert waiting_bodies(tmp_path / "swell") == []
    node = {key: value for key, value in last_bits(receiver).items() if dict(key[1])["job"] == "node"}
    assert set(node.values()) == {STALE_NAN_BITS}
