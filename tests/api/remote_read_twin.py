"""A plain reader of XOR chunks and frames, and the requests of remote read."""

import struct
from collections.abc import Iterator, Sequence

import cramjam

from query.remote_read.messages import integer, message


def request(
    matchers: Sequence[tuple[int, str, str]], start_ms: int, end_ms: int, accepted: Sequence[int] = ()
) -> bytes:
    """A ReadRequest of one query, in snappy."""
    parts = [
        message(3, integer(1, op) + message(2, name.encode()) + message(3, value.encode()))
        for op, name, value in matchers
    ]
    query = integer(1, start_ms) + integer(2, end_ms) + b"".join(parts)
    body = message(1, query) + (message(2, bytes(accepted)) if accepted else b"")
    return bytes(cramjam.snappy.compress_raw(body))


def frames(body: bytes) -> Iterator[tuple[int, bytes]]:
    """(checksum, message) of each frame."""
    at = 0
    while at < len(body):
        size, at = _varint(body, at)
        yield struct.unpack(">I", body[at : at + 4])[0], body[at + 4 : at + 4 + size]
        at += 4 + size


def checksum(data: bytes) -> int:
    """CRC-32C, bit by bit."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def samples(chunk: bytes) -> list[tuple[int, int]]:
    """(time, bits of the value) of an XOR chunk."""
    bits = "".join(f"{byte:08b}" for byte in chunk[2:])
    reader = _Bits(bits)
    count = int.from_bytes(chunk[:2], "big")
    zigzag = reader.varint()
    time, value = zigzag >> 1 ^ -(zigzag & 1), reader.take(64)
    found, step, leading, trailing = [(time, value)], 0, 0, 0
    for i in range(1, count):
        step = reader.varint() if i == 1 else step + reader.change()
        time += step
        if reader.take(1):
            if reader.take(1):
                leading = reader.take(5)
                trailing = 64 - leading - (reader.take(6) or 64)
            value ^= reader.take(64 - leading - trailing) << trailing
        found.append((time, value))
    return found


class _Bits:
    def __init__(self, bits: str) -> None:
        self._bits = bits
        self._at = 0

    def take(self, count: int) -> int:
        self._at += count
        return int(self._bits[self._at - count : self._at], 2)

    def varint(self) -> int:
        value, shift = 0, 0
        while True:
            byte = self.take(8)
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def change(self) -> int:
        for size in (0, 14, 17, 20):
            if size and not self.take(1):
                return self._signed(size)
            if not size and not self.take(1):
                return 0
        value = self.take(64)
        return value - (1 << 64) if value >> 63 else value

    def _signed(self, size: int) -> int:
        value = self.take(size)
        return value - (1 << size) if value > 1 << size - 1 else value


def _varint(body: bytes, at: int) -> tuple[int, int]:
    value, shift = 0, 0
    while True:
        byte = body[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value, at
        shift += 7
