"""The disk of the log fills up under load, again and again, and the process is killed while it is full."""

from __future__ import annotations

import random
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.crash.load import Load
from tests.crash.node import Spec
from tests.crash.nursery import Child, Nursery
from tests.crash.totals import Totals
from tests.peers import free_port

_DISK_BYTES = 8 << 20
_LONGEST_S = 0.4


@contextmanager
def small_disk(directory: Path) -> Iterator[str]:
    """Mount a file system of 8 MiB; gives why that was not possible, or ''."""
    directory.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={_DISK_BYTES}", "none", str(directory)]
    try:
        mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        yield "the program mount is not installed"
        return
    if mounted.returncode:
        yield mounted.stderr.strip()
        return
    try:
        yield ""
    finally:
        subprocess.run(["umount", "--lazy", str(directory)], check=True)


def run(nursery: Nursery, root: Path, rounds: int, rng: random.Random) -> Totals:
    """Fill the disk and make room again; every second time the process is killed in between.

    Nothing where no file system can be mounted.
    """
    disk = root / "disk"
    with small_disk(disk) as problem:
        if problem:
            return Totals()
        spec = Spec(str(root / "data"), free_port(), wal_dir=str(disk / "wal"))
        node = Child(nursery, spec.as_dict())
        node.start()
        node.wait_ready()
        load = Load(f"disk_{rng.randrange(1 << 40)}", int(time.time() * 1000), lambda: [node.url], 1)
        kills = 0
        with load.running():
            for number in range(rounds):
                time.sleep(rng.uniform(0, _LONGEST_S))
                fill(disk / "ballast")
                time.sleep(rng.uniform(0, _LONGEST_S))
                if number % 2:
                    node.kill()
                    kills += 1
                (disk / "ballast").unlink()
                node.wait_ready()
        found = load.check(node.url) + Totals(kills=kills, damages=rounds)
        node.kill()
        return found


def fill(path: Path) -> None:
    """Write until nothing more goes in."""
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return
