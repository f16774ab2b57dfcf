"""Numba kernels over aliases: find, add, follow, without the interpreter's lock.

An alias is a piece of text with a parent, another alias or none (-1): `cpu,host=a usage=` and, below it,
`,idle=`. What it stands for is a series' number, -1 as long as that is not known.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit, uint64

from ingest.series.kernels import claim, matches, probe, siphash
from storage.model import Int64Array, UInt64Array

Bytes = npt.NDArray[np.uint8]

_SPREAD = uint64(0x9E3779B97F4A7C15)


@njit(nogil=True, cache=True)
def hashed(
    buf: Bytes, start: int, end: int, parent: int, k0: np.uint64, k1: np.uint64
) -> tuple[np.uint64, np.uint64]:
    """The key of the alias buf[start:end] below a parent, as `entries` has it."""
    one, two = siphash(buf, start, end, k0 ^ uint64(parent + 1) * _SPREAD, k1)
    return one, two | uint64(1)


@njit(nogil=True, cache=True)
def find_alias(
    buf: Bytes,
    start: int,
    end: int,
    parent: int,
    k0: np.uint64,
    k1: np.uint64,
    entries: UInt64Array,
    arena: Bytes,
    spans: Int64Array,
    parents: Int64Array,
) -> int:
    """The number of the alias buf[start:end] below a parent, -1 where it is not known."""
    one, two = hashed(buf, start, end, parent, k0, k1)
    found = probe(entries, one, two)
    if found < 0 or not matches(buf, start, end, arena, spans, found) or parents[found] != parent:
        return -1
    return int(found)


@njit(nogil=True, cache=True)
def find_or_add(
    buf: Bytes,
    start: int,
    end: int,
    parent: int,
    k0: np.uint64,
    k1: np.uint64,
    entries: UInt64Array,
    arena: Bytes,
    spans: Int64Array,
    parents: Int64Array,
    used: Int64Array,
) -> int:
    """The number of an alias, the next one where it is new. Of one thread at a time.

    used, int64 (2,): how many aliases and bytes there are; the caller has made room for more. The hash is
    stored last, for readers without a lock.
    """
    one, two = hashed(buf, start, end, parent, k0, k1)
    found = probe(entries, one, two)
    if found >= 0:
        return int(found)
    number = used[0]
    at = used[1]
    for i in range(end - start):
        arena[uint64(at + i)] = buf[uint64(start + i)]
    used[1] = at + end - start
    spans[number, 0], spans[number, 1] = at, used[1]
    parents[number] = parent
    used[0] = number + 1
    claim(entries, one, two, number)
    return int(number)
