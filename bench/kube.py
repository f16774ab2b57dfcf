"""What following a large cluster costs: an API in another process, its pods read, kept and changed.

Memory and processor time are those of the process that follows, so of a collector without its other work.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import resource
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import uvloop

from collector.discovery.annotations import annotated_pods
from collector.discovery.job import Scope
from collector.discovery.kubernetes.cluster import Cluster
from collector.discovery.pool import Pool
from collector.kube.change import Resource
from collector.kube.client import Client
from collector.kube.reflector import Tally, changes
from tests.kube.api import Api, serving

PODS = "/api/v1/pods"


def pods(template: dict[str, Any], count: int) -> list[dict[str, Any]]:
    found = []
    for number in range(count):
        pod = json.loads(json.dumps(template))
        pod["metadata"] |= {
            "name": f"pod-{number}",
            "namespace": f"team-{number % 50}",
            "uid": f"{number:036d}",
        }
        pod["status"]["podIP"] = f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
        if number % 4 == 0:
            pod["metadata"]["annotations"] = {"prometheus.io/scrape": "true", "prometheus.io/port": "8080"}
        found.append(pod)
    return found


def serve(pipe: Connection, template: dict[str, Any], count: int, changed: int) -> None:
    """Serves the pods; changes so many of them, and breaks watches, when it is told to."""

    async def run() -> None:
        async with serving(Api()) as api:
            all_pods = pods(template, count)
            for pod in all_pods:
                await api.put(PODS, pod)
            api.events.clear()
            api.compact()
            pipe.send(api.url)
            await asyncio.to_thread(pipe.recv)
            for number in range(changed):
                pod = all_pods[number % count]
                pod["status"]["phase"] = "Failed" if pod["status"]["phase"] == "Running" else "Running"
                await api.put(PODS, pod)
                if number % 50 == 49:
                    await asyncio.sleep(0.01)
            pipe.send("changed")
            await asyncio.to_thread(pipe.recv)

    asyncio.run(run())


def rss_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / (1 << 20)


async def follow(url: str, pipe: Connection, count: int, changed: int) -> None:
    client = Client(url)
    cluster = Cluster(Scope(), ["pod"])
    pool = Pool(annotated_pods(30_000, 10_000, Scope()))
    cluster.subscribe("pod", pool, "")
    tally, told = Tally(), [0]

    async def watch(resource: Resource[Any]) -> Any:
        async for change in changes(client, resource, tally):
            told[0] += 1
            yield change

    before_mib, before_s, begun = rss_mib(), time.process_time(), time.perf_counter()
    task = asyncio.create_task(cluster.run(watch))
    while len(pool.targets) < count // 4:
        await asyncio.sleep(0.05)
    spent_s = time.process_time() - before_s
    print(
        f"first list: {spent_s:.2f} s of processor, {time.perf_counter() - begun:.2f} s, "
        f"{spent_s / count * 1e6:.0f} us a pod; {rss_mib() - before_mib:.1f} MiB more, "
        f"{(rss_mib() - before_mib) / count * 1024:.2f} KiB a pod; {rss_mib():.0f} MiB in all"
    )
    at_first, before_s = told[0], time.process_time()
    pipe.send("change")
    while told[0] < at_first + changed:
        await asyncio.sleep(0.05)
    spent_s = time.process_time() - before_s
    print(
        f"{changed} changes: {spent_s / changed * 1e6:.0f} us of processor each; {rss_mib():.0f} MiB in all"
    )
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await client.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("template", type=Path, help="a PodList in JSON, whose first pod is multiplied")
    parser.add_argument("--pods", type=int, default=10_000)
    parser.add_argument("--changes", type=int, default=5_000)
    options = parser.parse_args()
    template = json.loads(options.template.read_text())["items"][0]
    print(f"a pod has {len(json.dumps(template))} bytes")
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    server = multiprocessing.get_context("spawn").Process(
        target=serve, args=(theirs, template, options.pods, options.changes)
    )
    server.start()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(follow(ours.recv(), ours, options.pods, options.changes))
    finally:
        server.kill()


if __name__ == "__main__":
    main()
