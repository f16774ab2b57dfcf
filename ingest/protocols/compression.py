"""Compressed bodies: the size is known or bounded before the memory is taken."""

from __future__ import annotations

import gzip
import io
import zlib
from typing import Final

import cramjam
import numpy as np
import numpy.typing as npt

from storage.errors import DecodeError, LimitError

Bytes = npt.NDArray[np.uint8]

_LARGEST_RATIO: Final = 1_040
"""Deflate makes no more of a byte: 258 of two bits, and a little."""
_KEPT_BYTES: Final = 4 << 20


class Scratch:
    """Memory that one thread decompresses into again and again: fresh pages cost more than snappy does."""

    def __init__(self) -> None:
        self._memory: Bytes = np.empty(0, np.uint8)

    def take(self, size_bytes: int) -> Bytes:
        """Room for so many bytes, valid until the next call; beyond a limit it is not kept."""
        if size_bytes > _KEPT_BYTES:
            return np.empty(size_bytes, np.uint8)
        if size_bytes > len(self._memory):
            self._memory = np.empty(max(size_bytes, 2 * len(self._memory)), np.uint8)
        return self._memory[:size_bytes]


def decompress_snappy(body: bytes, max_bytes: int, scratch: Scratch) -> Bytes:
    """The plain bytes of a body in snappy's block format, uint8, in `scratch`; not to be written to.

    Raises `DecodeError` for broken data, `LimitError` for more than `max_bytes`.
    """
    declared = _declared_bytes(body)
    _check(declared, max_bytes)
    # Snappy's longest copy makes 64 bytes of 3: a larger claim is a lie, and would only cost memory.
    if declared > 32 * len(body) + 64:
        raise DecodeError(f"snappy: {len(body)} bytes claim to hold {declared}, more than the format can")
    plain = scratch.take(declared)
    try:
        size = cramjam.snappy.decompress_raw_into(body, plain.data) if declared else 0
    except cramjam.DecompressionError as error:
        raise DecodeError(f"snappy: the data is broken: {error}") from None
    if size != declared:
        raise DecodeError(f"snappy: {size} bytes came out where {declared} were declared")
    plain.flags.writeable = False
    return plain


def decompress(body: bytes, encoding: str, max_bytes: int) -> bytes:
    """The plain bytes of a body with a Content-Encoding of snappy, gzip or identity ('' too).

    Raises `DecodeError` for broken data or an unknown encoding, `LimitError` for more than `max_bytes`.
    """
    name = encoding.strip().lower()
    if name == "snappy":
        return decompress_snappy(body, max_bytes, Scratch()).tobytes()
    if name == "gzip":
        return _gzip(body, max_bytes)
    if name in ("", "identity"):
        _check(len(body), max_bytes)
        return body
    raise DecodeError(f"content encoding {encoding!r} is not known, expected snappy, gzip or identity")


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
    if not body:
        raise DecodeError("gzip: the body is empty")
    plain = _gzip_member(body, max_bytes)
    if plain is not None:
        return plain
    try:
        plain = gzip.GzipFile(fileobj=io.BytesIO(body)).read(max_bytes + 1)
    except (zlib.error, gzip.BadGzipFile, EOFError) as error:
        raise DecodeError(f"gzip: the data is broken: {error}") from None
    _check(len(plain), max_bytes)
    return plain


def _gzip_member(body: bytes, max_bytes: int) -> bytes | None:
    """A stream of one member, whose end says how long it is; None where that is not what it is."""
    size = int.from_bytes(body[-4:], "little")
    if size > min(max_bytes, _LARGEST_RATIO * len(body)):
        return None
    plain = bytearray(size)
    try:
        found = cramjam.gzip.decompress_into(body, plain)
    except cramjam.DecompressionError:
        return None
    return bytes(plain) if found == size else None


def _check(size_bytes: int, max_bytes: int) -> None:
    if size_bytes > max_bytes:
        raise LimitError(
            f"the body holds {size_bytes} bytes or more, the limit (ingest.max_decoded_bytes) is {max_bytes}"
        )
