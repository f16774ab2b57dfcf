"""What the series table knows, in a form that decoders may read while it grows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from ingest.series import kernels
from storage.model import BoolArray, Int64Array, UInt64Array

Bytes = npt.NDArray[np.uint8]
_Item = TypeVar("_Item", bound=np.generic)


@dataclass(frozen=True, slots=True, eq=False)
class Familiar:
    """The label bytes of known series, to compare with instead of to parse.

    key: of the hash, two uint64. entries: uint64 (capacity, 3), see `kernels.probe`. arena: uint8, label
    bytes; spans: int64 (series, 2), where each series' lie in it. follows: int64 (series,), which series came
    after it last time, -1 where none.

    Arrays are only appended to, or replaced by longer copies in another `Familiar`. Whoever reads one while
    it is written may miss a series, which is then looked up again under the table's lock; it cannot take one
    series for another, since bytes are compared.
    """

    key: tuple[np.uint64, np.uint64]
    entries: UInt64Array
    arena: Bytes
    spans: Int64Array
    follows: Int64Array
    generation: int = 0

    def numbers(self, body: Bytes, starts: Int64Array, ends: Int64Array) -> Int64Array:
        """The numbers of the series whose label bytes lie in [starts, ends); -1 where unknown."""
        found = np.empty(len(starts), np.int64)
        kernels.find_numbers(body, starts, ends, *self.key, self.entries, self.arena, self.spans, found)
        return found

    def grown(self, series: int, arena_bytes: int) -> Familiar:
        """The same with room for so many series and bytes; itself where it has it."""
        entries = self.entries
        capacity = len(entries)
        while capacity < 2 * series:
            capacity *= 2
        if capacity > len(entries):
            entries = np.zeros((capacity, 3), np.uint64)
            kernels.rehash(self.entries, entries)
        arena = longer(self.arena, arena_bytes, 0)
        spans = longer(self.spans, series, 0)
        follows = longer(self.follows, series, -1)
        if entries is self.entries and arena is self.arena and spans is self.spans:
            return self
        return Familiar(self.key, entries, arena, spans, follows, self.generation)

    def without(self, keep: BoolArray, key: tuple[int, int]) -> tuple[Familiar, int]:
        """Only the series of `keep`, bool (series,), numbered anew in the same order; and their bytes.

        A new key, so that nobody takes what is known of the old numbers for these.
        """
        kept = np.flatnonzero(keep)
        renumbered = np.where(keep, np.cumsum(keep) - 1, -1)
        entries, arena = np.zeros_like(self.entries), np.empty_like(self.arena)
        spans, follows = np.zeros_like(self.spans), np.full_like(self.follows, -1)
        used = kernels.keep_bytes(self.arena, self.spans, kept, arena, spans)
        keys = np.uint64(key[0]), np.uint64(key[1])
        kernels.hash_all(arena, spans, len(kept), *keys, entries)
        after = self.follows[kept]
        follows[: len(kept)] = np.where(after >= 0, renumbered[after], -1)
        return Familiar(keys, entries, arena, spans, follows, self.generation + 1), int(used)


def nothing(key: tuple[int, int], series: int = 0) -> Familiar:
    """A `Familiar` that knows no series yet and has room for some."""
    capacity = 1
    while capacity < 2 * series:
        capacity *= 2
    return Familiar(
        (np.uint64(key[0]), np.uint64(key[1])),
        np.zeros((capacity, 3), np.uint64),
        np.empty(0, np.uint8),
        np.zeros((series, 2), np.int64),
        np.full(series, -1, np.int64),
    )


def longer(column: npt.NDArray[_Item], rows: int, fill: int) -> npt.NDArray[_Item]:
    """A copy with twice the rows, `rows` at least, new ones filled; the column itself where it is enough."""
    if len(column) >= rows:
        return column
    grown = np.full((max(rows, 2 * len(column)), *column.shape[1:]), fill, column.dtype)
    grown[: len(column)] = column
    return grown
