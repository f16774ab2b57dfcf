"""The numbers of many samples at once."""

from __future__ import annotations

from typing import Final

import msgspec
import numpy as np

from collector.scrape import grammar
from storage.errors import DecodeError
from storage.model import Float64Array, Int64Array

_DECODER: Final = msgspec.json.Decoder(list[float])
_NOT_SEPARATORS: Final = bytes(set(range(256)) - {0x20, 0x0A})
_COMMAS: Final = bytes.maketrans(b" \n", b",,")
_EXACT: Final = 1 << 53
_MOST_SECONDS: Final = 1e15


def numbers(text: bytes, timed: bytes, is_seconds: bool) -> tuple[Float64Array, Int64Array] | None:
    """Values (float64) and times (int64 ms, 0 where there is none) of samples, each on a line of its own.

    A line is `value`, or `value timestamp` where its byte of `timed` is 1, with one blank between. None where
    the lines are not of this form. is_seconds: timestamps are seconds, as in OpenMetrics.
    Raises `DecodeError`.
    """
    if not timed:
        return None if text else (np.empty(0, np.float64), np.empty(0, np.int64))
    expected = timed.replace(b"\0", b"\n").replace(b"\1", b" \n")[:-1]
    if text.translate(None, _NOT_SEPARATORS) != expected:
        return None
    try:
        # JSON's numbers are what most pages have, and JSON's reader is the fastest there is.
        every = np.array(_DECODER.decode(b"[%b]" % text.translate(_COMMAS)), np.float64)
    except msgspec.DecodeError:
        return _one_by_one(text, timed, is_seconds)
    if len(every) != len(expected) + 1:  # a comma within a number
        return _one_by_one(text, timed, is_seconds)
    if 1 not in timed:
        return every, np.zeros(len(every), np.int64)
    has_time = np.frombuffer(timed, np.int8).astype(np.int64)
    at = np.arange(len(timed)) + np.cumsum(has_time) - has_time
    raw = every[at[has_time == 1] + 1]
    if is_seconds:
        fine = bool((np.abs(raw) < _MOST_SECONDS).all())
        raw = np.rint(raw * 1000) if fine else raw
    else:
        fine = bool(((np.abs(raw) < _EXACT) & (raw == np.floor(raw))).all())
    if not fine:
        return _one_by_one(text, timed, is_seconds)
    times = np.zeros(len(timed), np.int64)
    times[has_time == 1] = raw
    return every[at], times


def _one_by_one(text: bytes, timed: bytes, is_seconds: bool) -> tuple[Float64Array, Int64Array]:
    """The same for numbers that JSON does not know, such as NaN, and for what is none at all."""
    values, times = [], []
    read_time = grammar.seconds_ms if is_seconds else grammar.whole_ms
    for line, is_timed in zip(text.split(b"\n"), timed, strict=True):
        value, _, time = line.partition(b" ")
        if not value:
            raise DecodeError("a sample has no value")
        values.append(grammar.number(value))
        times.append(read_time(time) if is_timed else 0)
    return np.array(values, np.float64), np.array(times, np.int64)
