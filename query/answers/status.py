"""What Swell says of itself where Prometheus has `status/…`."""

from __future__ import annotations

import os
import platform
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

LANGUAGE_VERSION: Final = "3.14.0"
"""The version of PromQL that is spoken; clients such as Grafana choose their features by it."""


@dataclass(frozen=True, slots=True)
class Status:
    """What the process knows of itself.

    version: Swell's own. flags: settings by name, secrets left out. config: the same as YAML. started_s:
    seconds since the epoch. retention: how long samples are kept, in words.
    """

    version: str = ""
    flags: Mapping[str, str] = field(default_factory=dict)
    config: str = ""
    started_s: float = 0.0
    retention: str = ""

    def build_info(self) -> dict[str, Any]:
        """`status/buildinfo`: the language's version stands for Prometheus's, as clients look there."""
        return {
            "application": "Swell",
            "version": LANGUAGE_VERSION,
            "revision": self.version,
            "branch": "",
            "buildUser": "",
            "buildDate": "",
            "goVersion": "",
        }

    def runtime_info(self, now_s: float) -> dict[str, Any]:
        """`status/runtimeinfo`; what only a Go program has is empty."""
        started = _moment(self.started_s)
        return {
            "startTime": started,
            "CWD": str(Path.cwd()),
            "hostname": socket.gethostname(),
            "serverTime": _moment(now_s),
            "reloadConfigSuccess": True,
            "lastConfigTime": started,
            "corruptionCount": 0,
            "goroutineCount": threading.active_count(),
            "GOMAXPROCS": os.cpu_count() or 1,
            "GOMEMLIMIT": 0,
            "GOGC": "",
            "GODEBUG": "",
            "storageRetention": self.retention,
            "pythonVersion": platform.python_version(),
        }


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
