"""The series that this process has met: raw label bytes -> ids, without parsing labels twice.

Series are numbered in the order they are met. Their label bytes are kept one after another, so that a known
series is recognised by comparison; a hash table of 128-bit keys (SipHash under a key of this process's own)
finds the ones that come out of turn. Plain label sets are learned by a kernel; the others, and what breaks a
rule, by Python, which also says why; where label sets are rewritten or dropped at the door, all of them are.
Refused label sets are remembered with their reason. When the table is full, series that were silent for long
make room, and the others get new numbers, which is another generation.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from ingest.decoded import Decoded, Refusal, parse_labels
from ingest.labels import kernels as labels_kernels
from ingest.limits import Limits
from ingest.rate import TokenBucket
from ingest.series import kernels
from ingest.series.door import DROPPED, Door
from ingest.series.familiar import Familiar, longer, nothing
from ingest.series.rows import NAMES, rows_of
from storage.errors import DecodeError, OverloadedError
from storage.model import (
    METRIC_NAME,
    BoolArray,
    Int64Array,
    Metadata,
    SeriesRow,
    UInt64Array,
)

_FIRST_SERIES: Final = 1 << 12
_INVALID: Final = "invalid_labels"
_EXAMPLE_CHARS: Final = 400
_NEVER: Final = -(1 << 30)
_SWEEP_MS: Final = 60_000
_STARTING_MS: Final = 300_000
"""How long new series are not counted: what senders repeat is new to a process that has just started."""


@dataclass(frozen=True, slots=True, eq=False)
class Resolved:
    """Samples with the ids of their series: columns of one length, and what is new about them.

    refused, dropped: what is left out, by reason; of what is dropped the operator wants it so.
    """

    metric_ids: UInt64Array
    series_ids: UInt64Array
    keep: BoolArray
    new_rows: Sequence[SeriesRow]
    metadata: Sequence[Metadata]
    refused: dict[str, Refusal] = field(default_factory=dict)
    dropped: dict[str, Refusal] = field(default_factory=dict)


class SeriesTable:
    """Knows every active series. Safe from any thread."""

    def __init__(self, limits: Limits, door: Door | None = None) -> None:
        self._limits = limits
        self._door = door or Door()
        self._lock = threading.Lock()
        self._familiar = nothing(_any_key(), _FIRST_SERIES)
        self._ids = np.zeros((_FIRST_SERIES, 2), np.uint64)
        self._days = np.full((_FIRST_SERIES, 2), _NEVER, np.int32)
        self._seen_ms = np.zeros(_FIRST_SERIES, np.int64)
        self._codes = np.zeros(_FIRST_SERIES, np.int32)
        self._dropped = 0
        self._swept_ms: int | None = None
        self._began_ms: int | None = None
        a_minute = limits.max_new_series_a_minute
        self._new = TokenBucket(a_minute / 60, a_minute) if a_minute else None
        self._used = np.zeros(2, np.int64)
        self._unusual: dict[int, SeriesRow] = {}
        self._refused: dict[tuple[int, int], str] = {}

    def __len__(self) -> int:
        return int(self._used[0])

    @property
    def familiar(self) -> Familiar:
        """What decoders may compare with; the numbers it gives belong to this table."""
        return self._familiar

    def active(self, now_ms: int) -> int:
        """How many series had a sample within the window."""
        n = len(self)
        fresh = self._seen_ms[:n] >= now_ms - self._limits.active_window_ms
        return int(np.count_nonzero(fresh & (self._codes[:n] != DROPPED)))

    def forget_days(self) -> None:
        """Forget which days were recorded, so that the rows of all series come out again when next seen."""
        with self._lock:
            self._days.fill(_NEVER)

    def resolve(self, decoded: Decoded, now_ms: int) -> Resolved:
        """Give every sample the ids of its series; new series and refusals come out beside them.

        Raises `OverloadedError` where series of another generation came by number alone.
        """
        generation, numbers = self._recognised(decoded)
        metadata: list[Metadata] = list(decoded.metadata)
        refused: dict[str, Refusal] = dict(decoded.refused)
        with self._lock:
            unknown = np.flatnonzero(numbers < 0)
            if self._is_crowded(len(unknown), now_ms):
                self._forget_silent(now_ms)
            if generation != self._familiar.generation:
                if (decoded.label_start == decoded.label_end).any():
                    raise OverloadedError("series were numbered anew while the request was read")
                numbers = self._familiar.numbers(decoded.body, decoded.label_start, decoded.label_end)
                unknown = np.flatnonzero(numbers < 0)
            elif numbers.max(initial=-1) >= len(self):
                raise AssertionError("the decoder was given another table's series")
            if len(unknown):
                self._learn(decoded, unknown, numbers, metadata, refused, now_ms)
            kernels.note_order(numbers, self._familiar.follows, self._seen_ms, now_ms)
            dropped = {} if self._door.is_open else self._turn_away(decoded, numbers, now_ms)
            return replace(self._spread(decoded, numbers, now_ms, metadata, refused), dropped=dropped)

    def _recognised(self, decoded: Decoded) -> tuple[int, Int64Array]:
        """The numbers of a request's series, -1 where unknown, and the generation that they belong to."""
        if decoded.numbers is not None:
            return decoded.generation, decoded.numbers.copy()
        familiar = self._familiar
        found = familiar.numbers(decoded.body, decoded.label_start, decoded.label_end)
        return familiar.generation, found

    def _is_crowded(self, more: int, now_ms: int) -> bool:
        """Whether series that are silent have to make room for so many, if any are."""
        if not more or len(self) - self._dropped + more <= self._limits.max_series:
            return False
        return self._swept_ms is None or not 0 <= now_ms - self._swept_ms < _SWEEP_MS

    def _forget_silent(self, now_ms: int) -> None:
        self._swept_ms = now_ms
        n = len(self)
        # A clock that stepped back must not keep series for ever.
        np.minimum(self._seen_ms, now_ms, out=self._seen_ms)
        keep = self._seen_ms[:n] >= now_ms - self._limits.active_window_ms
        if keep.all():
            return
        kept = np.flatnonzero(keep)
        self._familiar, used = self._familiar.without(keep, _any_key())
        self._refused.clear()
        self._unusual = {
            new: self._unusual[old] for new, old in enumerate(kept.tolist()) if old in self._unusual
        }
        for column, fill in ((self._ids, 0), (self._days, _NEVER), (self._seen_ms, 0), (self._codes, 0)):
            column[: len(kept)] = column[kept]
            column[len(kept) :] = fill
        self._used[:] = len(kept), used
        self._dropped = int(np.count_nonzero(self._codes[: len(kept)] == DROPPED))

    def _turn_away(self, decoded: Decoded, numbers: Int64Array, now_ms: int) -> dict[str, Refusal]:
        """Take back the numbers of series that are not to be stored, and count their samples."""
        codes = np.where(numbers >= 0, self._codes[numbers], 0)
        away = np.flatnonzero(~self._door.passing(codes, now_ms))
        dropped: dict[str, Refusal] = {}
        if len(away):
            samples = np.bincount(decoded.series_index, minlength=len(numbers))[away]
            for code in np.unique(codes[away]).tolist():
                reason, why = self._door.explain(code)
                add_refusal(dropped, reason, int(samples[codes[away] == code].sum()), why)
            numbers[away] = -1
        return dropped

    def _spread(
        self,
        decoded: Decoded,
        numbers: Int64Array,
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
            numbers,
            decoded.series_index,
            times,
            oldest_ms,
            newest_ms,
            self._ids,
            self._days,
            metric_ids,
            series_ids,
            keep,
            days,
        )
        for reason, count, outside in (
            ("too_old", too_old, times < oldest_ms if too_old else None),
            ("too_far_in_future", too_new, times > newest_ms if too_new else None),
        ):
            if outside is not None:
                first = int(times[np.argmax(outside)])
                example = f"timestamp {first} ms is outside of [{oldest_ms}, {newest_ms}]"
                add_refusal(refused, reason, count, example)
        rows = rows_of(days[:new_days], self._ids, self._unusual, self._familiar) if new_days else ()
        return Resolved(metric_ids, series_ids, keep, rows, metadata, refused)

    def _learn(
        self,
        decoded: Decoded,
        unknown: Int64Array,
        numbers: Int64Array,
        metadata: list[Metadata],
        refused: dict[str, Refusal],
        now_ms: int,
    ) -> None:
        if len(self._refused) >= self._limits.max_refused_series:
            self._refused.clear()
        self._make_room(decoded, unknown)
        limits, familiar = self._limits, self._familiar
        before, room = len(self), self._room(now_ms)
        hashes, outcomes = np.empty((len(unknown), 2), np.uint64), np.empty(len(unknown), np.int8)
        labels_kernels.learn(
            decoded.body,
            decoded.label_start,
            decoded.label_end,
            unknown,
            *familiar.key,
            familiar.entries,
            familiar.arena,
            familiar.spans,
            self._ids,
            self._used,
            np.array(
                [
                    before + room,
                    limits.max_labels,
                    # Nothing is plain that has to pass the door.
                    limits.max_label_name_bytes if self._door.is_open else 0,
                    limits.max_label_value_bytes,
                ],
                np.int64,
            ),
            NAMES,
            numbers,
            hashes,
            outcomes,
        )
        others = np.flatnonzero(outcomes >= labels_kernels.NOT_PLAIN)
        if len(others):
            full = before - self._dropped + room
            self._learn_others(decoded, unknown[others], hashes[others], numbers, refused, full)
        if self._new is not None:
            self._new.take(len(self) - before)
        if decoded.describe:
            self._describe(decoded, unknown[numbers[unknown] >= 0], metadata)

    def _room(self, now_ms: int) -> int:
        """How many new series may be learned now."""
        room = max(0, self._limits.max_series - (len(self) - self._dropped))
        if self._began_ms is None:
            self._began_ms = now_ms
        if self._new is None:
            return room
        allowed = self._new.held(now_ms / 1000)
        if now_ms - self._began_ms < _STARTING_MS:
            self._new.take(allowed - self._limits.max_new_series_a_minute)
            return room
        return min(room, max(0, int(allowed)))

    def _make_room(self, decoded: Decoded, unknown: Int64Array) -> None:
        series = len(self) + len(unknown)
        sizes = decoded.label_end[unknown] - decoded.label_start[unknown]
        self._familiar = self._familiar.grown(series, int(self._used[1] + sizes.sum()))
        self._ids = longer(self._ids, series, 0)
        self._days = longer(self._days, series, _NEVER)
        self._seen_ms = longer(self._seen_ms, series, 0)
        self._codes = longer(self._codes, series, 0)

    def _learn_others(
        self,
        decoded: Decoded,
        unknown: Int64Array,
        hashes: UInt64Array,
        numbers: Int64Array,
        refused: dict[str, Refusal],
        full: int,
    ) -> None:
        samples = np.bincount(decoded.series_index, minlength=len(decoded.label_start)).tolist()
        for i, (one, two) in zip(unknown.tolist(), hashes.tolist(), strict=True):
            reason = self._refused.get((one, two))
            if reason is not None:
                add_refusal(refused, _INVALID, samples[i], reason)
                continue
            if len(self) - self._dropped >= full:
                add_refusal(refused, *self._full(samples[i]))
                continue
            number = int(kernels.probe(self._familiar.entries, np.uint64(one), np.uint64(two)))
            if number < 0:
                try:
                    number = self._learn_unusual(decoded, i, one, two)
                except DecodeError as error:
                    # Bounded, so that inventing bad label sets cannot fill memory.
                    if len(self._refused) < self._limits.max_refused_series:
                        self._refused[one, two] = str(error)[:_EXAMPLE_CHARS]
                    add_refusal(refused, _INVALID, samples[i], str(error)[:_EXAMPLE_CHARS])
                    continue
            numbers[i] = number

    def _full(self, samples: int) -> tuple[str, int, str]:
        series, limits = len(self) - self._dropped, self._limits
        if series >= limits.max_series:
            return (
                "series_limit",
                samples,
                f"{series} active series, the limit (ingest.max_series) is reached",
            )
        a_minute = limits.max_new_series_a_minute
        example = f"more than {a_minute} new series a minute, the limit (ingest.max_new_series_a_minute)"
        return "new_series_limit", samples, example

    def _learn_unusual(self, decoded: Decoded, i: int, one: int, two: int) -> int:
        start, end = int(decoded.label_start[i]), int(decoded.label_end[i])
        sent = parse_labels(decoded.body[start:end].tobytes())
        pairs, code = self._door.admit(sent)
        if code != DROPPED:
            labels = self._limits.checked(pairs)
            row = SeriesRow.of(labels, day=0)
            self._ids[len(self)] = row.metric_id, row.series_id
            if labels != tuple(sent) or not row.text.isascii() or "\\" in row.text:
                self._unusual[len(self)] = row
        self._codes[len(self)] = code
        self._dropped += code == DROPPED
        known = self._familiar
        return int(
            labels_kernels.add(
                decoded.body,
                start,
                end,
                np.uint64(one),
                np.uint64(two),
                known.entries,
                known.arena,
                known.spans,
                self._used,
            )
        )

    def _describe(self, decoded: Decoded, new: Int64Array, metadata: list[Metadata]) -> None:
        found = dict[Metadata, None]()
        for i in new.tolist():
            described = decoded.describe(i) if decoded.describe else None
            if described is not None and (described.type != "unknown" or described.help):
                own = described.metric or dict(decoded.labels(i))[METRIC_NAME]
                found[replace(described, metric=own)] = None
        metadata.extend(found)


def _any_key() -> tuple[int, int]:
    return secrets.randbits(64), secrets.randbits(64)


def add_refusal(refused: dict[str, Refusal], reason: str, count: int, example: str) -> None:
    """Count samples under a reason; the first example stays."""
    known = refused.get(reason)
    refused[reason] = (
        Refusal(int(count), example) if known is None else Refusal(known.count + int(count), known.example)
    )
