"""The data of a run: counters with resets, gauges, NaN and infinities, histograms of all kinds; with gaps."""

import math
import random
from dataclasses import dataclass

import numpy as np

from storage.histograms import HINT_GAUGE, HINT_UNKNOWN, Histograms
from storage.model import METRIC_NAME, STALE_NAN_BITS, Float64Array, Int64Array, Labels, canonical
from tests.storage.histograms import Row, histogram, of_rows

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
    histograms: Histograms | None = None


def generate(seed: int) -> list[Series]:
    """About 70 series of nine metrics; the same for the same seed."""
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
    # Drawn last, so that the floats of a seed stay what they are.
    for job, instance in (("a", "1"), ("a", "2"), ("b", "1")):
        labels = {"job": job, "instance": instance, "group": "x"}
        found.append(_native(rng, {METRIC_NAME: "n", **labels}, _exponential(rng), HINT_UNKNOWN))
        found.append(_native(rng, {METRIC_NAME: "n_gauge", **labels}, _exponential(rng), HINT_GAUGE))
        found.append(_native(rng, {METRIC_NAME: "n_custom", **labels}, _custom(rng), HINT_UNKNOWN))
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


def _native(rng: random.Random, labels: dict[str, str], rows: list[Row], hint: int) -> Series:
    """Native histograms at the places of a series with gaps; a stale marker becomes a stale histogram."""
    series = _series(rng, labels, np.arange(STEPS, dtype=np.float64))
    stale = series.values.view(np.uint64) == STALE_NAN_BITS
    at = np.where(stale, 0, series.values).astype(np.int64)
    pool = of_rows([(*rows[i][:5], hint, *rows[i][6:]) for i in at.tolist()])
    pool.sums[stale] = _STALE[0]
    return Series(series.labels, series.timestamps_ms, np.zeros(len(at)), pool)


def _exponential(rng: random.Random) -> list[Row]:
    """Counters with resets, changes of resolution, and a zero bucket that widens.

    They begin high: Prometheus 3.5 does not yet stop carrying histograms to before they were zero. Both sides
    are always populated: in Prometheus an empty bucket that its chunk still lists counts as a side.
    """
    found = []
    schema, zero, positive, negative = 1, [0.001, 0.0], {1: 900.0}, {1: 4.0}
    for _ in range(STEPS):
        if rng.random() < 0.04:
            schema, zero, positive, negative = (
                rng.choice((-1, 0, 1, 3, 5)),
                [0.001, 0.0],
                {1: 500.0},
                {1: 2.0},
            )
        if rng.random() < 0.03:
            zero[0] = 0.002
        zero[1] += rng.choice((0, 0, 1))
        for side, spread in ((positive, (-2, 9)), (negative, (1, 3))):
            for _ in range(rng.randrange(3)):
                index = rng.randrange(*spread)
                side[index] = side.get(index, 0.0) + rng.choice((1.0, 2.0, 0.5))
        count = zero[1] + sum(positive.values()) + sum(negative.values())
        total = 1.5 * sum(positive.values()) - sum(negative.values())
        buckets = sorted(positive.items()), sorted(negative.items())
        found.append(histogram(count, total, *buckets, schema=schema, zero=(zero[0], zero[1])))
    return found


def _custom(rng: random.Random) -> list[Row]:
    """Counters with resets over the same bounds throughout."""
    found, held = [], {2: 900.0}
    for _ in range(STEPS):
        if rng.random() < 0.04:
            held = {2: 500.0}
        for _ in range(rng.randrange(3)):
            index = rng.randrange(5)
            held[index] = held.get(index, 0.0) + 1.0
        count = sum(held.values())
        found.append(histogram(count, 2 * count, sorted(held.items()), bounds=(0.1, 0.5, 1.0, 5.0)))
    return found
