"""Native histograms as messages of remote write, and a plain reading of those messages."""

import math
from itertools import accumulate, pairwise
from typing import Any

from hypothesis import strategies as st

from storage.histograms import CUSTOM_SCHEMA
from tests.storage.building import float_bits
from tests.storage.histograms import Row


def read(message: Any) -> Row | None:
    """What a Histogram message says, in plain Python; None where it breaks a rule."""
    is_float = message.count_float != 0
    signs = [
        (message.positive_spans, message.positive_counts, message.positive_deltas),
        (message.negative_spans, message.negative_counts, message.negative_deltas),
    ]
    sides = [_side(spans, counts if is_float else accumulate(deltas)) for spans, counts, deltas in signs]
    if any(side is None for side in sides):
        return None
    positive, negative = ([*(side or ())] for side in sides)
    count = message.count_float if is_float else float(message.count_int)
    zero_count = float(message.zero_count_float or message.zero_count_int)
    total = zero_count + sum(number for _, number in [*positive, *negative])
    bounds = list(message.custom_values)
    is_custom = message.schema == CUSTOM_SCHEMA
    rules = [
        is_custom or -4 <= message.schema <= 52,
        min([count, zero_count, *(number for _, number in [*positive, *negative])]) >= 0,
        is_float or count == total or (math.isnan(message.sum) and count > total),
        is_custom or not bounds,
        not is_custom or (zero_count == 0 and message.zero_threshold == 0),
        not is_custom or not any(number for _, number in negative),
        not is_custom or all(0 <= index <= len(bounds) for index, _ in positive),
        all(a < b for a, b in pairwise(bounds)) and math.inf not in bounds,
    ]
    if not all(rules):
        return None
    shift = max(0, message.schema - 8)
    hint = message.reset_hint if message.reset_hint <= 3 else 0
    scalars = (
        min(message.schema, 8),
        message.zero_threshold,
        zero_count,
        count,
        float_bits(message.sum),
        hint,
    )
    return (*scalars, _coarser(positive, shift), _coarser(negative, shift), tuple(bounds))


def _side(spans: Any, counts: Any) -> list[tuple[int, float]] | None:
    indexes: list[int] = []
    at = 0
    for i, span in enumerate(spans):
        if i and span.offset < 0:
            return None
        at += span.offset
        if span.length > 100:
            return None
        indexes += range(at, at + span.length)
        at += span.length
    numbers = [float(count) for count in counts]
    return list(zip(indexes, numbers, strict=True)) if len(indexes) == len(numbers) else None


def _coarser(buckets: list[tuple[int, float]], shift: int) -> tuple[tuple[int, float], ...]:
    found: dict[int, float] = {}
    for index, number in buckets:
        place = ((index - 1) >> shift) + 1
        if number:
            found[place] = found.get(place, 0) + number
    return tuple(found.items())


SPANS = st.lists(st.tuples(st.integers(-3, 9), st.integers(0, 3)), max_size=4)


@st.composite
def histograms(draw: st.DrawFn) -> dict[str, Any]:
    """Fields of Histogram messages, most of them sound."""
    is_float, is_custom = draw(st.booleans()), draw(st.integers(0, 3)) == 0
    bounds = draw(st.lists(st.integers(-9, 9), max_size=4, unique=draw(st.integers(0, 9)) > 0))
    fields: dict[str, Any] = {
        "sum": draw(st.floats()),
        "schema": CUSTOM_SCHEMA if is_custom else draw(st.sampled_from([*range(-4, 13), 52, 53, -5])),
        "zero_threshold": 0.0 if is_custom else draw(st.floats(0, 1)),
        "reset_hint": draw(st.integers(0, 4)),
        "timestamp": draw(st.integers(-(2**63), 2**63 - 1)),
        "custom_values": sorted(bounds) if is_custom else [],
    }
    total = 0
    for sign in ("positive",) if is_custom else ("positive", "negative"):
        spans = [(abs(gap) if row or is_custom else gap, size) for row, (gap, size) in enumerate(draw(SPANS))]
        size = sum(span[1] for span in spans)
        wrong = draw(st.integers(-40, 1)) if size else 0
        numbers = draw(st.lists(st.integers(0, 9), min_size=size, max_size=size))[: size - (wrong == 1)]
        fields[f"{sign}_spans"] = [{"offset": gap, "length": length} for gap, length in spans]
        deltas = [b - a for a, b in zip([0, *numbers], numbers, strict=False)]
        fields[f"{sign}_counts" if is_float else f"{sign}_deltas"] = numbers if is_float else deltas
        total += sum(numbers)
    zeros = 0 if is_custom else draw(st.integers(0, 5))
    more = draw(st.sampled_from([0, 0, 0, 0, 1]))
    fields["zero_count_float" if is_float else "zero_count_int"] = zeros
    fields["count_float" if is_float else "count_int"] = total + zeros + more + is_float
    return fields
