"""The series that this process has met: raw label bytes -> ids, without parsing labels twice.

A hash table of 128-bit keys (SipHash under a key of this process's own), probed by a kernel. A label set that
is not in it is parsed and checked once, in Python; one that breaks a rule is remembered with its reason, so
that a sender that repeats itself costs no more than a good one.
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
_INVALID = "invalid_labels"
_EXAMPLE_CHARS = 400
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
        self._key = np.uint64(secrets.randbits(64)), np.uint64(secrets.randbits(64))
        self._labels: dict[int, Labels] = {}
        self._refused: dict[int, str] = {}
        self._entries = np.zeros((_FIRST_CAPACITY, 4), np.uint64)
        self._days = np.full((_FIRST_CAPACITY, 2), _NEVER, np.int32)

    def __len__(self) -> int:
        return len(self._labels)

    def forget_days(self) -> None:
        """Forget which days were recorded, so that the rows of all series come out again when next seen."""
        with self._lock:
            self._days.fill(_NEVER)

    def resolve(self, decoded: Decoded, now_ms: int) -> Resolved:
        """Give every sample the ids of its series; new series and refusals come out beside them."""
        hashes = np.empty((len(decoded.label_start), 2), np.uint64)
        kernels.hash_series(decoded.body, decoded.label_start, decoded.label_end, *self._key, hashes)
        slots = np.empty(len(hashes), np.int64)
        metadata: list[Metadata] = list(decoded.metadata)
        refused: dict[str, Refusal] = dict(decoded.refused)
        with self._lock:
            if kernels.find_slots(hashes, self._entries, slots):
                self._learn(decoded, hashes, slots, metadata, refused)
            if self._refused:
                self._refuse_known(decoded, slots, refused)
            return self._spread(decoded, slots, now_ms, metadata, refused)

    def _spread(
        self,
        decoded: Decoded,
        slots: Int64Array,
        now_ms: int,
        metadata: Sequence[Metadata],
        refused: dict[str, Refusal],
    ) -> Resolved:
        times = decoded.timestamps_ms
        n = len(times)
        metric_ids, series_ids = np.empty(n, np.uint64), np.empty(n, np.uint64)
        keep, days = np.empty(n, np.bool_), np.empty((n, 2), np.int64)
        oldest_ms, newest_ms = self._limits.time_bounds(now_ms)
        new_days, too_old, too_new = kernels.spread(
            slots,
            decoded.series_index,
            times,
            oldest_ms,
            newest_ms,
            self._entries,
            self._days,
            metric_ids,
            series_ids,
            keep,
            days,
        )
        if too_old or too_new:
            for reason, count, outside in (
                ("too_old", too_old, times < oldest_ms),
                ("too_far_in_future", too_new, times > newest_ms),
            ):
                if count:
                    first = int(times[np.argmax(outside)])
                    example = f"timestamp {first} ms is outside of [{oldest_ms}, {newest_ms}]"
                    add_refusal(refused, reason, count, example)
        rows = [
            SeriesRow(int(self._entries[slot, 2]), int(self._entries[slot, 3]), self._labels[slot], day)
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
        if len(self._refused) >= self._limits.max_refused_series:
            self._forget_refused()
        samples = _samples_of_series(decoded)
        for i in np.flatnonzero(slots < 0).tolist():
            one, two = hashes[i]
            if kernels.probe(self._entries, one, two) >= 0:
                continue
            if len(self._labels) >= self._limits.max_series:
                example = f"{len(self._labels)} active series, the limit (ingest.max_series) is reached"
                add_refusal(refused, "series_limit", samples[i], example)
                continue
            try:
                labels = self._limits.checked(decoded.labels(i))
            except DecodeError as error:
                self._remember_refused(one, two, str(error)[:_EXAMPLE_CHARS], samples[i], refused)
                continue
            self._remember(one, two, labels)
            described = decoded.describe(i) if decoded.describe else None
            if described is not None and (described[0] != "unknown" or described[1]):
                metadata.append(Metadata(dict(labels)[METRIC_NAME], *described))
        # The table may have moved the slots that were found before.
        kernels.find_slots(hashes, self._entries, slots)

    def _remember(self, one: np.uint64, two: np.uint64, labels: Labels) -> None:
        slot = self._claim(one, two)
        self._labels[slot] = labels
        self._entries[slot, 2] = metric_id(dict(labels)[METRIC_NAME])
        self._entries[slot, 3] = series_id(labels)
        self._days[slot] = _NEVER

    def _remember_refused(
        self, one: np.uint64, two: np.uint64, example: str, samples: int, refused: dict[str, Refusal]
    ) -> None:
        # Bounded, so that inventing bad label sets cannot fill memory: one too many is only counted.
        if len(self._refused) < self._limits.max_refused_series:
            self._refused[self._claim(one, two)] = example
        else:
            add_refusal(refused, _INVALID, samples, example)

    def _refuse_known(self, decoded: Decoded, slots: Int64Array, refused: dict[str, Refusal]) -> None:
        # A refused label set has no ids; the dictionary tells it from one whose ids happen to be 0.
        maybe = np.flatnonzero((slots >= 0) & ~self._entries[slots, 2:].any(axis=1))
        bad = [i for i in maybe.tolist() if int(slots[i]) in self._refused]
        if bad:
            count = int(_samples_of_series(decoded)[bad].sum())
            add_refusal(refused, _INVALID, count, self._refused[int(slots[bad[0]])])
            slots[bad] = _REFUSED

    def _claim(self, one: np.uint64, two: np.uint64) -> int:
        if 2 * (len(self._labels) + len(self._refused)) >= len(self._entries):
            self._rebuild(len(self._entries) * 2)
        return int(kernels.claim(self._entries, one, two))

    def _forget_refused(self) -> None:
        self._entries[list(self._refused)] = 0
        self._refused.clear()
        self._rebuild(len(self._entries))

    def _rebuild(self, capacity: int) -> None:
        entries = np.zeros((capacity, 4), np.uint64)
        days = np.full((capacity, 2), _NEVER, np.int32)
        moved = np.empty(len(self._entries), np.int64)
        kernels.rehash(self._entries, entries, moved)
        taken = np.flatnonzero(moved >= 0)
        days[moved[taken]] = self._days[taken]
        self._labels = {int(moved[slot]): labels for slot, labels in self._labels.items()}
        self._refused = {int(moved[slot]): reason for slot, reason in self._refused.items()}
        self._entries, self._days = entries, days


def add_refusal(refused: dict[str, Refusal], reason: str, count: int, example: str) -> None:
    """Count samples under a reason; the first example stays."""
    known = refused.get(reason)
    refused[reason] = (
        Refusal(int(count), example) if known is None else Refusal(known.count + int(count), known.example)
    )


def _samples_of_series(decoded: Decoded) -> Int64Array:
    return np.bincount(decoded.series_index, minlength=len(decoded.label_start)).astype(np.int64)
