"""Kernels that write samples as Prometheus's messages and chunks (tsdb/chunkenc/xor.go and varbit.go)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit, uint8, uint32, uint64

from storage.model import Float64Array, Int64Array, UInt64Array

Bytes = npt.NDArray[np.uint8]
Table = npt.NDArray[np.uint32]

CHUNK_SAMPLES = 120
CHUNK_BYTES = 2 + 10 + 8 + CHUNK_SAMPLES * 19
"""No chunk is longer: a time takes at most 68 bits, a value 77."""

SAMPLE_BYTES = 2 + 1 + 8 + 1 + 10
"""No sample message is longer."""


def _crc_table() -> Table:
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, (table >> 1) ^ np.uint32(0x82F63B78), table >> 1).astype(np.uint32)
    return table


_CRC = _crc_table()


@njit(nogil=True, cache=True)
def crc32c(data: Bytes) -> np.uint32:
    """The checksum of a frame (Castagnoli)."""
    crc = uint32(0xFFFFFFFF)
    for byte in data:
        crc = uint32(_CRC[(crc ^ uint32(byte)) & uint32(0xFF)] ^ (crc >> uint32(8)))
    return np.uint32(crc ^ uint32(0xFFFFFFFF))


@njit(nogil=True, cache=True)
def _put(out: Bytes, bit: int, value: np.uint64, bits: int) -> int:
    """Append the lowest `bits` of a value, the highest of them first; returns the new bit offset."""
    while bits > 0:
        room = 8 - (bit & 7)
        take = min(room, bits)
        part = (value >> uint64(bits - take)) & ((uint64(1) << uint64(take)) - uint64(1))
        out[bit >> 3] |= uint8(part << uint64(room - take))
        bit += take
        bits -= take
    return bit


@njit(nogil=True, cache=True)
def _put_varint(out: Bytes, bit: int, value: np.uint64) -> int:
    while value > uint64(0x7F):
        bit = _put(out, bit, (value & uint64(0x7F)) | uint64(0x80), 8)
        value >>= uint64(7)
    return int(_put(out, bit, value, 8))


@njit(nogil=True, cache=True)
def _put_time(out: Bytes, bit: int, change: int) -> int:
    """How much a step between samples differs from the one before."""
    if change == 0:
        return int(_put(out, bit, uint64(0), 1))
    for prefix, ones, bits in ((0b10, 2, 14), (0b110, 3, 17), (0b1110, 4, 20)):
        if -((1 << (bits - 1)) - 1) <= change <= 1 << (bits - 1):
            bit = _put(out, bit, uint64(prefix), ones)
            return int(_put(out, bit, uint64(change) & ((uint64(1) << uint64(bits)) - uint64(1)), bits))
    return int(_put(out, _put(out, bit, uint64(0b1111), 4), uint64(change), 64))


@njit(nogil=True, cache=True)
def _leading_zeros(value: np.uint64) -> int:
    found = 0
    while found < 64 and not (value >> uint64(63 - found)) & uint64(1):
        found += 1
    return found


@njit(nogil=True, cache=True)
def _trailing_zeros(value: np.uint64) -> int:
    found = 0
    while found < 64 and not (value >> uint64(found)) & uint64(1):
        found += 1
    return found


@njit(nogil=True, cache=True)
def write_chunk(times: Int64Array, bits: UInt64Array, out: Bytes) -> int:
    """Write up to `CHUNK_SAMPLES` samples as one XOR chunk; returns its bytes. bits: the values', uint64."""
    count = len(times)
    out[:] = 0
    out[0], out[1] = count >> 8, count & 0xFF
    first = times[0]
    bit = _put_varint(out, 16, uint64((first << 1) ^ (first >> 63)))
    bit = _put(out, bit, bits[0], 64)
    step, leading, trailing = 0, 255, 0
    for i in range(1, count):
        now = times[i] - times[i - 1]
        bit = _put_varint(out, bit, uint64(now)) if i == 1 else _put_time(out, bit, now - step)
        step = now
        change = bits[i] ^ bits[i - 1]
        if change == uint64(0):
            bit = _put(out, bit, uint64(0), 1)
            continue
        bit = _put(out, bit, uint64(1), 1)
        zeros, after = min(_leading_zeros(change), 31), _trailing_zeros(change)
        if leading != 255 and zeros >= leading and after >= trailing:
            bit = _put(out, bit, uint64(0), 1)
        else:
            leading, trailing = zeros, after
            bit = _put(out, bit, uint64(1), 1)
            bit = _put(out, bit, uint64(leading), 5)
            bit = _put(out, bit, uint64((64 - leading - trailing) & 0x3F), 6)
        bit = _put(out, bit, change >> uint64(trailing), 64 - leading - trailing)
    return int((bit + 7) >> 3)


@njit(nogil=True, cache=True)
def write_samples(times: Int64Array, bits: UInt64Array, out: Bytes) -> int:
    """Write Sample messages as fields 2 of a TimeSeries; returns their bytes. bits: the values', uint64."""
    at = 0
    for i in range(len(times)):
        begin = at
        at += 2
        out[at] = 0x09
        for shift in range(8):
            out[at + 1 + shift] = uint8((bits[i] >> uint64(8 * shift)) & uint64(0xFF))
        at += 9
        out[at] = 0x10
        at += 1
        time = uint64(times[i])
        while time > uint64(0x7F):
            out[at] = uint8((time & uint64(0x7F)) | uint64(0x80))
            time >>= uint64(7)
            at += 1
        out[at] = uint8(time)
        at += 1
        out[begin], out[begin + 1] = 0x12, at - begin - 2
    return at


def value_bits(values: Float64Array) -> UInt64Array:
    """The bits of values, stale markers and all."""
    return np.ascontiguousarray(values).view(np.uint64)
