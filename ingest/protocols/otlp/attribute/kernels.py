"""Numba kernels that write one attribute as a label (see `ingest.decoded`).

An attribute is plain where its value is a string, a whole number or a boolean, and its key needs no more than
`_` in the place of ASCII signs to be a name.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit, uint64

from ingest.text.kernels import put_varint, varint_bytes
from ingest.wire.kernels import field, varint

Bytes = npt.NDArray[np.uint8]

# What stands for a byte in a label's name.
_SAFE = np.array([c if c < 128 and chr(c).isalnum() else 0x5F for c in range(256)], np.uint8)


@njit(nogil=True, cache=True)
def write_attribute(
    buf: Bytes, at: int, end: int, escapes: bool, work: Bytes, out: int
) -> tuple[int, int, int]:
    """Write a KeyValue (string key = 1, AnyValue value = 2) as a label: (name, its end, end of the label).

    The end of the label is -1 where the attribute is not plain.
    """
    key, key_end, value, value_end = _locate(buf, at, end)
    if key == key_end or value == value_end:
        return 0, 0, -1
    tag, start, stop = field(buf, value, value_end)
    if start < 0 or stop != value_end:
        return 0, 0, -1
    size, number = -1, 0
    if tag == uint64(10):
        size = stop - start
    elif tag in (uint64(16), uint64(24)):
        number = int(np.int64(varint(buf, start, stop)[0]))
        size = 4 + (number == 0) if tag == uint64(16) else _digits(number)
    if size <= 0:
        return 0, 0, -1
    name_size = key_end - key
    inner = 2 + name_size + varint_bytes(name_size) + size + varint_bytes(size)
    work[uint64(out)] = 0x0A
    out = put_varint(work, out + 1, inner)
    work[uint64(out)] = 0x0A
    name = put_varint(work, out + 1, name_size)
    if not _put_name(buf, key, key_end, escapes, work, name):
        return 0, 0, -1
    out = name + name_size
    work[uint64(out)] = 0x12
    out = put_varint(work, out + 1, size)
    if tag == uint64(10):
        put(buf, start, stop, work, out)
    elif tag == uint64(16):
        _put_bool(number != 0, work, out)
    else:
        _put_number(number, size, work, out)
    return name, name + name_size, out + size


@njit(nogil=True, cache=True)
def _locate(buf: Bytes, at: int, end: int) -> tuple[int, int, int, int]:
    """The spans of a KeyValue's key and value; an empty key where the message has more, or is broken."""
    key = key_end = value = value_end = 0
    while at < end:
        tag, start, stop = field(buf, at, end)
        if start < 0 or tag not in (uint64(10), uint64(18)):
            return 0, 0, 0, 0
        if tag == uint64(10):
            key, key_end = start, stop
        else:
            value, value_end = start, stop
        at = stop
    return key, key_end, value, value_end


@njit(nogil=True, cache=True)
def _put_name(buf: Bytes, key: int, key_end: int, escapes: bool, work: Bytes, out: int) -> bool:
    """Write a key as the name of a label; false where Python has to."""
    if not escapes:
        put(buf, key, key_end, work, out)
        return True
    seen = np.uint8(0)
    for i in range(key_end - key):
        byte = buf[uint64(key + i)]
        seen |= byte
        work[uint64(out + i)] = _SAFE[byte]
    first = work[uint64(out)]
    return bool(seen < 0x80 and first != 0x5F and not 0x30 <= first <= 0x39)


@njit(nogil=True, cache=True)
def _put_bool(value: bool, out: Bytes, at: int) -> None:
    word = np.uint64(0x65757274) if value else np.uint64(0x65736C6166)
    for i in range(4 if value else 5):
        out[uint64(at + i)] = np.uint8(word >> uint64(8 * i) & uint64(0xFF))


@njit(nogil=True, cache=True)
def _digits(number: int) -> int:
    """How many characters a whole number has in base ten."""
    rest = uint64(-number) if number < 0 else uint64(number)
    found = 1 + (number < 0)
    while rest >= uint64(10):
        rest //= uint64(10)
        found += 1
    return found


@njit(nogil=True, cache=True)
def _put_number(number: int, size: int, out: Bytes, at: int) -> None:
    rest = uint64(-number) if number < 0 else uint64(number)
    for i in range(size - 1, -1, -1):
        out[uint64(at + i)] = np.uint8(uint64(0x30) + rest % uint64(10))
        rest //= uint64(10)
    if number < 0:
        out[uint64(at)] = 0x2D


@njit(nogil=True, cache=True)
def put(buf: Bytes, start: int, end: int, out: Bytes, at: int) -> int:
    """Copy buf[start:end] to `at`; returns the offset behind it."""
    for i in range(end - start):
        out[uint64(at + i)] = buf[uint64(start + i)]
    return at + end - start
