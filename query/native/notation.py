"""Native histograms as text, `{{schema:0 count:4 sum:5 buckets:[1 2 1]}}`, of Prometheus's tests."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import numpy as np

from query.native.merge.apply import Plan, merge
from storage.errors import InputError
from storage.histograms import (
    CUSTOM_SCHEMA,
    HINT_GAUGE,
    HINT_NOT_RESET,
    HINT_RESET,
    HINT_UNKNOWN,
    Buckets,
    Histograms,
    concat,
)
from storage.model import Float64Array

_FIELD: Final = re.compile(r"\s*(\w+):(\[[^\]]*\]|\S+)")
_HINTS: Final = {
    "unknown": HINT_UNKNOWN,
    "reset": HINT_RESET,
    "not_reset": HINT_NOT_RESET,
    "gauge": HINT_GAUGE,
}
_NUMBERS: Final = ("schema", "count", "sum", "z_bucket", "z_bucket_w", "offset", "n_offset")
_LISTS: Final = ("buckets", "n_buckets", "custom_values")


def parse_histogram(text: str) -> Histograms:
    """One histogram from what stands between `{{` and `}}`. Raises `InputError`."""
    fields = _fields(text)
    schema = int(_number(fields, "schema"))
    bounds = _list(fields, "custom_values")
    return Histograms(
        np.array([schema], np.int8),
        np.array([_number(fields, "z_bucket_w")]),
        np.array([_number(fields, "z_bucket")]),
        np.array([_number(fields, "count")]),
        np.array([_number(fields, "sum")]),
        np.array([_hint(fields)], np.uint8),
        _buckets(int(_number(fields, "offset")), _list(fields, "buckets")),
        _buckets(int(_number(fields, "n_offset")), _list(fields, "n_buckets")),
        np.array([0, len(bounds)], np.int64),
        bounds,
    )


def progression(first: Histograms, step: Histograms | None, sign: float, count: int) -> Histograms:
    """`count` histograms: the first, and each other one `sign` times `step` more than the one before.

    Raises `InputError` where the two cannot be added without losing resolution.
    """
    if step is None:
        return first.take(np.zeros(count, np.int64))
    if first.schemas[0] > step.schemas[0] or (
        CUSTOM_SCHEMA in {*first.schemas, *step.schemas} and (first.schemas[0] != step.schemas[0])
    ):
        raise InputError(
            f"a histogram of schema {step.schemas[0]} cannot be added to one of {first.schemas[0]}, "
            "expected the same or a higher schema"
        )
    times = np.arange(count, dtype=np.float64)
    plan = Plan(
        2 * np.arange(count + 1),
        np.tile(np.array([0, 1], np.int64), count),
        np.stack([np.ones(count), sign * times], axis=1).ravel(),
    )
    return merge(concat([first, step]), plan).histograms


def _fields(text: str) -> Mapping[str, str]:
    found: dict[str, str] = {}
    at = 0
    while text[at:].strip():
        match = _FIELD.match(text, at)
        if not match:
            raise InputError(f"{text[at:].strip()!r} is not a field of a histogram, expected `name:value`")
        name, value = match.groups()
        if name not in (*_NUMBERS, *_LISTS, "counter_reset_hint"):
            raise InputError(f"a histogram has no field {name!r}")
        found[name] = value
        at = match.end()
    return found


def _number(fields: Mapping[str, str], name: str) -> float:
    return _float(fields.get(name, "0"))


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InputError(f"{text!r} is not a number of a histogram") from None


def _list(fields: Mapping[str, str], name: str) -> Float64Array:
    text = fields.get(name, "[]")
    if not text.startswith("["):
        raise InputError(f"{name} is {text!r}, expected a list such as [1 2]")
    return np.array([_float(one) for one in text.strip("[]").split()], np.float64)


def _hint(fields: Mapping[str, str]) -> int:
    text = fields.get("counter_reset_hint", "unknown")
    if text not in _HINTS:
        raise InputError(f"counter_reset_hint is {text!r}, expected one of {', '.join(_HINTS)}")
    return _HINTS[text]


def _buckets(offset: int, counts: Float64Array) -> Buckets:
    held = np.flatnonzero(counts)
    return Buckets(np.array([0, len(held)], np.int64), (held + offset).astype(np.int32), counts[held])
