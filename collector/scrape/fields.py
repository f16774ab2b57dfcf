"""Fields of small protobuf messages, in plain Python: a collector loads no compiler."""

from __future__ import annotations

import struct
from typing import Final, TypeAlias

from storage.errors import DecodeError

Content: TypeAlias = int | bytes
"""Of a varint its number, else its bytes: 8 or 4 of a fixed number."""

_FIXED: Final = {1: 8, 5: 4}
_DOUBLE: Final = struct.Struct("<d")


def fields(raw: bytes) -> list[tuple[int, Content]]:
    """Numbers and contents of the fields of a message, in order. Raises `DecodeError`."""
    found: list[tuple[int, Content]] = []
    at, size = 0, len(raw)
    try:
        while at < size:
            tag = raw[at]
            at += 1
            if tag >= 0x80:
                tag, at = varint_at(raw, at - 1)
            kind = tag & 7
            content: Content
            if kind == 0:
                content, at = varint_at(raw, at)
            else:
                if kind != 2:
                    length = _FIXED[kind]
                elif (length := raw[at]) < 0x80:
                    at += 1
                else:
                    length, at = varint_at(raw, at)
                content = raw[at : at + length]
                at += length
            found.append((tag >> 3, content))
    except (IndexError, KeyError):
        raise DecodeError(f"protobuf: a field is broken, at byte {at} of its message") from None
    if at > size:
        raise DecodeError(f"protobuf: a field ends at byte {at} of a message of {size}")
    return found


def varint_at(raw: bytes | bytearray, at: int) -> tuple[int, int]:
    """A varint and where it ends. Raises `IndexError` where the bytes end, `DecodeError` beyond 64 bits."""
    byte = raw[at]
    if byte < 0x80:
        return byte, at + 1
    number, shift = byte & 0x7F, 7
    while True:
        at += 1
        byte = raw[at]
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number & 0xFFFFFFFFFFFFFFFF, at + 1
        shift += 7
        if shift > 63:
            raise DecodeError("protobuf: a varint does not end within 64 bits")


def double(content: Content) -> float:
    """A fixed number of 8 bytes."""
    if isinstance(content, int) or len(content) != 8:
        raise DecodeError("protobuf: a field is no double")
    return float(_DOUBLE.unpack(content)[0])


def whole(content: Content) -> int:
    """An unsigned number."""
    if not isinstance(content, int):
        raise DecodeError("protobuf: a field is no whole number")
    return content


def signed(content: Content) -> int:
    """A number of an int64 field."""
    number = whole(content)
    return number - (1 << 64) if number >> 63 else number


def message(content: Content) -> bytes:
    """What has a length before it."""
    if isinstance(content, int):
        raise DecodeError("protobuf: a field is no message")
    return content


def text(content: Content) -> str:
    """UTF-8 text."""
    try:
        return message(content).decode()
    except UnicodeDecodeError as error:
        raise DecodeError(f"protobuf: text is not UTF-8: {error.reason}") from None
