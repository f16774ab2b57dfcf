"""Events as JSON, as the SDKs post them: one object, an array, or an object a line."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson

from ingest.beside import Beside
from ingest.decoded import Decoded, Refusal, nothing_decoded
from ingest.protocols.wavefront.parse import event
from storage.errors import DecodeError, LimitError
from storage.events import Event


def decode_events(raw: bytes, max_rows: int) -> Decoded:
    """Read events. One that is wrong is refused alone.

    Raises `DecodeError` where the body is not JSON, `LimitError` for more than `max_rows` events.
    """
    found = _objects(raw)
    if len(found) > max_rows:
        raise LimitError(
            f"the body has {len(found)} events, the limit (ingest.max_request_rows) is {max_rows}"
        )
    events: list[Event] = []
    refused: dict[str, Refusal] = {}
    for number, content in enumerate(found, 1):
        try:
            events.append(_event(content))
        except DecodeError as error:
            before = refused.get("WF-300")
            example = before.example if before else f"event {number}: {error}"
            refused["WF-300"] = Refusal(1 + (before.count if before else 0), example)
    return replace(nothing_decoded(), beside=Beside.of_events(events), refused=refused)


def _objects(raw: bytes) -> list[Any]:
    try:
        whole = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        try:
            return [orjson.loads(line) for line in raw.split(b"\n") if line.strip()]
        except orjson.JSONDecodeError:
            raise DecodeError(f"the body is neither JSON nor JSON a line: {error}") from None
    return whole if isinstance(whole, list) else [whole]


def _event(content: Any) -> Event:
    if not isinstance(content, dict):
        raise DecodeError(f"WF-300 cannot be parsed: expected an object, found {type(content).__name__}")
    name, start_ms = content.get("name"), content.get("startTime")
    end_ms = content.get("endTime") or start_ms
    if not isinstance(name, str) or type(start_ms) is not int or type(end_ms) is not int:
        raise DecodeError("WF-300 cannot be parsed: expected name, a text, and startTime and endTime, in ms")
    if not max(abs(start_ms), abs(end_ms)) < 2**62:
        raise DecodeError(
            f"WF-300 cannot be parsed: startTime {start_ms} or endTime {end_ms} is out of range"
        )
    annotations = content.get("annotations") or {}
    if not isinstance(annotations, dict):
        raise DecodeError("WF-300 cannot be parsed: annotations are not an object")
    found = {str(key): [_text(value)] for key, value in annotations.items()}
    return event(
        name, start_ms, end_ms, {**found, "tag": _texts(content, "tags"), "host": _texts(content, "hosts")}
    )


def _texts(content: dict[str, Any], key: str) -> list[str]:
    values = content.get(key) or []
    if not isinstance(values, list):
        raise DecodeError(f"WF-300 cannot be parsed: {key} are not an array")
    return [_text(value) for value in values]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()
