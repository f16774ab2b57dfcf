"""kill -9 at random moments under load: what was acknowledged is read back, once and unaltered.

SWELL_KILLS sets how many times (3 by default).
"""

import os
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import numpy as np
import pytest

from tests.e2e.conftest import Starter
from tests.e2e.swell import Swell, labels, one_each

pytestmark = pytest.mark.slow

_KILLS = int(os.environ.get("SWELL_KILLS", "3"))
_SERIES = 50
_SENDERS = 3


class Load:
    """Senders that write until told to stop, and remember what was acknowledged."""

    def __init__(self, swell: Swell, start_ms: int) -> None:
        self.acknowledged: list[tuple[int, int]] = []
        self._swell = swell
        self._next_ms = start_ms
        self._lock = threading.Lock()
        self._stopped = threading.Event()

    @contextmanager
    def running(self) -> Iterator[None]:
        self._stopped.clear()
        threads = [threading.Thread(target=self._send, args=(i,)) for i in range(_SENDERS)]
        for thread in threads:
            thread.start()
        yield
        self._stopped.set()
        for thread in threads:
            thread.join()

    def _send(self, sender: int) -> None:
        series = [labels("load", {"sender": str(sender), "i": str(i)}) for i in range(_SERIES)]
        with httpx.Client() as client:
            while not self._stopped.is_set():
                with self._lock:
                    self._next_ms += 1
                    time_ms = self._next_ms
                try:
                    answer = self._swell.write(
                        series, one_each(_SERIES), np.full(_SERIES, time_ms), value(time_ms), client
                    )
                except httpx.TransportError:
                    continue
                if answer.status_code == 204:
                    self.acknowledged.append((sender, time_ms))


def value(time_ms: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return time_ms * 1000.0 + np.arange(_SERIES)


def test_kill_minus_nine_loses_doubles_and_alters_nothing(start: Starter) -> None:
    rng = random.Random(11)
    swell = start(["--no-collect.enabled", "--ingest.flush-interval-s", "0.3", "--log-level", "warning"])
    start_ms = int(time.time() * 1000)
    load = Load(swell, start_ms)
    acknowledged_before = 0

    for _ in range(_KILLS):
        with load.running():
            time.sleep(rng.uniform(0.05, 1.0))
            swell.kill()
        swell.start()
    swell.stop()
    swell.start()

    assert len(load.acknowledged) > acknowledged_before
    missing, altered, doubled = check(swell, load, start_ms)
    print(
        f"{_KILLS} kills: {len(load.acknowledged) * _SERIES} samples acknowledged, "
        f"{missing} missing, {altered} altered, {doubled} doubled"
    )
    assert (missing, altered, doubled) == (0, 0, 0)


def check(swell: Swell, load: Load, start_ms: int) -> tuple[int, int, int]:
    """How many acknowledged samples are missing or altered, and how many of all stand twice."""
    end_s = (start_ms + 3_600_000) / 1000
    missing = altered = doubled = 0
    for sender in range(_SENDERS):
        wanted = {time_ms for owner, time_ms in load.acknowledged if owner == sender}
        for series in swell.instant(f'load{{sender="{sender}"}}[2h]', end_s):
            i = int(series["metric"]["i"])
            found = [(round(float(time_s) * 1000), float(text)) for time_s, text in series["values"]]
            times = {time_ms for time_ms, _ in found}
            missing += len(wanted - times)
            doubled += len(found) - len(times)
            altered += sum(number != time_ms * 1000.0 + i for time_ms, number in found)
    return missing, altered, doubled
