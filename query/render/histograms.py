"""Prometheus's JSON of native histograms (util/jsonutil, MarshalHistogram)."""

from __future__ import annotations

import math

import numpy as np

from query.native.text import bounded
from storage.histograms import Histograms
from storage.model import Float64Array, Int64Array

_RULES = {(False, True): 0, (True, False): 1, (False, False): 2, (True, True): 3}
"""The number that says which bounds belong to a bucket: by (lower inclusive, upper inclusive)."""


def histogram_objects(pool: Histograms, rows: Int64Array) -> list[bytes]:
    """One object for each row: count, sum and the populated buckets, all numbers as strings."""
    buckets = bounded(pool, rows)
    counts, sums = number_texts(pool.counts[rows]), number_texts(pool.sums[rows])
    parts = [
        f'[{_RULES[low, high]},"{lower}","{upper}","{count}"]'
        for low, high, lower, upper, count in zip(
            buckets.lower_inclusive.tolist(),
            buckets.upper_inclusive.tolist(),
            number_texts(buckets.lowers),
            number_texts(buckets.uppers),
            number_texts(buckets.counts),
            strict=True,
        )
    ]
    bounds = buckets.offsets.tolist()
    return [
        _object(count, total, parts[begin:end])
        for count, total, begin, end in zip(counts, sums, bounds[:-1], bounds[1:], strict=True)
    ]


def number_texts(values: Float64Array) -> list[str]:
    """Numbers as Prometheus's JSON has them; each distinct one is written once."""
    bits, index = np.unique(np.ascontiguousarray(values).view(np.int64), return_inverse=True)
    known = [_number(value) for value in bits.view(np.float64).tolist()]
    return [known[i] for i in index.tolist()]


def _object(count: str, total: str, buckets: list[str]) -> bytes:
    held = f',"buckets":[{",".join(buckets)}]' if buckets else ""
    return f'{{"count":"{count}","sum":"{total}"{held}}}'.encode()


def _number(value: float) -> str:
    """The shortest that reads back the same; with an exponent below 1e-6 and from 1e21 on (MarshalFloat)."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    if value and not 1e-6 <= abs(value) < 1e21:
        mantissa, _, exponent = np.format_float_scientific(value, trim="-").partition("e")
        return f"{mantissa}e{exponent[0]}{exponent[1:].zfill(2)}"
    return np.format_float_positional(value, trim="-")
