"""What real senders send is read back by PromQL, equal: by each protocol's own client."""

from __future__ import annotations

import gzip
import json
import pickle
import shutil
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import graphyte
import httpx
import numpy as np
import pytest
from influxdb_client import InfluxDBClient, Point, WritePrecision
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.rest import ApiException
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    delete_from_gateway,
    push_to_gateway,
    pushadd_to_gateway,
)

from tests.e2e.swell import Swell, one_each
from tests.peers import free_port, wait_until

pytestmark = pytest.mark.slow

TOKEN = "t0ken"
PORTS = ("graphite", "graphite_pickle", "opentsdb", "wavefront")


class Senders:
    """One Swell with every port open."""

    def __init__(self, root: Path) -> None:
        self.ports = {name: free_port() for name in PORTS}
        flags = ["--no-collect.enabled", "--ingest.otlp-names", "NoTranslation"]
        flags += ["--ingest.flush-interval-s=0.05", "--ingest.pushed-interval-s=0.5"]
        for name, port in self.ports.items():
            flags += [f"--ingest.{name.replace('_', '-')}-port", str(port)]
        self.swell = Swell(root / "data", flags).start()

    def tell(self, name: str, data: bytes) -> bytes:
        """Send bytes to a port and hang up; what came back."""
        with socket.create_connection(("127.0.0.1", self.ports[name]), timeout=20) as line:
            line.sendall(data)
            line.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: line.recv(4096), b""))

    def read(self, query: str, time_s: float | None = None) -> dict[Any, float]:
        """Labels -> value."""
        return {
            tuple(sorted(row["metric"].items())): float(row["value"][1])
            for row in self.swell.instant(query, time_s)
        }

    def type_of(self, metric: str) -> str:
        return str(self.swell.data("/api/v1/metadata", metric=metric)[metric][0]["type"])

    def wait(self, query: str, expected: dict[Any, float], time_s: float | None = None) -> None:
        """Until a query's answer is this."""
        found: dict[Any, float] = {}

        def same() -> bool:
            nonlocal found
            found = self.read(query, time_s)
            return found == expected

        try:
            wait_until(same, query, 20)
        except AssertionError:
            raise AssertionError(f"{query}: {found}, expected {expected}") from None


def series(name: str, value: float, **labels: str) -> dict[Any, float]:
    return {tuple(sorted({"__name__": name, **labels}.items())): value}


@pytest.fixture(scope="module")
def senders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Senders]:
    found = Senders(tmp_path_factory.mktemp("senders"))
    yield found
    found.swell.stop()


def now_s() -> int:
    return int(time.time())


def test_influxdb_client_writes_points(senders: Senders) -> None:
    at_s = now_s()
    with InfluxDBClient(senders.swell.url, token=TOKEN, org="o", enable_gzip=True) as client:
        assert client.ping()
        write = client.write_api(write_options=SYNCHRONOUS)
        points = [
            Point("weather, here").tag("station", f"a b={i}").field("value", i + 0.25).field("wet", i == 1)
            .field("note", "a \"text\", \\ with\neverything").field("count", i).time(at_s, WritePrecision.S)
            for i in range(3)
        ]  # fmt: skip
        write.write("bucket", record=points, write_precision=WritePrecision.S)
        with pytest.raises(ApiException) as refused:
            write.write("bucket", record=["weather value=1", "broken"])

    assert refused.value.status == 400
    assert json.loads(refused.value.body)["code"] == "invalid"
    assert "line 2: 'broken'" in json.loads(refused.value.body)["message"]
    for name, values in {"": (0.25, 1.25, 2.25), "_wet": (0, 1, 0), "_count": (0, 1, 2)}.items():
        expected: dict[Any, float] = {}
        for i, value in enumerate(values):
            expected |= series("weather, here" + name, value, station=f"a b={i}")
        senders.wait(f'{{"weather, here{name}"}}', expected)
    senders.wait("weather", series("weather", 1))


def test_what_telegraf_asks_before_it_writes_is_answered(senders: Senders) -> None:
    url = senders.swell.url
    made = httpx.post(url + "/query", data={"q": 'CREATE DATABASE "telegraf"'})
    body = gzip.compress(b"disk,path=/ used=1i,free=2i 1\ndisk,path=/ used=3i,free=4i\n")

    assert (made.status_code, made.json()) == (200, {"results": [{"statement_id": 0}]})
    assert (
        httpx.get(url + "/query", params={"q": "SELECT * FROM x"})
        .json()["error"]
        .startswith("InfluxQL 'SELECT")
    )
    for method in ("GET", "HEAD"):
        pong = httpx.request(method, url + "/ping")
        assert (pong.status_code, "X-Influxdb-Version" in pong.headers) == (204, True)
    written = httpx.post(
        url + "/write?db=telegraf&precision=s", content=body, headers={"Content-Encoding": "gzip"}
    )
    assert written.status_code == 400  # one of two is from 1970
    assert "too_old" in written.json()["error"]
    assert "dropped=2" in written.headers["X-Influxdb-Error"]
    senders.wait("disk_used", series("disk_used", 3, path="/"))


def test_graphyte_sends_lines(senders: Senders) -> None:
    sender = graphyte.Sender("127.0.0.1", port=senders.ports["graphite"], prefix="sys")
    sender.send("cpu.load", 12.5, tags={"host": "a", "core": "0"})
    sender.send("cpu.load", -1e-9, tags={"host": "b", "core": "0"})
    sender.stop()

    senders.wait(
        '{"sys.cpu.load"}',
        series("sys.cpu.load", 12.5, host="a", core="0") | series("sys.cpu.load", -1e-9, host="b", core="0"),
    )


def test_a_carbon_relay_sends_pickles(senders: Senders) -> None:
    content = pickle.dumps([(f"relayed.m;n=x;i={i}", (now_s(), float(i))) for i in range(12_000)], protocol=2)
    data = struct.pack("!L", len(content)) + content
    assert len(data) > 512 << 10

    senders.tell("graphite_pickle", data + data)

    senders.wait('count({"relayed.m", n="x"})', {(): 12_000.0})
    senders.wait('sum({"relayed.m"})', {(): sum(range(12_000)) * 1.0})


def test_opentsdb_is_spoken_by_telnet_and_by_http_on_one_port(senders: Senders) -> None:
    at_s = now_s()
    said = senders.tell("opentsdb", b"version\nput tsd.rpc %d 7 host=a\nput tsd.rpc bad\n" % at_s)
    url = f"http://127.0.0.1:{senders.ports['opentsdb']}/api/put"
    point = {"metric": "tsd.rpc", "timestamp": at_s * 1000, "value": 8, "tags": {"host": "b"}}
    chunks = (part for part in (b"[", json.dumps(point).encode(), b"]"))

    assert said.startswith(b"Swell, as OpenTSDB 2.4.0\nput: illegal argument: 1 refused")
    assert httpx.post(url, content=chunks).status_code == 204
    assert httpx.post(url + "?summary", json=point).json() == {"failed": 0, "success": 1}
    told = httpx.post(url + "?details", json=[point, {"metric": "x"}])
    assert (told.status_code, told.json()["failed"], told.json()["success"]) == (400, 1, 1)
    assert "point 2: metric 'x'" in told.json()["errors"][0]["error"]
    broken = httpx.post(senders.swell.url + "/api/put", content=b"{")
    assert (broken.status_code, broken.json()["error"]["code"]) == (400, 400)
    senders.wait('{"tsd.rpc"}', series("tsd.rpc", 7, host="a") | series("tsd.rpc", 8, host="b"))


def test_prometheus_client_pushes_replaces_and_deletes_groups(senders: Senders) -> None:
    gateway, key = senders.swell.url, {"instance": "a/b", "empty": ""}
    labels = {"job": "batch", "instance": "a/b"}
    registry = CollectorRegistry()
    Counter("done", "Things done.", registry=registry).inc(3)
    Histogram("took_seconds", "Time.", buckets=[1], registry=registry).observe(0.5)
    push_to_gateway(gateway, "batch", registry, key)

    senders.wait("done_total", series("done_total", 3, **labels))
    senders.wait('took_seconds_bucket{le="1.0"}', series("took_seconds_bucket", 1, le="1.0", **labels))
    assert senders.type_of("done_total") == "counter"
    first = senders.swell.instant("timestamp(done_total)")[0]["value"][1]
    wait_until(
        lambda: bool(senders.swell.instant("timestamp(done_total)")[0]["value"][1] > first), "a repetition"
    )

    more = CollectorRegistry()
    Gauge("last_success", "When.", registry=more).set(5)
    pushadd_to_gateway(gateway, "batch", more, key)
    senders.wait("last_success", series("last_success", 5, **labels))
    senders.wait("done_total", series("done_total", 3, **labels))

    push_to_gateway(gateway, "batch", more, key)
    senders.wait('{__name__=~"done_total|took_seconds_.*"}', {})
    senders.wait("last_success", series("last_success", 5, **labels))

    delete_from_gateway(gateway, "batch", key)
    senders.wait('{job="batch"}', {})


ROOM = "room.temperature"


def rooms(senders: Senders) -> None:
    """Send the same metric by every protocol, under a host named after it."""
    url = senders.swell.url
    now_ms = int(time.time() * 1000)
    by_labels = [(("__name__", ROOM), ("floor", "1"), ("host", "remote_write"))]
    written = senders.swell.write(by_labels, one_each(1), np.array([now_ms]), np.array([21.5]))
    assert written.status_code == 204
    attributes = [
        {"key": key, "value": {"stringValue": text}} for key, text in (("floor", "1"), ("host", "otlp"))
    ]
    point = {"asDouble": 21.5, "timeUnixNano": str(now_ms * 1_000_000), "attributes": attributes}
    scope = {"metrics": [{"name": ROOM, "gauge": {"dataPoints": [point]}}]}
    text = '{"%s", floor="1", host="%s"} 21.5\n'
    put = {"metric": ROOM, "value": 21.5, "tags": {"floor": "1", "host": "opentsdb_http"}}
    for path, sent in {
        "/api/v1/import/prometheus": {"content": text % (ROOM, "text")},
        "/v1/metrics": {"json": {"resourceMetrics": [{"scopeMetrics": [scope]}]}},
        "/write": {"content": f"{ROOM},floor=1,host=influx value=21.5"},
        "/api/put": {"json": put},
        "/metrics/job/rooms": {"content": text % (ROOM, "pushed")},
    }.items():
        assert httpx.post(url + path, **sent).status_code in (200, 204), path
    pickled = pickle.dumps([(f"{ROOM};floor=1;host=pickled", (-1, 21.5))])
    senders.tell("graphite", f"{ROOM};floor=1;host=graphite 21.5 -1\n".encode())
    senders.tell("graphite_pickle", struct.pack("!L", len(pickled)) + pickled)
    senders.tell("opentsdb", f"put {ROOM} 0 21.5 floor=1 host=opentsdb\n".encode())
    senders.tell("wavefront", f"{ROOM} 21.5 source=wavefront floor=1\n".encode())


def test_one_metric_is_asked_for_alike_whoever_sent_it(senders: Senders) -> None:
    rooms(senders)

    expected = series(ROOM, 21.5, floor="1", source="wavefront")
    for host in (
        *("remote_write", "text", "otlp", "influx"),
        *("graphite", "pickled", "opentsdb", "opentsdb_http"),
    ):
        expected |= series(ROOM, 21.5, floor="1", host=host)
    expected |= series(ROOM, 21.5, floor="1", host="pushed", job="rooms")
    senders.wait(f'{{"{ROOM}", floor="1"}}', expected)
    senders.wait(f'avg by (floor) ({{"{ROOM}"}})', {(("floor", "1"),): 21.5})


COLLECTD = """
BaseDir "{root}"
PIDFile "{root}/collectd.pid"
TypesDB "/usr/share/collectd/types.db"
Hostname "web01"
Interval 1
LoadPlugin load
LoadPlugin cpu
<Plugin cpu>
  ReportByCpu true
  ReportByState true
</Plugin>
LoadPlugin write_graphite
<Plugin write_graphite>
  <Node "swell">
    Host "127.0.0.1"
    Port "{graphite}"
    Prefix "collectd."
    StoreRates false
    AlwaysAppendDS true
  </Node>
</Plugin>
LoadPlugin write_tsdb
<Plugin write_tsdb>
  <Node>
    Host "127.0.0.1"
    Port "{opentsdb}"
    StoreRates false
    AlwaysAppendDS true
  </Node>
</Plugin>
LoadPlugin write_http
<Plugin write_http>
  <Node "swell">
    URL "{url}/collectd"
    Format "JSON"
    StoreRates false
    BufferSize 4096
  </Node>
</Plugin>
"""


@pytest.mark.peers
def test_collectd_sends_the_same_by_three_protocols(senders: Senders, tmp_path: Path) -> None:
    program = shutil.which("collectd") or shutil.which("collectd", path="/usr/sbin")
    if program is None:
        pytest.skip("collectd is not installed; Debian's package collectd-core has it")
    config = tmp_path / "collectd.conf"
    config.write_text(COLLECTD.format(root=tmp_path, url=senders.swell.url, **senders.ports))
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen([program, "-f", "-C", str(config)], stdout=log, stderr=log)
    try:
        named = {
            "http": "collectd_load_midterm",
            "graphite": '{"collectd.web01.load.load.midterm"}',
            "opentsdb": '{"load.load.midterm", fqdn="web01"}',
        }
        wait_until(
            lambda: all(len(samples(senders, query)) >= 3 for query in named.values()), "collectd's samples"
        )
    finally:
        process.terminate()
        process.wait(20)

    by_http, by_graphite, by_opentsdb = (samples(senders, query) for query in named.values())
    shared = by_graphite.keys() & by_opentsdb.keys()
    assert len(shared) >= 2
    for at in shared:
        # These two send whole seconds, and write_http thousandths.
        near = {round(value, 5) for time, value in by_http.items() if abs(time - at) <= 1}
        assert round(by_graphite[at], 5) in near
        assert by_opentsdb[at] == pytest.approx(by_graphite[at], rel=1e-5)
    idle = senders.read('collectd_cpu_total{cpu="0", type="idle"}')
    assert [dict(labels)["instance"] for labels in idle] == ["web01"]
    assert (
        senders.swell.data("/api/v1/metadata", metric="collectd_cpu_total")["collectd_cpu_total"][0]["type"]
        == "counter"
    )


def samples(senders: Senders, query: str) -> dict[float, float]:
    """Time -> value of the one series of the last minute."""
    found = senders.swell.instant(f"{query}[1m]")
    return {float(at): float(value) for at, value in found[0]["values"]} if found else {}
