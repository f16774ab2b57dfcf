"""Compressed bodies: the size is known or bounded before the memory is taken."""

from __future__ import annotations

import zlib
from typing import Final

import cramjam

from storage.errors import DecodeError, LimitError

_WINDOW_GZIP: Final = 31


def decompress(body: bytes, encoding: str, max_bytes: int) -> bytes:
    """The plain bytes of a body with a Content-Encoding of snappy, gzip or identity ('' too).

    Raises `DecodeError` for broken data or an unknown encoding, `LimitError` for more than `max_bytes`.
    """
    name = encoding.strip().lower()
    if name == "snappy":
        return _snappy(body, max_bytes)
    if name == "gzip":
        return _gzip(body, max_bytes)
    if name in ("", "identity"):
        _check(len(body), max_bytes)
        return body
    raise DecodeError(f"content encoding {encoding!r} is not known, expected snappy, gzip or identity")


def _snappy(body: bytes, max_bytes: int) -> bytes:
    declared = _declared_bytes(body)
    _check(declared, max_bytes)
    # Snappy's longest copy makes 64 bytes of 3: a larger claim is a lie, and would only cost memory.
    if declared > 32 * len(body) + 64:
        raise DecodeError(f"snappy: {len(body)} bytes claim to hold {declared}, more than the format can")
    try:
        plain = bytes(cramjam.snappy.decompress_raw(body))
    except cramjam.DecompressionError as error:
        raise DecodeError(f"snappy: the data is broken: {error}") from None
    if len(plain) != declared:
        raise DecodeError(f"snappy: {len(plain)} bytes came out where {declared} were declared")
    return plain


def _declared_bytes(body: bytes) -> int:
    """The length that opens the snappy block format: a varint of at most 32 bits."""
    size = 0
    for i, byte in enumerate(body[:5]):
        size |= (byte & 0x7F) << (7 * i)
        if byte < 0x80 and size < 1 << 32:
            return size
    raise DecodeError("snappy: the body does not begin with a length of at most 32 bits")


def _gzip(body: bytes, max_bytes: int) -> bytes:
    """Every member of a gzip stream, one after the other (RFC 1952, section 2.2)."""
    parts: list[bytes] = []
    size, rest = 0, body
    while rest or not parts:
        inflater = zlib.decompressobj(_WINDOW_GZIP)
        try:
            part = inflater.decompress(rest, max_bytes - size + 1)
        except zlib.error as error:
            raise DecodeError(f"gzip: {error}") from None
        size += len(part)
        _check(size, max_bytes)
        if not inflater.eof:
            raise DecodeError("gzip: the data ends before its trailer")
        parts.append(part)
        # Zeros behind the last member are padding, as gzip(1) reads it.
        rest = inflater.unused_data.lstrip(b"\0")
    return b"".join(parts)


def _check(size_bytes: int, max_bytes: int) -> None:
    if size_bytes > max_bytes:
        raise LimitError(
            f"the body holds {size_bytes} bytes or more, the limit (ingest.max_decoded_bytes) is {max_bytes}"
        )
