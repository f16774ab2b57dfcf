"""Lines, one at a time: what the kernel does not take, and what words the refusals.

Raises `DecodeError` that begins with a code of Wavefront's, `WF-` and three digits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import orjson
import xxhash

from ingest.bins.distribution import Distribution, distribution
from ingest.protocols.wavefront.rules import (
    MINUTE_MS,
    check_delta,
    check_source,
    delta_name,
    number,
    series_labels,
    time_ms,
    values_by_key,
)
from ingest.protocols.wavefront.tokens import Tokens
from storage.errors import DecodeError
from storage.events import Event, SourceChange
from storage.model import DAY_MS, Labels

TRIMMED: Final = "".join(map(chr, range(33)))
_BINS: Final = {"!M": (MINUTE_MS, ".m"), "!H": (60 * MINUTE_MS, ".h"), "!D": (DAY_MS, ".d")}


@dataclass(frozen=True, slots=True)
class Point:
    """A sample; is_delta: it adds to what stands at its time, the beginning of a minute."""

    labels: Labels
    time_ms: int
    value: float
    is_delta: bool = False


@dataclass(frozen=True, slots=True)
class Bin:
    """A distribution that adds to what stands at its time, the beginning of a minute, an hour or a day."""

    labels: Labels
    time_ms: int
    distribution: Distribution


Found = Point | Bin | Event | list[SourceChange]


def parse_line(line: str, now_ms: int, version: int = 0) -> Found:
    """What a line says, trimmed and not empty. version: of changes, greater for later lines."""
    if line[0] in "{[":
        raise DecodeError("WF-300 spans, span logs and logs are not taken here")
    if line[0] == "!":
        return _bin(line, now_ms)
    kind, _, rest = line.partition(" ")
    if line[0] == "@":
        if kind == "@Event":
            return _event(rest)
        if kind in _CHANGES:
            return _change(_CHANGES[kind], rest, version)
        raise DecodeError(
            f"WF-300 cannot be parsed: {kind[:40]!r} is not @Event, @SourceTag or @SourceDescription"
        )
    return parse_point(line, now_ms)


def parse_point(line: str, now_ms: int) -> Point:
    """A metric's or a delta counter's point."""
    words = Tokens(line)
    metric, is_delta = delta_name(words.take("a metric's name").text)
    value = number(words.take("a value").text)
    following = words.peek()
    moment_ms = now_ms
    if following is not None and following.is_number:
        moment_ms = time_ms(words.take("a timestamp").text)
    labels = series_labels(metric, words.pairs())
    if is_delta:
        check_delta(value, moment_ms, now_ms)
        moment_ms -= moment_ms % MINUTE_MS
    return Point(labels, moment_ms, value, is_delta)


def _bin(line: str, now_ms: int) -> Bin:
    words = Tokens(line)
    kind = words.take("a kind of histogram").text
    if kind not in _BINS:
        raise DecodeError(f"WF-300 cannot be parsed: {kind[:40]!r} is not !M, !H or !D")
    following = words.peek()
    is_timed = following is not None and following.is_number
    moment_ms = time_ms(words.take("a timestamp").text) if is_timed else now_ms
    centroids = []
    while words.take_mark("#"):
        centroids.append((_count(words.take("a count").text), _mean(words.take("a mean").text)))
    if not centroids:
        raise DecodeError("WF-405 histogram is empty: expected #count mean")
    metric, tags = words.take("a metric's name").text, words.pairs()
    width_ms, suffix = _BINS[kind]
    if ("_merge", "false") in tags:
        raise DecodeError('WF-300 histograms are merged, _merge="false" is not taken')
    labels = series_labels(metric, [pair for pair in tags if pair[0] != "_merge"], suffix)
    return Bin(labels, moment_ms - moment_ms % width_ms, distribution(centroids))


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text[:40]) < 2**53:
        raise DecodeError(f"WF-300 cannot be parsed: count {text[:80]!r} is not a whole number above 0")
    return int(text)


def _mean(text: str) -> float:
    mean = number(text)
    if not math.isfinite(mean):
        raise DecodeError(f"WF-403 value is not a number: mean {text[:80]!r}")
    return mean


def _event(rest: str) -> Event:
    words = Tokens(rest)
    start_ms = end_ms = _event_time(words)
    following = words.peek()
    if following is not None and following.is_number:
        end_ms = _event_time(words)
    name = words.take("the event's name").text
    return event(name, start_ms, end_ms, values_by_key(words.pairs()))


def _event_time(words: Tokens) -> int:
    following = words.peek()
    if following is None or not following.is_number:
        raise DecodeError("WF-300 cannot be parsed: expected the event's time")
    return time_ms(words.take("the event's time").text)


def event(name: str, start_ms: int, end_ms: int, found: Mapping[str, list[str]]) -> Event:
    """An event with its keys; the same event has the same number."""
    if not name:
        raise DecodeError("WF-300 cannot be parsed: the event has no name")
    named = {key: found.get(key, [""])[-1] for key in ("severity", "type", "details")}
    others = {key: values for key, values in found.items() if key not in (*named, "tag", "host")}
    tags, hosts = found.get("tag", []), found.get("host", [])
    content = orjson.dumps([name, start_ms, end_ms, named, others, tags, hosts])
    return Event(
        id=xxhash.xxh64_intdigest(content),
        start_ms=start_ms,
        end_ms=end_ms,
        name=name,
        **named,
        annotations={key: values[-1] for key, values in others.items()},
        tags=tuple(tags),
        hosts=tuple(hosts),
    )


def _change(
    describe: Callable[[str, str, list[str], int], list[SourceChange]], rest: str, version: int
) -> Found:
    words = Tokens(rest)
    given = dict((words.pair(), words.pair()))
    if set(given) != {"action", "source"}:
        raise DecodeError(f"WF-300 cannot be parsed: expected action= and source=, found {sorted(given)}")
    texts = []
    while words.peek() is not None:
        texts.append(words.take("a tag").text)
    return describe(check_source(given["source"]), given["action"], texts, version)


def _tags(source: str, action: str, tags: list[str], version: int) -> list[SourceChange]:
    if action not in ("add", "save", "delete") or not all(tags) or (not tags and action != "save"):
        raise DecodeError(
            f"WF-300 cannot be parsed: expected tags to add, save or delete, not {action[:40]!r}"
        )
    changed = [SourceChange(source, "tag", tag, action != "delete", version) for tag in tags]
    return [SourceChange(source, "tags", "", False, version), *changed] if action == "save" else changed


def _description(source: str, action: str, texts: list[str], version: int) -> list[SourceChange]:
    if action not in ("add", "save", "delete") or (action != "delete" and len(texts) != 1):
        raise DecodeError("WF-300 cannot be parsed: expected action=save and one text, or action=delete")
    is_set = action != "delete"
    return [SourceChange(source, "description", texts[0] if is_set else "", is_set, version)]


_CHANGES: Final = {"@SourceTag": _tags, "@SourceDescription": _description}
