"""The series that this process has met: raw label bytes -> ids, without parsing labels twice.

Series are numbered in the order they are met. Their label bytes are kept one after another, so that a known
series is recognised by comparison; a hash table of 128-bit keys (SipHash under a key of this process's own)
finds the ones that come out of turn. Plain label sets are learned by a kernel; the others, and what breaks a
rule, by Python, which also says why. Refused label sets are remembered with their reason.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from ingest.decoded import Bytes, Decoded, Refusal, parse_labels
from ingest.labels import kernels as labels_kernels
from ingest.limits import Limits
from ingest.series import kernels
from ingest.series.familiar import Familiar, longer, nothing
from storage.errors import DecodeError
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
_NAMES: Final = tuple(
    np.frombuffer(name, np.uint8) for name in (METRIC_NAME.encode(), b"job", b"instance", b"source")
)


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
        self._familiar = nothing((secrets.randbits(64), secrets.randbits(64)), _FIRST_SERIES)
        self._ids = np.zeros((_FIRST_SERIES, 2), np.uint64)
        self._days = np.full((_FIRST_SERIES, 2), _NEVER, np.int32)
        self._used = np.zeros(2, np.int64)
        self._unusual: dict[int, SeriesRow] = {}
        self._refused: dict[tuple[int, int], str] = {}

    def __len__(self) -> int:
        return int(self._used[0])

    @property
    def familiar(self) -> Familiar:
        """What decoders may compare with; the numbers it gives belong to this table."""
        return self._familiar

    def forget_days(self) -> None:
        """Forget which days were recorded, so that the rows of all series come out again when next seen."""
        with self._lock:
            self._days.fill(_NEVER)

    def resolve(self, decoded: Decoded, now_ms: int) -> Resolved:
        """Give every sample the ids of its series; new series and refusals come out beside them."""
        if decoded.numbers is None:
            numbers = self._familiar.numbers(decoded.body, decoded.label_start, decoded.label_end)
        else:
            numbers = decoded.numbers.copy()
            if numbers.max(initial=-1) >= len(self):
                raise AssertionError("the decoder was given another table's series")
        metadata: list[Metadata] = list(decoded.metadata)
        refused: dict[str, Refusal] = dict(decoded.refused)
        unknown = np.flatnonzero(numbers < 0)
        with self._lock:
            if len(unknown):
                self._learn(decoded, unknown, numbers, metadata, refused)
            kernels.note_order(numbers, self._familiar.follows)
            return self._spread(decoded, numbers, now_ms, metadata, refused)

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
        rows = self._rows(days[:new_days]) if new_days else ()
        return Resolved(metric_ids, series_ids, keep, rows, metadata, refused)

    def _rows(self, seen: Int64Array) -> list[SeriesRow]:
        """The rows of series seen on days, int64 (rows, 2): number and day."""
        numbers = seen[:, 0]
        is_plain = np.array([number not in self._unusual for number in numbers.tolist()], np.bool_)
        plain = iter(self._plain_texts(np.ascontiguousarray(numbers[is_plain])))
        rows = []
        for (number, day), (metric, series) in zip(seen.tolist(), self._ids[numbers].tolist(), strict=True):
            known = self._unusual.get(number)
            name, text = next(plain) if known is None else (known.name, known.text)
            rows.append(SeriesRow(metric, series, day, name, text))
        return rows

    def _plain_texts(self, numbers: Int64Array) -> Iterator[tuple[str, str]]:
        """The names of plain series' metrics, and their labels as JSON."""
        arena, spans = self._familiar.arena, self._familiar.spans
        sizes = spans[numbers, 1] - spans[numbers, 0]
        names, texts = (np.empty(int(sizes.sum()) + 2 * len(numbers), np.uint8) for _ in range(2))
        ends = np.empty((2, len(numbers)), np.int64)
        labels_kernels.write_json(arena, spans, numbers, _NAMES[0], names, texts, ends)
        return zip(_texts(names, ends[0].tolist()), _texts(texts, ends[1].tolist()), strict=True)

    def _learn(
        self,
        decoded: Decoded,
        unknown: Int64Array,
        numbers: Int64Array,
        metadata: list[Metadata],
        refused: dict[str, Refusal],
    ) -> None:
        if len(self._refused) >= self._limits.max_refused_series:
            self._refused.clear()
        self._make_room(decoded, unknown)
        limits, familiar = self._limits, self._familiar
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
                    limits.max_series,
                    limits.max_labels,
                    limits.max_label_name_bytes,
                    limits.max_label_value_bytes,
                ],
                np.int64,
            ),
            _NAMES,
            numbers,
            hashes,
            outcomes,
        )
        others = np.flatnonzero(outcomes >= labels_kernels.NOT_PLAIN)
        if len(others):
            self._learn_others(decoded, unknown[others], hashes[others], numbers, refused)
        if decoded.describe:
            self._describe(decoded, unknown[numbers[unknown] >= 0], metadata)

    def _make_room(self, decoded: Decoded, unknown: Int64Array) -> None:
        series = len(self) + len(unknown)
        sizes = decoded.label_end[unknown] - decoded.label_start[unknown]
        self._familiar = self._familiar.grown(series, int(self._used[1] + sizes.sum()))
        self._ids = longer(self._ids, series, 0)
        self._days = longer(self._days, series, _NEVER)

    def _learn_others(
        self,
        decoded: Decoded,
        unknown: Int64Array,
        hashes: UInt64Array,
        numbers: Int64Array,
        refused: dict[str, Refusal],
    ) -> None:
        samples = np.bincount(decoded.series_index, minlength=len(decoded.label_start)).tolist()
        for i, (one, two) in zip(unknown.tolist(), hashes.tolist(), strict=True):
            reason = self._refused.get((one, two))
            if reason is not None:
                add_refusal(refused, _INVALID, samples[i], reason)
                continue
            if len(self) >= self._limits.max_series:
                example = f"{len(self)} active series, the limit (ingest.max_series) is reached"
                add_refusal(refused, "series_limit", samples[i], example)
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

    def _learn_unusual(self, decoded: Decoded, i: int, one: int, two: int) -> int:
        start, end = int(decoded.label_start[i]), int(decoded.label_end[i])
        labels = self._limits.checked(parse_labels(decoded.body[start:end].tobytes()))
        row = SeriesRow.of(labels, day=0)
        self._ids[len(self)] = row.metric_id, row.series_id
        self._unusual[len(self)] = row
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


def _texts(written: Bytes, ends: Sequence[int]) -> list[str]:
    """ASCII texts that lie one after the other."""
    whole = written[: ends[-1] if ends else 0].tobytes().decode()
    return [whole[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def add_refusal(refused: dict[str, Refusal], reason: str, count: int, example: str) -> None:
    """Count samples under a reason; the first example stays."""
    known = refused.get(reason)
    refused[reason] = (
        Refusal(int(count), example) if known is None else Refusal(known.count + int(count), known.example)
    )
