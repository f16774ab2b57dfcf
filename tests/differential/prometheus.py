"""A real Prometheus 3 on a free port, filled through its remote-write receiver."""

import os
import re
import shutil
import struct
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cramjam
import httpx
import numpy as np

from tests.differential.data import Series
from tests.ingest.messages import Histogram
from tests.peers import free_port, listens, wait_until

_EXTRACTED = Path.home() / ".cache/swell/prometheus-sid/usr/bin/prometheus"
_NO_COUNT = b"\x11" + bytes(8)
"""`count_float` of 0, which a writer of defaults leaves out, but which says that a histogram is of floats."""

_FEATURES = "promql-experimental-functions,native-histograms,promql-per-step-stats"


def find_program() -> tuple[str | None, str]:
    """A Prometheus of version 3, or None and the reason. SWELL_PROMETHEUS names one."""
    for path in (os.environ.get("SWELL_PROMETHEUS"), str(_EXTRACTED), shutil.which("prometheus")):
        if path and Path(path).exists():
            version = subprocess.run([path, "--version"], capture_output=True, text=True, check=True)
            number = re.search(r"version (\d+)\.(\S+)", version.stdout + version.stderr)
            if number and int(number[1]) >= 3:
                return path, number[0]
    return None, "no Prometheus 3 is installed (2 has closed windows); deploy/debian-packages.sh extracts one"


class Prometheus:
    """One process with the data of one run."""

    def __init__(self, program: str, root: Path, config: str = "{}\n") -> None:
        port = free_port()
        (root / "prometheus.yml").write_text(config)
        flags = [
            f"--config.file={root}/prometheus.yml",
            f"--storage.tsdb.path={root}/tsdb",
            f"--web.listen-address=127.0.0.1:{port}",
            f"--enable-feature={_FEATURES}",
            "--web.enable-remote-write-receiver",
            "--storage.tsdb.retention.time=100y",
        ]
        with (root / "prometheus.log").open("w") as log:
            self._process = subprocess.Popen([program, *flags], stdout=log, stderr=log)
        wait_until(lambda: listens(port), "Prometheus")
        self._http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60)
        wait_until(lambda: self._http.get("/-/ready").status_code == 200, "Prometheus is ready")

    def write(self, series: Sequence[Series]) -> None:
        """Store series, stale markers bit by bit."""
        body = b"".join(_field(1, _series(one)) for one in series)
        headers = {
            "Content-Encoding": "snappy",
            "Content-Type": "application/x-protobuf",
            "X-Prometheus-Remote-Write-Version": "0.1.0",
        }
        content = bytes(cramjam.snappy.compress_raw(body))
        self._http.post("/api/v1/write", content=content, headers=headers).raise_for_status()

    def ask(self, path: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """The answer's JSON, successful or not."""
        found: dict[str, Any] = self._http.post(f"/api/v1/{path}", data=parameters).json()
        return found

    def request(self, method: str, path: str, **how: Any) -> httpx.Response:
        """Ask the API anything."""
        return self._http.request(method, f"/api/v1/{path}", **how)

    def close(self) -> None:
        """End the process."""
        self._http.close()
        self._process.terminate()
        self._process.wait()


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _histograms(series: Series) -> Iterator[bytes]:
    pool = series.histograms
    assert pool is not None
    for i, at in enumerate(series.timestamps_ms.tolist()):
        fields: dict[str, Any] = {
            "count_float": float(pool.counts[i]),
            "sum": float(pool.sums[i]),
            "schema": int(pool.schemas[i]),
            "zero_threshold": float(pool.zero_thresholds[i]),
            "zero_count_float": float(pool.zero_counts[i]),
            "reset_hint": int(pool.hints[i]),
            "timestamp": at,
            "custom_values": pool.bounds[pool.bound_offsets[i] : pool.bound_offsets[i + 1]].tolist(),
        }
        for sign, side in (("positive", pool.positive), ("negative", pool.negative)):
            mine = slice(side.offsets[i], side.offsets[i + 1])
            fields[f"{sign}_counts"] = side.counts[mine].tolist()
            gaps = np.diff(side.indexes[mine], prepend=0).tolist()
            fields[f"{sign}_spans"] = [
                {"offset": gap - (row > 0), "length": 1} for row, gap in enumerate(gaps)
            ]
        yield Histogram(**fields).SerializeToString() + (b"" if pool.counts[i] else _NO_COUNT)


def _series(series: Series) -> bytes:
    labels = b"".join(
        _field(1, _field(1, name.encode()) + _field(2, value.encode())) for name, value in series.labels
    )
    if series.histograms is not None:
        return labels + b"".join(_field(4, one) for one in _histograms(series))
    bits = series.values.view("u8").tolist()
    samples = b"".join(
        _field(2, b"\x09" + struct.pack("<Q", one) + b"\x10" + _varint(at))
        for at, one in zip(series.timestamps_ms.tolist(), bits, strict=True)
    )
    return labels + samples
