"""Protobuf families, as Go's client pushes them."""

from __future__ import annotations

import struct
from typing import Any


def message(*fields: tuple[int, Any]) -> bytes:
    """A protobuf message of numbers (float: 64 bits, int: varint), texts and messages."""
    found = b""
    for number, value in fields:
        if isinstance(value, float):
            found += bytes([number << 3 | 1]) + struct.pack("<d", value)
        elif isinstance(value, int):
            found += bytes([number << 3, value])
        else:
            raw = value.encode() if isinstance(value, str) else value
            found += bytes([number << 3 | 2, len(raw)]) + raw
    return found


def family(*fields: tuple[int, Any]) -> bytes:
    """A MetricFamily behind its length, under 128 bytes."""
    raw = message(*fields)
    return bytes([len(raw)]) + raw
