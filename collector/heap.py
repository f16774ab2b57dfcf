"""How the C library keeps memory that was freed: much of it, by default, in case it is wanted again."""

from __future__ import annotations

import ctypes
from typing import Final

_ARENA_MAX: Final = -8
_MMAP_THRESHOLD: Final = -3
_TRIM_THRESHOLD: Final = -1
"""Parameters of mallopt(3) in glibc."""
_LARGE_BYTES: Final = 1 << 17


def give_back() -> bool:
    """Have large buffers mapped and unmapped one by one, for this process; false where there is no mallopt.

    A page of a crowded node, and the request that it becomes, are a few MB for a moment. Left alone, glibc
    learns from the first of them to keep such buffers in its heap, between small objects that stay.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return all(
        mallopt(parameter, value)
        for parameter, value in (
            (_ARENA_MAX, 2),
            (_MMAP_THRESHOLD, _LARGE_BYTES),
            (_TRIM_THRESHOLD, _LARGE_BYTES),
        )
    )
