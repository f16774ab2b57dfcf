"""A real Prometheus: the targets that it finds for a configuration."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.peers import free_port, wait_until

# Prometheus 3 leaves ports alone; 2 does so when asked.
_FLAGS = {"2": ["--enable-feature=no-default-scrape-port"], "3": []}


@dataclass(frozen=True, slots=True)
class Found:
    """Of one job: targets as (URL, labels) -> what was discovered, and the labels of dropped ones."""

    active: dict[tuple[str, str], list[Mapping[str, str]]]
    dropped: list[str]


def programs() -> list[tuple[str, str]]:
    """(path, major version) of each Prometheus here, the newest first."""
    found = []
    places = [os.environ.get("SWELL_PROMETHEUS"), shutil.which("prometheus")]
    newer = Path.home() / ".cache/swell/prometheus-sid/usr/bin/prometheus"
    for place in [*([str(newer)] if newer.exists() else []), *places]:
        if place:
            run = subprocess.run([place, "--version"], capture_output=True, text=True, check=True)
            version = (run.stdout + run.stderr).split("version ")[1]
            found.append((place, version[0]))
    return sorted(set(found), key=lambda one: -int(one[1]))


def frozen(labels: Mapping[str, str]) -> str:
    """Labels as text that can be sorted and compared."""
    return repr(sorted(labels.items()))


@contextmanager
def running(program: tuple[str, str], root: Path, configuration: Mapping[str, Any]) -> Iterator[str]:
    """Starts it; gives its URL."""
    path, major = program
    config = root / "prometheus.yml"
    config.write_text(yaml.safe_dump(configuration))
    address = f"127.0.0.1:{free_port()}"
    command = [path, f"--config.file={config}", f"--storage.tsdb.path={root / 'tsdb'}", *_FLAGS[major]]
    with (root / "prometheus.log").open("wb") as log:
        process = subprocess.Popen([*command, f"--web.listen-address={address}"], stdout=log, stderr=log)
    try:
        wait_until(lambda: _is_ready(address) or process.poll() is not None, "prometheus is ready")
        assert process.poll() is None, (root / "prometheus.log").read_text()[-2000:]
        yield f"http://{address}"
    finally:
        process.kill()
        process.wait()


def found_by(url: str) -> dict[str, Found]:
    """What it has found, by job."""
    data = httpx.get(f"{url}/api/v1/targets").raise_for_status().json()["data"]
    jobs: dict[str, Found] = {}
    for target in data["activeTargets"]:
        job = jobs.setdefault(target["scrapePool"], Found({}, []))
        key = (target["scrapeUrl"], frozen(target["labels"]))
        job.active.setdefault(key, []).append(target["discoveredLabels"])
    for target in data["droppedTargets"]:
        labels = target["discoveredLabels"]
        pool = target.get("scrapePool", labels["job"])
        jobs.setdefault(pool, Found({}, [])).dropped.append(frozen(labels))
    return jobs


def _is_ready(address: str) -> bool:
    try:
        return httpx.get(f"http://{address}/-/ready").is_success
    except httpx.TransportError:
        return False
