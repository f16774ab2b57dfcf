"""OpenTSDB: `put metric timestamp value tag=value…` by telnet, and the same as JSON by HTTP.

Format: OpenTSDB's documentation, "Writing Data" and "/api/put". A timestamp is in seconds, with a fraction
where it has one, or in ms where it is beyond 32 bits; 0 or none is the time of arrival.
"""

from __future__ import annotations

import math
from typing import Final

import orjson

from ingest.decoded import Decoded
from ingest.text.gathered import Gathered
from ingest.text.numbers import milliseconds, number
from storage.errors import DecodeError, LimitError

BAD_POINT: Final = "malformed_point"
COMMANDS: Final = (b"version", b"stats", b"help", b"exit", b"dropcaches", b"diediedie")
"""What telnet clients may say beside `put`; of these only `version` is answered."""

_SECONDS: Final = 0xFFFFFFFF
_COMMAS_A_ROW: Final = 64


def decode_lines(raw: bytes, now_ms: int, max_rows: int) -> Decoded:
    """Read telnet commands; a `put` that is wrong is refused alone. Raises `LimitError`."""
    gathered, known = Gathered(max_rows), dict[tuple[str, ...], int]()
    for count, line in enumerate(raw.split(b"\n"), 1):
        try:
            words = line.decode().split()
            if words and words[0].encode() not in COMMANDS:
                _put(words, now_ms, gathered, known)
        except UnicodeDecodeError as error:
            gathered.refuse(BAD_POINT, f"line {count}: not UTF-8 at byte {error.start}: {error.reason}")
        except DecodeError as error:
            text = line[:120].decode(errors="replace")
            gathered.refuse(BAD_POINT, f"line {count}: {text!r}: {error}")
    return gathered.decoded()


def decode_json(raw: bytes, now_ms: int, max_rows: int) -> Decoded:
    """Read a point or a list of them; one that is wrong is refused alone.

    Raises `DecodeError` for what is not JSON, `LimitError` for more than `max_rows` points.
    """
    if raw.count(b",") > _COMMAS_A_ROW * max_rows:
        raise LimitError(f"the body has more than {max_rows} points (ingest.max_request_rows) may have")
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise DecodeError(f"the body is not JSON: {error}") from None
    gathered = Gathered(max_rows)
    for count, point in enumerate(body if isinstance(body, list) else [body], 1):
        try:
            _take(point, now_ms, gathered)
        except DecodeError as error:
            gathered.refuse(BAD_POINT, f"point {count}: {error}")
    return gathered.decoded()


def _put(words: list[str], now_ms: int, gathered: Gathered, known: dict[tuple[str, ...], int]) -> None:
    if words[0] != "put" or len(words) < 4:
        raise DecodeError("expected put metric timestamp value tag=value…")
    time_ms, value = _time_ms(number(words[2]), now_ms), _value(number(words[3]))
    key = (words[1], *words[4:])
    if key not in known:
        pairs = [word.partition("=") for word in words[4:]]
        if not all(name and equals for name, equals, _ in pairs):
            raise DecodeError("a tag is not name=value")
        known[key] = gathered.series_of(words[1], [(name, text) for name, _, text in pairs])
    gathered.add(known[key], time_ms, value)


def _take(point: object, now_ms: int, gathered: Gathered) -> None:
    if not isinstance(point, dict):
        raise DecodeError(f"{str(point)[:40]!r} is not an object with metric, timestamp, value and tags")
    metric, tags = point.get("metric"), point.get("tags") or {}
    if not isinstance(metric, str) or not metric:
        raise DecodeError("'metric' is missing or no text")
    if not isinstance(tags, dict):
        raise DecodeError(f"metric {metric[:80]!r}: 'tags' is not an object")
    try:
        time_ms = _time_ms(_number(point.get("timestamp") or 0), now_ms)
        value = _value(_number(point.get("value")))
    except DecodeError as error:
        raise DecodeError(f"metric {metric[:80]!r}: {error}") from None
    pairs = [
        (name, text if isinstance(text, str) else orjson.dumps(text).decode()) for name, text in tags.items()
    ]
    gathered.add(gathered.series_of(metric, pairs), time_ms, value)


def _number(found: object) -> float:
    if isinstance(found, str):
        return number(found)
    if isinstance(found, int | float) and not isinstance(found, bool):
        return float(found)
    raise DecodeError(f"{str(found)[:40]!r} is not a number")


def _value(found: float) -> float:
    if not math.isfinite(found):
        raise DecodeError(f"the value {found} is not finite")
    return found


def _time_ms(time: float, now_ms: int) -> int:
    if time == 0:
        return now_ms
    if not time > 0:
        raise DecodeError(f"the timestamp {time:g} is not above 0")
    return milliseconds(time) if time <= _SECONDS else milliseconds(time / 1000)
