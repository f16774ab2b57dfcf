"""What the band costs: history of many series, then a minute of all of them."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from query.models.envelope import Bands, Setting, State, run
from storage.model import Float64Array

_THREADS = 2
_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Speed:
    """Seconds, for `series` series of `slots` slots of history."""

    series: int
    slots: int
    fit_s: float
    minute_s: float


def measure(series: int = 10_000, days: int = 14) -> Speed:
    """Fit in chunks on two threads, then advance all by a slot, the median of five."""
    setting, slots = Setting(), days * 1440
    states = [State.new(_CHUNK, setting) for _ in range(series // _CHUNK)]
    random = np.random.default_rng(1)
    history = random.normal(100, 5, (_CHUNK, slots)) + 20 * np.sin(np.arange(slots) * 2 * np.pi / 1440)
    with ThreadPoolExecutor(_THREADS) as threads:
        _all(threads, states, setting, history[:, :2])
        began = time.perf_counter()
        _all(threads, states, setting, history)
        fit_s = time.perf_counter() - began
        minutes = []
        for _ in range(5):
            began = time.perf_counter()
            _all(threads, states, setting, history[:, :1])
            minutes.append(time.perf_counter() - began)
    return Speed(series, slots, fit_s, float(np.median(minutes)))


def _all(threads: ThreadPoolExecutor, states: list[State], setting: Setting, values: Float64Array) -> None:
    def one(state: State) -> None:
        shape = (len(values), 1)
        out = Bands(np.empty(shape), np.empty(shape), np.empty(shape), np.empty(shape))
        run(state, setting, 30_000_000, values, out, 0, len(values))

    list(threads.map(one, states))
