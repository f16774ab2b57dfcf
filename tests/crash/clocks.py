"""The server's clock jumps, forwards and backwards, while senders' clocks do not."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np

from ingest.decoded import Refusal
from storage.memory import MemoryStorage
from tests.crash.small import NOW_MS, SAMPLES, expected_values, opened, read_back, request
from tests.crash.totals import Totals

_REQUESTS = 40
_DAY_S = 86_400
_JUMPS_S = (
    0,
    0,
    1,
    -1,
    60,
    -60,
    3_600,
    -3_600,
    _DAY_S,
    -_DAY_S,
    20 * _DAY_S,
    -20 * _DAY_S,
    10 * 365 * _DAY_S,
)


class Clock:
    """A clock that is set."""

    def __init__(self) -> None:
        self.now_s = NOW_MS / 1000

    def __call__(self) -> float:
        return self.now_s


def run(root: Path, rng: random.Random) -> Totals:
    """Requests between jumps and restarts: what was accepted is readable, the rest was refused as a whole."""
    storage, clock, times = MemoryStorage(), Clock(), dict[int, int]()
    pipeline = opened(root / "clocks", storage, clock)
    for number in range(_REQUESTS):
        clock.now_s = NOW_MS / 1000 + rng.choice(_JUMPS_S)
        time_ms = NOW_MS + number * 10_000
        accepted = pipeline.accept(request(number, time_ms))
        assert set(accepted.refused) <= {"too_old", "too_far_in_future"}, accepted.refused
        assert accepted.samples + _count(accepted.refused) == SAMPLES
        if accepted.samples == SAMPLES:
            times[number] = time_ms
        if rng.random() < 0.1:
            pipeline.stop()
            pipeline = opened(root / "clocks", storage, clock)
    assert pipeline.flush()
    pipeline.stop()
    found = read_back(storage, "m[2h]", NOW_MS + 3_600_000)
    readable = altered = 0
    for number, points in found.items():
        right = set(_points(number, NOW_MS + number * 10_000))
        altered += len(set(points) - right)
        readable += len(set(points) & right) if number in times else 0
    return Totals(acknowledged=len(times) * SAMPLES, readable=readable, altered=altered)


def _points(number: int, time_ms: int) -> list[tuple[int, float]]:
    times = time_ms - 1000 * np.arange(SAMPLES)
    return list(zip(times.tolist(), expected_values(number, times).tolist(), strict=True))


def _count(refused: object) -> int:
    assert isinstance(refused, dict)
    return sum(one.count for one in refused.values() if isinstance(one, Refusal))
