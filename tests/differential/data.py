"""The data of a run: counters with resets, gauges, NaN and infinities, classic histograms; all with gaps."""

import math
import random
from dataclasses import dataclass

import numpy as np

from storage.model import METRIC_NAME, STALE_NAN_BITS, Float64Array, Int64Array, Labels, canonical

START_MS = 1_700_000_000_000
STEP_MS = 15_000
STEPS = 120
_STALE = np.array([STALE_NAN_BITS], np.uint64).view(np.float64)
_BOUNDS = ("0.1", "0.5", "1", "5", "+Inf")


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """Samples of one series, ascending in time."""

    labels: Labels
    timestamps_ms: Int64Array
    values: Float64Array


def generate(seed: int) -> list[Series]:
    """About 60 series of six metrics; the same for the same seed."""
    rng = random.Random(seed)
    found = []
    for job, instance, group in (("a", "1", "x"), ("a", "2", "y"), ("b", "1", "x"), ("b", "3", "")):
        labels = {"job": job, "instance": instance, "group": group}
        found += [
            _series(rng, {METRIC_NAME: name, **labels}, _counter(rng)) for name in ("c_total", "d_total")
        ]
        found += [_series(rng, {METRIC_NAME: name, **labels}, _gauge(rng)) for name in ("g", "h")]
        found.append(_series(rng, {METRIC_NAME: "odd", **labels}, _odd(rng)))
        found += _histogram(rng, labels)
    return found


def _series(rng: random.Random, labels: dict[str, str], values: Float64Array) -> Series:
    times = START_MS + np.arange(STEPS) * STEP_MS
    keep = np.array([rng.random() > 0.05 for _ in range(STEPS)])
    for _ in range(rng.randrange(3)):
        begin = rng.randrange(STEPS)
        keep[begin : begin + rng.randrange(5, 40)] = False
        if rng.random() < 0.5:
            values[begin], keep[begin] = _STALE[0], True
    values.view(np.uint64)[np.isnan(values) & (values.view(np.uint64) != STALE_NAN_BITS)] = 0x7FF8000000000001
    jitter = np.array([rng.choice((0, 0, 0, 7, -13)) for _ in range(STEPS)])
    return Series(canonical(labels), (times + jitter)[keep], values[keep])


def _counter(rng: random.Random) -> Float64Array:
    value, values = float(rng.randrange(100)), []
    for _ in range(STEPS):
        value = 0.0 if rng.random() < 0.03 else value + rng.choice((0, 1, 2.5, rng.random() * 100))
        values.append(value)
    return np.array(values)


def _gauge(rng: random.Random) -> Float64Array:
    return np.array([rng.uniform(-50, 50) for _ in range(STEPS)])


def _odd(rng: random.Random) -> Float64Array:
    odd = (math.nan, math.inf, -math.inf, 0.0, -0.0, 1e300, -1e300, 1e-300)
    return np.array([rng.choice(odd) if rng.random() < 0.2 else rng.gauss(0, 3) for _ in range(STEPS)])


def _histogram(rng: random.Random, labels: dict[str, str]) -> list[Series]:
    growth = np.array([[rng.randrange(4) for _ in _BOUNDS] for _ in range(STEPS)], np.float64)
    counts = growth.cumsum(axis=0).cumsum(axis=1)
    return [
        _series(rng, {METRIC_NAME: "l_bucket", "le": bound, **labels}, counts[:, at].copy())
        for at, bound in enumerate(_BOUNDS)
    ]
