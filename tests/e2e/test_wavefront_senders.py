"""What Wavefront's own clients send is read back by PromQL, equal; and the port takes what a proxy's would.

SWELL_KILLS sets how often a process is killed under load (3 by default).
"""

from __future__ import annotations

import gzip
import json
import os
import random
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.conftest import Starter
from tests.e2e.swell import Swell
from tests.peers import free_port, wait_until

pytestmark = pytest.mark.slow

TOKEN = "t0ken"
AUTHORISED = {"Authorization": f"Bearer {TOKEN}"}
_PACKAGES = ("setuptools<81", "wavefront-sdk-python==2.1.0", "wavefront-pyformance==1.2.4")
_KILLS = int(os.environ.get("SWELL_KILLS", "3"))


@pytest.fixture(scope="session")
def senders_python(pytestconfig: pytest.Config) -> Path:
    """An interpreter with Wavefront's clients, made once and kept in pytest's cache."""
    assert pytestconfig.cache is not None
    place = pytestconfig.cache.mkdir("wavefront-clients") / "venv"
    python = place / "bin" / "python"
    if (place / "ready").exists():
        return python
    uv = [sys.executable, "-m", "uv"]
    for command in (
        [*uv, "venv", "-q", "--clear", "--python", sys.executable, str(place)],
        [*uv, "pip", "install", "-q", "--python", str(python), *_PACKAGES],
    ):
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        if done.returncode:
            pytest.skip(f"Wavefront's clients cannot be installed here: {done.stderr[-300:]}")
    (place / "ready").touch()
    return python


class House:
    """One Swell with a token and Wavefront's port."""

    def __init__(self, root: Path) -> None:
        self.port = free_port()
        flags = ["--no-collect.enabled", "--ingest.flush-interval-s", "0.05", "--token", TOKEN]
        flags += ["--ingest.wavefront-port", str(self.port)]
        self.swell = Swell(root / "data", flags, token=TOKEN).start()

    def tell(self, data: bytes) -> None:
        """Send bytes to the port and hang up."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as line:
            line.sendall(data)
            line.shutdown(socket.SHUT_WR)
            assert line.recv(1) == b""

    def post(self, path: str, content: bytes, port: bool = True, **headers: str) -> httpx.Response:
        """To Wavefront's port, or with a token to the HTTP server."""
        url = f"http://127.0.0.1:{self.port}" if port else self.swell.url
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx.post(url + path, content=content, headers=sent if port else {**AUTHORISED, **sent})

    def rows(self, query: str, at_s: float | None = None) -> list[Any]:
        """The answer to a query, once there is one."""
        wait_until(lambda: bool(self.swell.instant(query, at_s)), query)
        return self.swell.instant(query, at_s)

    def value(self, query: str, at_s: float | None = None) -> float:
        [row] = self.rows(query, at_s)
        return float(row["value"][1])


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    found = House(tmp_path_factory.mktemp("wavefront"))
    yield found
    found.swell.stop()


def run_sender(python: Path, kind: str, url: str, start_s: int) -> str:
    script = Path(__file__).with_name("wavefront_sender.py")
    command = [str(python), str(script), kind, url, TOKEN, str(start_s)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.mark.parametrize("kind", ["direct", "proxy"])
def test_what_the_sdk_sends_is_read_back(kind: str, house: House, senders_python: Path) -> None:
    start_s = int(time.time()) - 90
    url = house.swell.url if kind == "direct" else f"http://127.0.0.1:{house.port}"

    said = run_sender(senders_python, kind, url, start_s)

    assert said.count("Failed to report") == 1 and "trace" in said, "spans are refused, and nothing else is"
    [load] = house.rows(f'{{"{kind}.load-avg"}}[5m]', start_s + 120)
    assert load["metric"] == {
        "__name__": f"{kind}.load-avg",
        "source": "web 1",
        "zone": 'a "b"',
        "t--st": "ü",
    }
    assert load["values"] == [[start_s + i, f"{i / 8:g}"] for i in range(60)]
    assert house.value(f'{{"{kind}.now",source="vm"}}') == 7
    assert house.value(f'sum_over_time({{"{kind}.requests",zone="a"}}[5m])', time.time() + 60) == 7
    for suffix, width_s in (("m", 60), ("h", 3_600), ("d", 86_400)):
        bin_s = start_s - start_s % width_s
        selector = f'{{"{kind}.latency.{suffix}",zone="a"}}'
        assert house.value(f"histogram_count({selector})", bin_s) == 30
        assert house.value(f"histogram_sum({selector})", bin_s) == 30 * 20 + 5.1 * 10
        assert house.value(f"histogram_quantile(0.9, {selector})", bin_s) == pytest.approx(30, rel=0.003)
    wait_until(lambda: len(events(house, f"{kind} ")) == 2, "events")
    [event, other] = sorted(events(house, f"{kind} "), key=lambda found: str(found["name"]))
    del event["id"]
    assert event == {
        "start_ms": start_s * 1000,
        "end_ms": start_s * 1000 + 9,
        "name": f"{kind} event",
        "severity": "info",
        "type": "",
        "details": "",
        "annotations": {"x": "y"},
        "tags": ["one", "two"],
        "hosts": ["web 1"],
    }
    assert other["severity"] == "warn"


def events(house: House, beginning: str) -> list[dict[str, Any]]:
    now_s = time.time()
    found = house.swell.data("/api/v1/events", start=now_s - 3_600, end=now_s)
    return [event for event in found if event["name"].startswith(beginning)]


def test_what_pyformance_sends_is_read_back(house: House, senders_python: Path) -> None:
    start_s = int(time.time()) - 30

    said = run_sender(senders_python, "pyformance", f"http://127.0.0.1:{house.port}", start_s)

    assert "Failed to report" not in said
    assert house.value('{"py.depth.value",source="web-2",zone="b"}', start_s) == 12.5
    assert house.value('{"py.jobs.count",source="web-2"}', start_s) == 3
    assert house.value('sum_over_time({"py.done.count"}[5m])', time.time() + 60) == 5
    assert house.value('histogram_count(sum_over_time({"py.spread.m"}[5m]))', time.time() + 60) == 100
    assert house.value('count({__name__=~"~sdk.python.*"})') >= 1


LINES = b"one.%s 1 source=s\n\ntwo.%s 2 source=s\n"


@pytest.mark.parametrize("way", ["tcp", "gzip", "http", "http gzip", "main", "form"])
def test_the_same_lines_come_in_any_way(way: str, house: House) -> None:
    name = way.replace(" ", ".").encode()
    raw = LINES.replace(b"%s", name)
    form = b'--XX\r\nContent-Disposition: form-data; name="file"\r\n\r\n' + raw + b"\r\n--XX--\r\n"
    if way in ("tcp", "gzip"):
        house.tell(raw if way == "tcp" else gzip.compress(raw))
    elif way == "form":
        assert house.post("/report", form, Content_Type="multipart/form-data; boundary=XX").status_code == 202
    else:
        packed = gzip.compress(raw) if way == "http gzip" else raw
        path = "/report?f=wavefront" if way == "main" else "/any/path?format=graphite_v2"
        answer = house.post(path, packed, port=way != "main", Content_Encoding="gzip")
        assert (answer.status_code, answer.content) == (202, b"")

    assert house.value(f'{{"one.{name.decode()}",source="s"}}') == 1
    assert house.value(f'{{"two.{name.decode()}",source="s"}}') == 2


def test_what_is_refused_is_named_and_the_rest_is_stored(house: House) -> None:
    answer = house.post("/report", b"part.ly 1 source=s\na*b 1 source=s\nc*d 1 source=s\n", port=False)

    assert answer.status_code == 202
    assert "WF-400: 2 refused, such as: line 2: 'a*b 1 source=s'" in answer.text
    assert house.value('{"part.ly"}') == 1


@pytest.mark.parametrize(
    ("path", "body", "status", "text"),
    [
        ("/report", b"a*b 1 source=s\n", 400, "WF-400"),
        (
            "/report?f=trace",
            b"getAll source=s traceId=1 spanId=2 1 2\n",
            400,
            "spans and span logs are not taken",
        ),
        ("/report?f=logs_json_arr", b"[]", 400, "format 'logs_json_arr' is not taken"),
        ("/api/v2/event", b"{", 400, "neither JSON nor JSON a line"),
    ],
)
def test_what_is_refused_whole_is_told_why(
    path: str, body: bytes, status: int, text: str, house: House
) -> None:
    for port in (True, False):
        answer = house.post(path, body, port=port)
        assert answer.status_code == status
        assert text in answer.text


def test_the_main_server_asks_for_the_token_and_the_port_does_not(house: House) -> None:
    assert httpx.post(f"{house.swell.url}/report", content=b"x 1 source=s\n").status_code == 401
    assert house.post("/report", b"x 1 source=s\n").status_code == 202


def test_events_and_what_is_said_of_sources_survive_a_kill(start: Starter) -> None:
    swell = start(["--no-collect.enabled", "--ingest.flush-interval-s", "30"])
    now_s = int(time.time())
    lines = [
        f"@Event {now_s} kept severity=info host=h",
        "@SourceTag action=add source=web-1 one two",
        "@SourceTag action=delete source=web-1 one",
        '@SourceDescription action=save source=web-1 "of all"',
    ]
    assert httpx.post(f"{swell.url}/report?f=event", content="\n".join(lines)).status_code == 202
    said = json.dumps({"name": "as json", "startTime": now_s * 1000})
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    assert (
        httpx.post(f"{swell.url}/api/v2/event", content=said + "\n" + said, headers=headers).status_code
        == 202
    )

    swell.kill()
    swell.start()

    found = swell.data("/api/v1/events", start=now_s - 1, end=now_s + 1)
    assert sorted(event["name"] for event in found) == ["as json", "kept"]
    [source] = swell.data("/api/v1/sources")
    assert (source["source"], source["tags"], source["description"]) == ("web-1", ["two"], "of all")


def test_kill_minus_nine_loses_and_doubles_no_delta_and_no_histogram(start: Starter) -> None:
    rng = random.Random(5)
    swell = start(["--no-collect.enabled", "--ingest.flush-interval-s", "0.3"])
    load = _Load(swell.url)

    for _ in range(_KILLS):
        with load:
            time.sleep(rng.uniform(0.3, 1.5))
            swell.kill()
        swell.start()
    swell.stop()
    swell.start()

    end_s = time.time() + 120
    print(f"{_KILLS} kills: {load.acknowledged} acknowledged, {load.unclear} unclear")
    for query in ('sum_over_time({"killed.d"}[1h])', 'histogram_count(sum_over_time({"killed.h.m"}[1h]))'):
        [row] = swell.instant(query, end_s)
        assert load.acknowledged <= float(row["value"][1]) <= load.acknowledged + load.unclear
    assert load.acknowledged > _KILLS


class _Load:
    """Sends one delta and one histogram at a time, and counts what was acknowledged."""

    def __init__(self, url: str) -> None:
        self.acknowledged = self.unclear = 0
        self._url = url + "/report"

    def __enter__(self) -> None:
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._send)
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def _send(self) -> None:
        body = "∆killed.d 1 source=s\n!M #1 4 killed.h source=s\n".encode()
        with httpx.Client() as client:
            while not self._stopped.is_set():
                try:
                    answer = client.post(self._url, content=body)
                except httpx.ConnectError:
                    continue
                except httpx.TransportError:
                    self.unclear += 1
                    continue
                self.acknowledged += answer.status_code == 202
