"""The systems under test: how each is started, asked and measured. One process each, on loopback."""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class System:
    """A program that takes remote write and answers PromQL. `query_extra` is added to each query's URL."""

    name: str
    command: Callable[[Path, int], list[str]]
    query_extra: str = ""

    @property
    def binary(self) -> str:
        return self.command(Path("x"), 1)[0]

    def found(self) -> bool:
        return shutil.which(self.binary) is not None


@dataclass(frozen=True, slots=True)
class Running:
    """A started system."""

    system: System
    port: int
    pid: int
    directory: Path

    def connect(self) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        connection.connect()
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def get(self, path: str) -> tuple[int, bytes]:
        connection = self.connect()
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer.status, body

    def cpu_s(self) -> float:
        """User and system seconds of the process so far, children that ended included."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return sum(int(field) for field in fields[11:15]) * _TICK_S

    def memory_bytes(self) -> int:
        """Resident memory."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) * 1024

    def disk_bytes(self) -> int:
        return sum(file.stat().st_size for file in self.directory.rglob("*") if file.is_file())


def systems(victoria: str, prometheus: str) -> list[System]:
    """Swell and those of its peers that this machine has."""
    swell = str(Path(sys.executable).with_name("swell"))
    known = [
        System(
            "Swell",
            lambda directory, port: [
                swell,
                "up",
                "--listen",
                f"127.0.0.1:{port}",
                "--data-dir",
                str(directory),
                "--log-level",
                "warning",
                "--no-collect.enabled",
            ],
        ),
        System(
            "VictoriaMetrics",
            lambda directory, port: [
                victoria,
                f"-storageDataPath={directory}",
                f"-httpListenAddr=127.0.0.1:{port}",
                "-retentionPeriod=1y",
                "-search.latencyOffset=0s",
                "-search.maxUniqueTimeseries=1000000",
                "-loggerLevel=ERROR",
            ],
            query_extra="&nocache=1",
        ),
        System(
            "Prometheus",
            lambda directory, port: [
                prometheus,
                f"--config.file={_empty_config(directory)}",
                f"--storage.tsdb.path={directory}/tsdb",
                f"--web.listen-address=127.0.0.1:{port}",
                "--web.enable-remote-write-receiver",
                "--log.level=error",
            ],
        ),
    ]
    return [system for system in known if system.found()]


@contextmanager
def started(system: System, directory: Path) -> Iterator[Running]:
    """Start a system in an empty directory, wait until it is ready, stop it at the end."""
    directory.mkdir(parents=True)
    port = _free_port()
    with (directory.parent / f"{directory.name}.log").open("w") as log:
        process = subprocess.Popen(system.command(directory, port), stdout=log, stderr=subprocess.STDOUT)
    running = Running(system, port, process.pid, directory)
    try:
        _wait_until_ready(running, process)
        yield running
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def _wait_until_ready(running: Running, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    path = "/-/ready" if running.system.name != "VictoriaMetrics" else "/health"
    while True:
        if process.poll() is not None:
            raise RuntimeError(f"{running.system.name} ended with {process.returncode} before it was ready")
        try:
            if running.get(path)[0] == 200:
                return
        except OSError:
            pass
        if time.monotonic() > deadline:
            raise RuntimeError(f"{running.system.name} was not ready within 120 s")
        time.sleep(0.1)


def _empty_config(directory: Path) -> Path:
    path = directory / "prometheus.yml"
    if directory.is_dir():
        path.write_text("global: {}\n")
    return path


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
