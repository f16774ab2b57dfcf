"""Aliases of series as columns that decoders may read while others add to them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from ingest.series.familiar import Familiar, longer
from ingest.series.kernels import rehash
from storage.model import Int64Array, UInt64Array

Bytes = npt.NDArray[np.uint8]

_FIRST: Final = 1_024
_NO_PARENT_YET: Final = -2
_COLUMNS_BYTES: Final = 40 + 2 * 24
"""What an alias costs beside its text: a row of every column, and twice the row of a hash table."""


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """The aliases of one series table, which `key` tells apart from others.

    entries: uint64 (capacity, 3), see `ingest.series.kernels.probe`. arena: uint8, the texts; spans: int64
    (aliases, 2), where they lie. parents, series, follows: int64 (aliases,): the alias above, -1 for none;
    the series' number, -1 while unknown; the alias that came next last time, -1 for none. used: int64 (2,),
    how many aliases and bytes there are.

    Arrays are only appended to, or replaced by longer copies in another `Known`. Whoever reads one while it
    is written may miss an alias, and cannot take one for another, since texts are compared.
    """

    key: tuple[np.uint64, np.uint64]
    entries: UInt64Array
    arena: Bytes
    spans: Int64Array
    parents: Int64Array
    series: Int64Array
    follows: Int64Array
    used: Int64Array

    def grown(self, aliases: int, arena_bytes: int) -> Known:
        """The same with room for so many aliases and bytes; itself where it has it."""
        entries = self.entries
        capacity = len(entries)
        while capacity < 2 * aliases:
            capacity *= 2
        if capacity > len(entries):
            entries = np.zeros((capacity, 3), np.uint64)
            rehash(self.entries, entries)
        return replace(
            self,
            entries=entries,
            arena=longer(self.arena, arena_bytes, 0),
            spans=longer(self.spans, aliases, 0),
            parents=longer(self.parents, aliases, _NO_PARENT_YET),
            series=longer(self.series, aliases, -1),
            follows=longer(self.follows, aliases, -1),
        )


def _nothing(key: tuple[np.uint64, np.uint64]) -> Known:
    return Known(
        key,
        np.zeros((2 * _FIRST, 3), np.uint64),
        np.empty(0, np.uint8),
        np.zeros((_FIRST, 2), np.int64),
        np.full(_FIRST, _NO_PARENT_YET, np.int64),
        np.full(_FIRST, -1, np.int64),
        np.full(_FIRST, -1, np.int64),
        np.zeros(2, np.int64),
    )


class Aliases:
    """What senders of one protocol call the series of one table. Safe from any thread.

    `max_bytes` bounds the memory; when it is reached all is forgotten, and learned again from what comes.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._known: Known | None = None

    def of(self, familiar: Familiar) -> Known:
        """What is known of this table's series, to read."""
        known = self._known
        if known is None or known.key != familiar.key:
            with self._lock:
                self._known = known = _nothing(familiar.key)
        return known

    @contextmanager
    def adding(self, familiar: Familiar, aliases: int, text_bytes: int) -> Iterator[Known]:
        """What is known, with room for so much more, for one thread at a time to add to."""
        with self._lock:
            known = self._known
            if known is None or known.key != familiar.key or self._is_full(known, aliases, text_bytes):
                known = _nothing(familiar.key)
            known = known.grown(int(known.used[0]) + aliases, int(known.used[1]) + text_bytes)
            self._known = known
            yield known

    def _is_full(self, known: Known, aliases: int, text_bytes: int) -> bool:
        columns = (int(known.used[0]) + aliases) * _COLUMNS_BYTES
        return columns + int(known.used[1]) + text_bytes > self._max_bytes
