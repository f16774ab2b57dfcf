"""Waiting for other processes."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from threading import Event


def until(condition: Callable[[], bool], timeout_s: float = 30.0) -> None:
    """Wait for a condition that nobody announces."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come about"
        Event().wait(0.01)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
