"""What scraping and pushing costs, beside VictoriaMetrics' agent on the same targets in the same run.

    python -m bench.scraping [seconds] [--pods N] [--rules] [--no-gzip]

Pages of a kubelet's cAdvisor (a capture outside of the repository, see SWELL_SHARED) are served by a process
of their own, which takes the pushes too and forgets them. Prints CPU per sample and resident memory of both.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import hashlib
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

import aiohttp
import cramjam
import uvloop
from aiohttp import web

from collector.discovery.kubelet import PAGE_RULES
from collector.encode import Cache, requests_v1, requests_v2
from collector.heap import give_back
from collector.scrape.scraper import Scraper
from collector.sweep import Sweep
from collector.target import Target
from ingest.relabel.rules import Rule

CAPTURE = "k8s/nri-kubernetes/internal/testutil/data/1_35/kubelet/metrics/cadvisor"
INTERVAL_S = 5
TARGETS = 4
_TICKS = os.sysconf("SC_CLK_TCK")


def page_of(pods: int) -> bytes:
    """The capture, or for so many pods its series again and again, pods under other names."""
    shared = Path(os.environ.get("SWELL_SHARED", Path(__file__).parents[2] / "shared/data"))
    raw = (shared / CAPTURE).read_bytes()
    if not pods:
        return raw
    found: dict[str, list[str]] = {}
    for line in raw.decode().splitlines():
        match = re.match(r"# \w+ (\S+)|([a-zA-Z_:][\w:]*)", line)
        name = (match[1] or match[2]) if match else ""
        found.setdefault(name, []).append(line)
    there = len(set(re.findall(r'pod="([^"]+)"', raw.decode())))
    lines = []
    for family in found.values():
        comments = [line for line in family if line.startswith("#")]
        of_node = [
            line for line in family if not line.startswith("#") and (',pod=""' in line or "pod=" not in line)
        ]
        of_pods = [line for line in family if ',pod="' in line and ',pod=""' not in line]
        lines += comments + of_node
        for copy in range(-(-pods // there)):
            lines += [_renamed(line, copy) for line in of_pods] if copy else of_pods
    return ("\n".join(lines) + "\n").encode()


def _renamed(line: str, copy: int) -> str:
    """The same series of another pod: names and ids hashed."""

    def hashed(match: re.Match[str]) -> str:
        digest = hashlib.sha256(f"{match[2]}{copy}".encode()).hexdigest()
        return f'{match[1]}="{match[2][: max(0, len(match[2]) - 10)]}{digest[:10]}"'

    return re.sub(r'\b(pod|id|name)="([^"]+)"', hashed, line)


async def serve(port: int, page: bytes) -> None:
    """Pages at /metrics, a sink at /write, what came at /came."""
    packed = gzip.compress(page)
    came = {"requests": 0, "bytes": 0}

    async def metrics(request: web.Request) -> web.Response:
        headers = {"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
        if "gzip" not in request.headers.get("Accept-Encoding", "") or "plain" in request.query:
            return web.Response(body=page, headers=headers)
        return web.Response(body=packed, headers={**headers, "Content-Encoding": "gzip"})

    async def write(request: web.Request) -> web.Response:
        came["bytes"] += len(await request.read())
        came["requests"] += 1
        return web.Response(status=204)

    async def told(_: web.Request) -> web.Response:
        return web.json_response(came)

    application = web.Application(client_max_size=1 << 30)
    application.add_routes(
        [
            web.get("/metrics", metrics),
            web.post("/write", write),
            web.post("/api/v1/write", write),
            web.get("/came", told),
        ]
    )
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


async def scrape(port: int, targets: int, query: str, version: str, rules: tuple[Rule, ...]) -> None:
    """Our scraper and encoder, and the plainest push there can be."""
    found = [
        Target(
            f"http://127.0.0.1:{port}/metrics?n={n}{query}",
            "kubelet",
            {"job": "kubelet", "instance": f"node-{n}", "metrics_path": "/metrics/cadvisor"},
            interval_ms=INTERVAL_S * 1000,
            timeout_ms=INTERVAL_S * 1000,
            honor_labels=True,
            honor_timestamps=False,
            rules=rules,
        )
        for n in range(targets)
    ]
    cache = Cache()
    queue: asyncio.Queue[Sweep] = asyncio.Queue(64)
    scraper = Scraper({"cluster": "bench"})
    running = asyncio.create_task(scraper.run(lambda: found, queue.put_nowait))
    headers = {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy"}
    async with aiohttp.ClientSession(headers=headers) as session:
        while not running.done():
            sweep = await queue.get()
            raw = requests_v2(sweep, cache) if version == "2" else requests_v1(sweep, cache)
            body = bytes(cramjam.snappy.compress_raw(raw))
            del raw
            async with session.post(f"http://127.0.0.1:{port}/write", data=body) as response:
                await response.read()
    running.result()


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one process over one span."""

    cpu_s: float
    resident_mib: float
    peak_mib: float


@contextmanager
def process(command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """A program that is ended with the block."""
    environment = {**os.environ, "MALLOC_ARENA_MAX": "2"}
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment
    ) as found:
        try:
            yield found
        finally:
            found.terminate()


def cpu_s(pid: int) -> float:
    """User and system seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def memory_mib(pid: int) -> tuple[float, float]:
    """Resident now and at most."""
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return tuple(int(status[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM"))  # type: ignore[return-value]


def measured(command: list[str], seconds: float) -> Cost:
    """The cost of a program once every target was scraped twice."""
    with process(command) as found:
        time.sleep(3 * INTERVAL_S)
        before = cpu_s(found.pid)
        time.sleep(seconds)
        used = cpu_s(found.pid) - before
        return Cost(used, *memory_mib(found.pid))


def vmagent(port: int, targets: int, query: str, directory: Path, rules: Sequence[Rule]) -> list[str]:
    """The agent's command over the same targets with the same labels."""
    addresses = "".join(
        f"""
      - targets: ['127.0.0.1:{port}']
        labels: {{instance: node-{n}, metrics_path: /metrics/cadvisor, __param_n: '{n}'{query}}}"""
        for n in range(targets)
    )
    (directory / "scrape.yml").write_text(
        f"""global: {{scrape_interval: {INTERVAL_S}s, external_labels: {{cluster: bench}}}}
scrape_configs:
  - job_name: kubelet
    honor_labels: true
    honor_timestamps: false
    scrape_timeout: {INTERVAL_S}s
    static_configs:{addresses}
    metric_relabel_configs:{"".join(map(_written, rules)) or " []"}
"""
    )
    return [
        shutil.which("vmagent") or "vmagent",
        f"-promscrape.config={directory / 'scrape.yml'}",
        f"-remoteWrite.url=http://127.0.0.1:{port}/write",
        f"-remoteWrite.tmpDataPath={directory / 'queue'}",
        "-httpListenAddr=127.0.0.1:0",
        "-promscrape.maxScrapeSize=67108864",
    ]


def _written(rule: Rule) -> str:
    """A rule of a kubelet's pages, which all drop, as YAML."""
    return (
        f"\n      - {{action: drop, source_labels: [{', '.join(rule.source_labels)}], regex: '{rule.regex}'}}"
    )


def main() -> None:
    """Measure one after the other."""
    parser = argparse.ArgumentParser()
    parser.add_argument("seconds", type=float, nargs="?", default=40.0)
    parser.add_argument("--pods", type=int, default=0)
    parser.add_argument("--rules", action="store_true")
    parser.add_argument("--no-gzip", action="store_true")
    parser.add_argument("--version", default="2")
    parser.add_argument("--role", default="")
    parser.add_argument("--port", type=int, default=19_431)
    given = parser.parse_args()
    targets = 1 if given.pods else TARGETS
    query = "&plain=1" if given.no_gzip else ""
    rules = PAGE_RULES["/metrics/cadvisor"] if given.rules else ()
    if given.role == "serve":
        uvloop.run(serve(given.port, page_of(given.pods)))
    elif given.role == "scrape":
        give_back()
        uvloop.run(scrape(given.port, targets, query, given.version, rules))
    else:
        compare(given, targets, query, rules)


def compare(given: argparse.Namespace, targets: int, query: str, rules: Sequence[Rule]) -> None:
    """Run all parts, and print."""
    page = page_of(given.pods)
    samples = sum(1 for line in page.splitlines() if line and not line.startswith(b"#"))
    options = [f"--port={given.port}", f"--pods={given.pods}", *(["--no-gzip"] if given.no_gzip else [])]
    options += ["--rules"] if given.rules else []
    ours = [sys.executable, "-m", "bench.scraping", *options]
    print(f"{targets} targets of {samples} samples, {len(page) / 1e6:.2f} MB, every {INTERVAL_S} s")
    per_second = targets * samples / INTERVAL_S
    with process([*ours, "--role=serve"]), tempfile.TemporaryDirectory() as directory:
        _wait(given.port)
        other = vmagent(given.port, targets, ", __param_plain: '1'" if query else "", Path(directory), rules)
        whole = [
            *(sys.executable, "-m", "server", "collect", "node"),
            *("--collect.url", f"http://127.0.0.1:{given.port}", "--collect.cluster", "bench"),
            *("--collect.scrape.file", str(Path(directory) / "scrape.yml"), "--data-dir", directory),
        ]
        rows = {
            "swell collect node, with the node's own series": whole,
            "swell, remote write 2.0": [*ours, "--role=scrape", "--version=2"],
            "swell, remote write 1.0": [*ours, "--role=scrape", "--version=1"],
            "vmagent": other,
        }
        for name, command in rows.items():
            before = _came(given.port)
            cost = measured(command, given.seconds)
            after = _came(given.port)
            print(
                f"{name}: {cost.cpu_s / given.seconds / per_second * 1e6:.2f} µs a sample, "
                f"{cost.cpu_s / given.seconds * 100:.2f} % of a core, "
                f"{cost.resident_mib:.0f} MiB resident, {cost.peak_mib:.0f} at most; "
                f"{after - before} requests"
            )
    print(f"(this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB)")


def _wait(port: int) -> None:
    for _ in range(600):
        try:
            _came(port)
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise SystemExit("the pages are not served")


def _came(port: int) -> int:
    with urlopen(f"http://127.0.0.1:{port}/came") as response:
        return int(response.read().partition(b'"requests": ')[2].partition(b",")[0])


if __name__ == "__main__":
    main()
