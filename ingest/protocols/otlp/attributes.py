"""Attributes that are read in Python: of resources and scopes, and those of data points that are not plain.

Values become text as OpenTelemetry's Go libraries write them (pdata, `Value.AsString`).
"""

from __future__ import annotations

import base64
import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np

from storage.errors import DecodeError, LimitError

Value: TypeAlias = "str | bool | int | float | bytes | list[Value] | dict[str, Value] | None"

_MOST_LEVELS: Final = 32
_ESCAPES: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}
_HTML: Final = "<>&\u2028\u2029"


@dataclass(slots=True)
class Reader:
    """Reads protobuf that no kernel reads, up to so many fields a request."""

    left: int

    def fields(self, raw: bytes) -> Iterator[tuple[int, int, int | bytes]]:
        """(number, wire type, content) of each field. Raises `DecodeError` and `LimitError`."""
        at, end = 0, len(raw)
        while at < end:
            self.left -= 1
            if self.left < 0:
                raise LimitError(
                    "OTLP: the body has more attributes that are not plain than the limit "
                    "(ingest.max_request_rows)"
                )
            tag, at = _varint(raw, at)
            wire = tag & 7
            if wire == 0:
                number, at = _varint(raw, at)
                yield tag >> 3, wire, number
                continue
            size, at = _varint(raw, at) if wire == 2 else ({1: 8, 5: 4}.get(wire, end + 1), at)
            if size > end - at or tag < 8:
                raise DecodeError(f"OTLP: an attribute's field {raw[:40]!r} is broken at its byte {at}")
            yield tag >> 3, wire, raw[at : at + size]
            at += size

    def pairs(self, raw: bytes, number: int) -> list[tuple[str, Value]]:
        """The attributes that are the fields of a number of a message."""
        return [
            self.pair(content)
            for place, _, content in self.fields(raw)
            if place == number and isinstance(content, bytes)
        ]

    def pair(self, raw: bytes, levels: int = 0) -> tuple[str, Value]:
        """A KeyValue: string key = 1, AnyValue value = 2."""
        key, value = "", None
        for number, _, content in self.fields(raw):
            if number == 1 and isinstance(content, bytes):
                key = text_of(content)
            elif number == 2 and isinstance(content, bytes):
                value = self.value(content, levels)
        return key, value

    def value(self, raw: bytes, levels: int = 0) -> Value:
        """An AnyValue; the last of its fields counts, None where it has none."""
        if levels > _MOST_LEVELS:
            raise DecodeError(f"OTLP: an attribute's value has more than {_MOST_LEVELS} levels")
        found: Value = None
        for number, _, content in self.fields(raw):
            found = self._value(number, content, levels)
        return found

    def _value(self, number: int, content: int | bytes, levels: int) -> Value:
        if isinstance(content, int):
            if number == 2:
                return content != 0
            return content - (1 << 64) * (content >> 63) if number == 3 else None
        if number == 1:
            return text_of(content)
        if number == 4 and len(content) == 8:
            return float(struct.unpack("<d", content)[0])
        if number == 5:
            items = [item for place, _, item in self.fields(content) if place == 1]
            return [self.value(item, levels + 1) for item in items if isinstance(item, bytes)]
        if number == 6:
            items = [item for place, _, item in self.fields(content) if place == 1]
            return dict(self.pair(item, levels + 1) for item in items if isinstance(item, bytes))
        return content if number == 7 else None


def text_of(raw: bytes) -> str:
    """Text as protobuf has it. Raises `DecodeError` where it is not UTF-8."""
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise DecodeError(f"OTLP: {raw[:80]!r} is not UTF-8: {error.reason}") from None


def as_text(value: Value) -> str:
    """A value as the value of a label."""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return "" if value is None else _as_json(value)


def number_text(value: float) -> str:
    """The shortest decimal without an exponent that is this double, as bounds and quantiles are written."""
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return "NaN" if math.isnan(value) else np.format_float_positional(value, trim="-")


def _as_json(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _float_text(value)
    if isinstance(value, list):
        return "[" + ",".join(map(_as_json, value)) + "]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{_quoted(key)}:{_as_json(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, bytes):
        return _quoted(base64.b64encode(value).decode())
    return "null" if value is None else _quoted(value)


def _float_text(value: float) -> str:
    """As ECMAScript writes numbers, which is what Go's JSON does."""
    if not math.isfinite(value):
        return "json: unsupported value: " + number_text(value)
    if value != 0 and not 1e-6 <= abs(value) < 1e21:
        mantissa, _, exponent = np.format_float_scientific(value, trim="-", exp_digits=1).partition("e")
        return f"{mantissa}e{exponent}"
    return number_text(value)


def _quoted(text: str) -> str:
    """A JSON string, with the escapes of Go's encoder."""
    parts = []
    for character in text:
        if character in _ESCAPES:
            parts.append(_ESCAPES[character])
        elif character < " " or character in _HTML:
            parts.append(f"\\u{ord(character):04x}")
        else:
            parts.append(character)
    return '"' + "".join(parts) + '"'


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while at < len(raw) and shift < 64:
        byte = raw[at]
        number |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return number & 0xFFFFFFFFFFFFFFFF, at
        shift += 7
    raise DecodeError(f"OTLP: a varint does not end within 64 bits, in an attribute {raw[:40]!r}")
