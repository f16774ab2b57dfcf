"""What the state of a cluster costs: memory and CPU by a thousand pods.

    python -m bench.state [pods ...]

Pods of a deployment each, with two containers, limits, conditions, volumes and tolerations, as the API has
them. Prints a row a size: decoding and naming of the first list, one changed pod in a hundred, a sweep, and
the sweep encoded as remote write 2.0.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec

from collector.kube.change import Change
from collector.kube.change import Kind as Step
from collector.requests import Requests
from collector.state.choice import StateChoice
from collector.state.state import State
from collector.state.table import KINDS

TARGET = {"cluster": "bench", "instance": "state", "job": "kube-state-metrics"}
HEAD = (
    "| pods | series | list, ms a 1,000 pods | changed 1 %, ms | sweep, ms | encoded, ms "
    "| first encoding, ms | MiB a 1,000 pods | of it encoding |"
)


def pod(number: int, restarts: int = 0) -> bytes:
    """A pod as JSON."""
    started = "2026-01-01T00:00:10Z"
    names = ("app", "proxy")
    item = {
        "metadata": {
            "name": f"workload-{number // 10}-6cd8d99884-{number:05x}",
            "namespace": f"team-{number % 40}",
            "uid": f"{number:08x}-6b1a-4f46-9504-9e6fc3d4aeb0",
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "ownerReferences": [
                {"kind": "ReplicaSet", "name": f"workload-{number // 10}-6cd8d99884", "controller": True}
            ],
        },
        "spec": {
            "nodeName": f"node-{number % 100}",
            "restartPolicy": "Always",
            "serviceAccountName": "default",
            "schedulerName": "default-scheduler",
            "containers": [
                {
                    "name": name,
                    "image": f"registry.example/{name}:1.2.3",
                    "resources": {
                        "requests": {"cpu": "100m", "memory": "64Mi"},
                        "limits": {"cpu": "1", "memory": "256Mi"},
                    },
                }
                for name in names
            ],
            "tolerations": [
                {"key": f"node.kubernetes.io/{key}", "operator": "Exists", "effect": "NoExecute"}
                for key in ("not-ready", "unreachable")
            ],
        },
        "status": {
            "phase": "Running",
            "qosClass": "Burstable",
            "hostIP": f"10.0.0.{number % 100}",
            "podIP": f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}",
            "podIPs": [{"ip": f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"}],
            "startTime": "2026-01-01T00:00:01Z",
            "conditions": [
                {"type": kind, "status": "True", "lastTransitionTime": started}
                for kind in ("PodScheduled", "Initialized", "ContainersReady", "Ready")
            ],
            "containerStatuses": [
                {
                    "name": name,
                    "image": f"registry.example/{name}:1.2.3",
                    "imageID": f"registry.example/{name}@sha256:{'2584f46a' * 8}",
                    "containerID": f"containerd://{number:064x}",
                    "ready": True,
                    "restartCount": restarts,
                    "state": {"running": {"startedAt": started}},
                }
                for name in names
            ],
        },
    }
    return msgspec.json.encode(item)


def resident_bytes() -> int:
    """Memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def measure(pods: int) -> str:
    """One row of the table."""
    state = State(TARGET, StateChoice(resources=frozenset({"pods"})))
    decoder = msgspec.json.Decoder(KINDS["pods"].resource.struct)
    gc.collect()
    before = resident_bytes()
    listed = _spent(lambda: _take(state, decoder, range(pods)))
    state.take("pods", Change(Step.SYNCED))
    gc.collect()
    after = resident_bytes()
    _spent(lambda: list(state.sweeps(0)))
    requests = Requests()
    first = _spent(lambda: _send(state, requests, 1))
    gc.collect()
    encoded_bytes = resident_bytes() - after
    changed = _spent(lambda: _take(state, decoder, range(0, pods, 100), 1))
    swept = min(_spent(lambda: list(state.sweeps(2))) for _ in range(3))
    sent = min(_spent(lambda: _send(state, requests, 3)) for _ in range(3))
    thousands = pods / 1000
    series = state.stocks["pods"].series
    memory = (after - before + encoded_bytes) / thousands / (1 << 20)
    return (
        f"| {pods:,} | {series:,} | {listed * 1000 / thousands:.0f} | {changed * 1000:.0f} "
        f"| {swept * 1000:.0f} | {sent * 1000:.0f} | {first * 1000:.0f} | {memory:.1f} "
        f"| {encoded_bytes / thousands / (1 << 20):.1f} |"
    )


def _take(state: State, decoder: msgspec.json.Decoder[Any], numbers: range, restarts: int = 0) -> None:
    for number in numbers:
        state.take("pods", Change(Step.SET, decoder.decode(pod(number, restarts))))


def _send(state: State, requests: Requests, now_ms: int) -> None:
    for sweep in state.sweeps(now_ms + 1_782_468_900_000):
        requests.bodies(sweep, 2)


def _spent(work: object) -> float:
    """Seconds of CPU."""
    begin = time.process_time()
    assert callable(work)
    work()
    return time.process_time() - begin


def main() -> None:
    """Each size in a process of its own, since memory that is freed is not given back."""
    sizes = [int(text) for text in sys.argv[1:]] or [1_000, 10_000]
    if len(sizes) == 1:
        print(measure(sizes[0]))
        return
    print(HEAD, "|" + " ---: |" * 9, sep="\n", flush=True)
    for size in sizes:
        subprocess.run([sys.executable, "-m", "bench.state", str(size)], check=True)


if __name__ == "__main__":
    main()
