"""What Wavefront's validation allows, with its reject codes, and how it reads numbers and times."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Final

from storage.errors import DecodeError
from storage.model import METRIC_NAME, Labels, canonical

LONGEST_NAME: Final = 1_023
"""Of a metric or a source."""
LONGEST_KEY: Final = 253
LONGEST_VALUE: Final = 255
LONGEST_TAG: Final = 255
MOST_TAGS: Final = 100
MINUTE_MS: Final = 60_000
LATEST_DELTA_MS: Final = 15 * MINUTE_MS

DELTAS: Final = ("\u2206", "\u0394")
_NAME: Final = re.compile(r"~?[,\-./0-9A-Za-z_]+")
_DOUBLE: Final = re.compile(r"[+-]?(?:NaN|Infinity|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[fFdD]?)")
_TIME: Final = re.compile(r"[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?")
_SHOWN: Final = 80


def number(text: str) -> float:
    """A double as Java reads it. Raises `DecodeError` (WF-403)."""
    if not _DOUBLE.fullmatch(text):
        raise DecodeError(f"WF-403 value is not a number: {text[:_SHOWN]!r}")
    return float(text.rstrip("fFdD") if not text.endswith("y") and text[-1] in "fFdD" else text)


def time_ms(text: str) -> int:
    """A time since the epoch, whose unit its size tells: s, ms, µs, ns. Raises `DecodeError` (WF-300)."""
    found = _TIME.fullmatch(text)
    if found is None:
        raise DecodeError(f"WF-300 cannot be parsed: timestamp {text[:_SHOWN]!r} is not a number")
    is_whole = found[1] is None and found[2] is None
    moment = int(text) if is_whole and len(text) < 40 else float(text)
    if not moment < 2**63:
        raise DecodeError(f"WF-300 cannot be parsed: timestamp {text[:_SHOWN]!r} has more than 63 bits")
    for limit, times, over in ((10**12, 1_000, 1), (10**13, 1, 1), (10**16, 1, 1_000)):
        if moment < limit:
            return int(moment * times // over)
    return int(moment // 1_000_000)


def delta_name(name: str) -> tuple[str, bool]:
    """(the name without its prefix, whether it is a delta counter's)."""
    is_delta = name.startswith(DELTAS)
    return (name[1:] if is_delta else name), is_delta


def series_labels(metric: str, tags: Iterable[tuple[str, str]], suffix: str = "") -> Labels:
    """The labels of a point with a metric's name, without a delta's prefix, and its tags as sent.

    Of a key that comes twice the last value counts. Raises `DecodeError` with the code of the broken rule.
    """
    check_metric(metric)
    found = dict(tags)
    source = _source(found)
    if len(found) > MOST_TAGS:
        raise DecodeError(f"WF-410 too many point tags: {len(found)}, the limit is {MOST_TAGS}")
    for key, value in found.items():
        _check_tag(key, value)
    return canonical({**found, METRIC_NAME: metric + suffix, "source": source})


def check_metric(metric: str) -> None:
    """Raise `DecodeError` where a name, without a delta's prefix, is too long or of wrong characters."""
    if len(metric) > LONGEST_NAME:
        raise DecodeError(
            f"WF-408 metric name is too long: {len(metric)} characters, the limit is {LONGEST_NAME}"
        )
    if not _NAME.fullmatch(metric):
        raise DecodeError(f"WF-400 metric name has illegal characters: {metric[:_SHOWN]!r}")


def check_source(source: str) -> str:
    """The source itself. Raises `DecodeError` where there is none, or it is too long."""
    if not source:
        raise DecodeError("WF-406 source is required: neither source= nor host= is given")
    if len(source) > LONGEST_NAME:
        raise DecodeError(f"WF-407 source is too long: {len(source)} characters, the limit is {LONGEST_NAME}")
    return source


def _source(tags: dict[str, str]) -> str:
    """Take the source out of the tags, and rename those that Wavefront reserves."""
    if "source" in tags:
        source = tags.pop("source")
        if "host" in tags:
            tags["_host"] = tags.pop("host")
    else:
        source = tags.pop("host") if "host" in tags else tags.get("fqdn", "")
    if "tag" in tags:
        tags["_tag"] = tags.pop("tag")
    return check_source(source)


def _check_tag(key: str, value: str) -> None:
    if not _NAME.fullmatch(key) or key == METRIC_NAME:
        raise DecodeError(f"WF-401 point tag key has illegal characters: {key[:_SHOWN]!r}")
    if len(key) > LONGEST_KEY:
        raise DecodeError(
            f"WF-412 point tag key is too long: {len(key)} characters, the limit is {LONGEST_KEY}"
        )
    if not value:
        raise DecodeError(f"WF-414 point tag value is empty: {key!r}")
    if len(value) > LONGEST_VALUE:
        size = len(value)
        raise DecodeError(
            f"WF-413 point tag value is too long: {key!r} has {size} characters, the limit is {LONGEST_VALUE}"
        )
    if len(key) + len(value) + 1 > LONGEST_TAG:
        raise DecodeError(f"WF-411 point tag is too long: {key!r} and its value, the limit is {LONGEST_TAG}")


def check_delta(value: float, moment_ms: int, now_ms: int) -> None:
    """Raise `DecodeError` where a delta cannot be added."""
    if not 0 < value < math.inf:
        raise DecodeError(f"WF-404 delta counter is not positive: {value}")
    if moment_ms < now_ms - LATEST_DELTA_MS:
        raise DecodeError(
            f"WF-402 delta counter is more than 15 minutes late: {moment_ms} ms, it is {now_ms} ms now"
        )


def values_by_key(pairs: Iterable[tuple[str, str]]) -> Mapping[str, list[str]]:
    """Values by key, of keys that may come more than once."""
    found: dict[str, list[str]] = {}
    for key, value in pairs:
        found.setdefault(key, []).append(value)
    return found
