"""Swell as its users run it: a process of its own, spoken to over HTTP."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cramjam
import httpx
import numpy as np

from ingest.wire.encoding import encode_labels, encode_v1
from storage.model import Float64Array, Int64Array, Labels
from tests.peers import free_port, wait_until

ROOT = Path(__file__).resolve().parents[2]
REMOTE_WRITE = {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy"}


@dataclass
class Swell:
    """One Swell on a data directory; it can be stopped, killed and started again."""

    data_dir: Path
    flags: Sequence[str] = ()
    command: str = "up"
    port: int = field(default_factory=free_port)
    token: str | None = None
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> Swell:
        self.data_dir.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "server", *self.command.split()]
        flags = ["--listen", f"127.0.0.1:{self.port}", "--data-dir", str(self.data_dir), *self.flags]
        with (self.data_dir.parent / "swell.log").open("ab") as log:
            environment = {name: value for name, value in os.environ.items() if not name.startswith("SWELL_")}
            self.process = subprocess.Popen(
                [*command, *flags], stdout=log, stderr=log, cwd=ROOT, env=environment
            )
        wait_until(self.is_ready, f"swell {self.command}", 90)
        return self

    def is_ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log()[-4000:]
        try:
            return self.get("/-/ready").status_code == 200
        except httpx.TransportError:
            return False

    def log(self) -> str:
        return (self.data_dir.parent / "swell.log").read_text()

    def stop(self) -> None:
        """SIGTERM, and wait for a clean end."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            assert self.process.wait(60) == 0, self.log()[-4000:]

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def resident_bytes(self) -> int:
        assert self.process is not None
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) * 1024

    def get(self, path: str, **parameters: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        return httpx.get(self.url + path, params=parameters, headers=headers, timeout=60)

    def data(self, path: str, **parameters: Any) -> Any:
        """The `data` of a successful answer."""
        answer = self.get(path, **parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def instant(self, query: str, time_s: float | None = None) -> list[Any]:
        moment = {} if time_s is None else {"time": time_s}
        found: list[Any] = self.data("/api/v1/query", query=query, **moment)["result"]
        return found

    def write(
        self,
        series: Sequence[Labels],
        index: Int64Array,
        timestamps_ms: Int64Array,
        values: Float64Array,
        client: httpx.Client | None = None,
    ) -> httpx.Response:
        """One remote-write request."""
        plain = encode_v1([encode_labels(labels) for labels in series], index, timestamps_ms, values)
        body = bytes(cramjam.snappy.compress_raw(plain))
        post = client.post if client is not None else httpx.post
        return post(self.url + "/api/v1/write", content=body, headers=REMOTE_WRITE, timeout=60)


def labels(name: str, others: Mapping[str, str] | None = None) -> Labels:
    return tuple(sorted({"__name__": name, **(others or {})}.items()))


def one_each(count: int) -> Int64Array:
    return np.arange(count, dtype=np.int64)
