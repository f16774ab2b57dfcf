"""The series that this process has met: raw label bytes -> ids, without parsing labels twice.

A hash table of 128-bit keys with seeds of this process's own, probed by a kernel. A label set that is not in
it is parsed and checked once, in Python; one that breaks a rule is remembered with its reason, so that a
sender that repeats itself costs no more than a good one.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ingest import kernels
from ingest.decoded import Decoded, Refusal
from ingest.limits import Limits
from storage.errors import DecodeError
from storage.model import (
    METRIC_NAME,
    BoolArray,
    Int64Array,
    Labels,
    Metadata,
    SeriesRow,
    UInt64Array,
    metric_id,
    series_id,
)

_FIRST_CAPACITY = 1 << 16
_REFUSED = -1
_NEVER = -(1 << 30)


@dataclass(frozen=True, slots=True, eq=False)
class Resolved:
    """Samples with the ids of their series: columns of one length, and what is new about them."""

    metric_ids: UInt64Array
    series_ids: UInt64Array
    keep: BoolArray
    new_rows: Sequence[SeriesRow]
    metadata: Sequence[Metadata]
    refused: dict[str, Refusal] = field(default_factory=dict)


class SeriesTable:
    """Knows every active series. Safe from any thread."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._lock = threading.Lock()
        self._seed = np.uint64(secrets.randbits(63) | 1)
        self._labels: dict[int, Labels] = {}
        self._reasons: dict[int, tuple[str, str]] = {}
        self._keys = np.zeros((_FIRST_CAPACITY, 2), np.uint64)
        self._metric_of, self._series_of = np.zeros((2, _FIRST_CAPACITY), np.uint64)
        self._first_day = np.full(_FIRST_CAPACITY, _NEVER, np.int32)
        self._last_day = np.full(_FIRST_CAPACITY, _NEVER, np.int32)

    def __len__(self) -> int:
        return len(self._labels)

    def forget_days(self) -> None:
        """Forget which days were recorded, so that the rows of all series come out again when next seen."""
        with self._lock:
            self._first_day.fill(_NEVER)
            self._last_day.fill(_NEVER)

    def resolve(self, decoded: Decoded, now_ms: int) -> Resolved:
        """Give every sample the ids of its series; new series and refusals come out beside them."""
        slots = np.empty(len(decoded.label_start), np.int64)
        hashes = np.empty((len(slots), 2), np.uint64)
        metadata: list[Metadata] = list(decoded.metadata)
        refused: dict[str, Refusal] = dict(decoded.refused)
        with self._lock:
            unknown = kernels.find_slots(
                decoded.body,
                decoded.label_start,
                decoded.label_end,
                self._seed,
                self._keys,
                hashes,
                slots,
            )
            if unknown:
                self._learn(decoded, hashes, slots, metadata, refused)
            if self._reasons:
                self._refuse(decoded, slots, refused)
            return self._spread(decoded, slots, now_ms, metadata, refused)

    def _spread(
        self,
        decoded: Decoded,
        slots: Int64Array,
        now_ms: int,
        metadata: Sequence[Metadata],
        refused: dict[str, Refusal],
    ) -> Resolved:
        n = len(decoded.series_index)
        metric_ids, series_ids = np.empty(n, np.uint64), np.empty(n, np.uint64)
        keep, days = np.empty(n, np.bool_), np.empty((n, 2), np.int64)
        oldest_ms, newest_ms = self._limits.time_bounds(now_ms)
        new_days, too_old, too_new = kernels.spread(
            slots,
            decoded.series_index,
            decoded.timestamps_ms,
            oldest_ms,
            newest_ms,
            self._metric_of,
            self._series_of,
            self._first_day,
            self._last_day,
            metric_ids,
            series_ids,
            keep,
            days,
        )
        if too_old or too_new:
            times = decoded.timestamps_ms
            for reason, count, outside in (
                ("too_old", too_old, times < oldest_ms),
                ("too_far_in_future", too_new, times > newest_ms),
            ):
                if count:
                    first = int(times[np.argmax(outside)])
                    example = f"timestamp {first} ms is outside of [{oldest_ms}, {newest_ms}]"
                    add_refusal(refused, reason, count, example)
        rows = [
            SeriesRow(int(self._metric_of[slot]), int(self._series_of[slot]), self._labels[slot], day)
            for slot, day in days[:new_days].tolist()
        ]
        return Resolved(metric_ids, series_ids, keep, rows, metadata, refused)

    def _learn(
        self,
        decoded: Decoded,
        hashes: UInt64Array,
        slots: Int64Array,
        metadata: list[Metadata],
        refused: dict[str, Refusal],
    ) -> None:
        for i in np.flatnonzero(slots < 0).tolist():
            one, two = hashes[i]
            slot = kernels.probe(self._keys, one, two)
            if slot < 0 and len(self._labels) >= self._limits.max_series:
                count = int(np.count_nonzero(decoded.series_index == i))
                example = f"{len(self._labels)} active series, the limit (ingest.max_series) is reached"
                add_refusal(refused, "series_limit", count, example)
                continue
            if slot < 0:
                slot = self._insert(one, two, decoded, i, metadata)
            slots[i] = slot
        # A table that grew has moved the slots that were found before.
        kernels.find_slots(
            decoded.body, decoded.label_start, decoded.label_end, self._seed, self._keys, hashes, slots
        )

    def _insert(
        self, one: np.uint64, two: np.uint64, decoded: Decoded, i: int, metadata: list[Metadata]
    ) -> int:
        if 2 * (len(self._labels) + len(self._reasons)) >= len(self._keys):
            self._grow()
        try:
            labels = self._limits.checked(decoded.labels(i))
        except DecodeError as error:
            # Refused label sets are remembered up to a bound, so that inventing them cannot fill memory.
            if len(self._reasons) >= self._limits.max_refused_series:
                self._forget_refused()
            slot = int(kernels.claim(self._keys, one, two))
            self._reasons[slot] = ("invalid_labels", str(error))
            return slot
        slot = int(kernels.claim(self._keys, one, two))
        name = dict(labels)[METRIC_NAME]
        self._labels[slot] = labels
        self._metric_of[slot] = metric_id(name)
        self._series_of[slot] = series_id(labels)
        self._first_day[slot] = self._last_day[slot] = _NEVER
        described = decoded.describe(i) if decoded.describe else None
        if described is not None and (described[0] != "unknown" or described[1]):
            metadata.append(Metadata(name, *described))
        return slot

    def _refuse(self, decoded: Decoded, slots: Int64Array, refused: dict[str, Refusal]) -> None:
        for i, slot in enumerate(slots.tolist()):
            if slot in self._reasons:
                reason, example = self._reasons[slot]
                count = int(np.count_nonzero(decoded.series_index == i))
                add_refusal(refused, reason, count, example)
                slots[i] = _REFUSED

    def _grow(self) -> None:
        self._rebuild(len(self._keys) * 2)

    def _forget_refused(self) -> None:
        self._keys[list(self._reasons)] = 0
        self._reasons.clear()
        self._rebuild(len(self._keys))

    def _rebuild(self, capacity: int) -> None:
        keys = np.zeros((capacity, 2), np.uint64)
        moved = np.empty(len(self._keys), np.int64)
        kernels.rehash(self._keys, keys, moved)
        taken = np.flatnonzero(moved >= 0)
        target = moved[taken]
        for name in ("_metric_of", "_series_of", "_first_day", "_last_day"):
            old = getattr(self, name)
            new = np.zeros(capacity, old.dtype)
            new[target] = old[taken]
            setattr(self, name, new)
        self._labels = {int(moved[slot]): labels for slot, labels in self._labels.items()}
        self._reasons = {int(moved[slot]): reason for slot, reason in self._reasons.items()}
        self._keys = keys


def add_refusal(refused: dict[str, Refusal], reason: str, count: int, example: str) -> None:
    """Count samples under a reason; the first example stays."""
    known = refused.get(reason)
    refused[reason] = (
        Refusal(count, example) if known is None else Refusal(known.count + count, known.example)
    )
