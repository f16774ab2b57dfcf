"""Running totals of series that are sent as deltas. They live in this process; a restart begins anew.

To a reader, a total that begins anew is a counter that was restarted: its start time says so.
"""

from __future__ import annotations

import secrets
import threading
from typing import Final

import numpy as np

from ingest.decoded import Bytes
from ingest.protocols.otlp.totals import kernels
from storage.model import BoolArray, Float64Array, Int64Array

_FIRST_SERIES: Final = 1 << 10


class Totals:
    """Knows the totals of up to `max_series` series; beyond, the half that was idle longest begins anew."""

    def __init__(self, max_series: int) -> None:
        self._max_series = max_series
        self._lock = threading.Lock()
        self._key = np.uint64(secrets.randbits(64)), np.uint64(secrets.randbits(64))
        self._used = np.zeros(1, np.int64)
        self._entries = np.zeros((1, 3), np.uint64)
        self._states = np.zeros((0, kernels.STATES), np.int64)
        self._sums = np.zeros(0)

    def __len__(self) -> int:
        return int(self._used[0])

    def add_up(
        self,
        body: Bytes,
        label_starts: Int64Array,
        label_ends: Int64Array,
        rows: Int64Array,
        now_ms: int,
        times_ms: Int64Array,
        starts_ms: Int64Array,
        values: Float64Array,
        keep: BoolArray,
    ) -> None:
        """Replace the values and starts of `rows` by those of their totals; see `kernels.add_up`."""
        at = 0
        with self._lock:
            while at < len(rows):
                at = kernels.add_up(
                    body,
                    label_starts,
                    label_ends,
                    rows,
                    at,
                    now_ms,
                    *self._key,
                    self._entries,
                    self._states,
                    self._sums,
                    self._used,
                    times_ms,
                    starts_ms,
                    values,
                    keep,
                )
                if at < len(rows):
                    self._make_room()

    def _make_room(self) -> None:
        known = len(self)
        room = min(max(2 * known, _FIRST_SERIES), self._max_series)
        kept = np.arange(known)
        if known >= self._max_series:
            order = np.argsort(self._states[:known, kernels.SEEN], kind="stable")
            kept = np.sort(order[(known + 1) // 2 :])
        numbers = np.full(known, -1, np.int64)
        numbers[kept] = np.arange(len(kept))
        entries = np.zeros((1 << (2 * room - 1).bit_length(), 3), np.uint64)
        kernels.move(self._entries, numbers, entries)
        states, sums = np.zeros((room, kernels.STATES), np.int64), np.zeros(room)
        states[: len(kept)], sums[: len(kept)] = self._states[kept], self._sums[kept]
        self._entries, self._states, self._sums = entries, states, sums
        self._used[0] = len(kept)
