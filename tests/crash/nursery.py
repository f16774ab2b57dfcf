"""Starts nodes by forking a process that has everything loaded: a second a start, not ten.

`python -m tests.crash.nursery` reads a `Spec` as a line of JSON and writes the new process's id.
"""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import orjson

from tests.peers import wait_until

ROOT = Path(__file__).resolve().parents[2]


class Nursery:
    """The process that forks."""

    def __init__(self, log: Path) -> None:
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.crash.nursery"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                cwd=ROOT,
                start_new_session=True,
            )

    def fork(self, spec: dict[str, object]) -> int:
        """Start a node; returns its process id at once."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(orjson.dumps(spec) + b"\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def close(self) -> None:
        """End it, and every node that was not killed before."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate()


@contextmanager
def nursery(log: Path) -> Iterator[Nursery]:
    """A nursery that ends with the block."""
    found = Nursery(log)
    try:
        yield found
    finally:
        found.close()


@dataclass
class Child:
    """One node that can be killed and started again on its directory."""

    nursery: Nursery
    spec: dict[str, object]
    pid: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.spec['port']}"

    def start(self) -> None:
        """Fork it; it is not ready yet."""
        Path(str(self.spec["data_dir"])).mkdir(parents=True, exist_ok=True)
        self.pid = self.nursery.fork(self.spec)

    def wait_ready(self) -> None:
        """Start it again as often as it gives up, as a supervisor does, until it answers."""

        def is_ready() -> bool:
            if not self.is_alive():
                self.start()
            try:
                return httpx.get(self.url + "/-/ready", timeout=5).status_code == 200
            except httpx.TransportError:
                return False

        wait_until(is_ready, "a node is ready", 90)

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        if self.is_alive():
            os.kill(self.pid, signal.SIGKILL)
            wait_until(lambda: not self.is_alive(), "a killed node is gone", 30)

    def is_alive(self) -> bool:
        """Whether the process is there; none stays a zombie, as the nursery does not ask for their ends."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        return self.pid > 0


def _main() -> None:
    # chDB starts threads when it is loaded, which a fork loses: each child loads it for itself.
    sys.modules["chdb"] = types.ModuleType("chdb")
    node = importlib.import_module("tests.crash.node")
    embedded = importlib.import_module("storage.embedded")
    node.warm_up()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    answers = os.dup(1)
    os.dup2(2, 1)
    for line in sys.stdin.buffer:
        pid = os.fork()
        if pid:
            os.write(answers, b"%d\n" % pid)
            continue
        os.close(answers)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        del sys.modules["chdb"]
        embedded.chdb = importlib.import_module("chdb")  # type: ignore[attr-defined]
        try:
            node.serve(node.Spec(**orjson.loads(line)))
        finally:
            os._exit(1)


if __name__ == "__main__":
    _main()
