"""The write path of one tenant: decoded request -> series -> log -> acknowledged -> batch -> store."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from prometheus_client import CollectorRegistry

from ingest.beside import NOTHING_BESIDE, Beside
from ingest.bins.totals import Stretch, Totals
from ingest.buffer import Buffer, join
from ingest.decoded import Bytes, Decoded, Refusal
from ingest.limits import Limits
from ingest.metrics import IngestMetrics
from ingest.quarantine import Quarantine
from ingest.rate import TokenBucket
from ingest.refusals import Refusals
from ingest.segment import NO_SAMPLES, Entry, Position
from ingest.series.door import Door
from ingest.series.familiar import Familiar
from ingest.series.table import Resolved, SeriesTable
from ingest.wal import WriteAheadLog
from ingest.wire.encoding import encode_labels
from ingest.writer import Writer, token
from storage.errors import LimitError, OverloadedError, RateLimitError
from storage.histograms import Histograms
from storage.interface import Storage
from storage.model import Float64Array, Int64Array, Labels, SampleBatch

_LOG = logging.getLogger("swell.ingest")
_GRACE_S = 30.0
INTERNAL: Final = "internal"
"""What Swell writes itself, in the place of a protocol's name."""
_BURST_S = 10
"""Seconds of `max_samples_per_s` that may come at once."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of a request: what will be durable, and how much was refused, by reason."""

    samples: int
    refused: Mapping[str, Refusal]
    histograms: int = 0
    exemplars: int = 0
    events: int = 0


class Pipeline:
    """Takes decoded requests. Safe from any thread between `start` and `stop`."""

    def __init__(
        self,
        storage: Storage,
        wal_directory: Path,
        limits: Limits,
        registry: CollectorRegistry,
        clock: Callable[[], float] = time.time,
        flush_rows: int = 200_000,
        flush_interval_s: float = 1.0,
        buffer_bytes: int = 512 << 20,
        wal_bytes: int = 8 << 30,
        quarantine_bytes: int = 1 << 30,
        min_free_bytes: int = 0,
        door: Door | None = None,
        max_bins: int = 1_000_000,
    ) -> None:
        self.limits = limits
        self.metrics = IngestMetrics(registry)
        self.refusals = Refusals(self.metrics)
        self._clock = clock
        self._flush_rows = flush_rows
        self._order = threading.Lock()
        self._table = SeriesTable(limits, door)
        per_s = limits.max_samples_per_s
        self._rate = TokenBucket(per_s, per_s * _BURST_S) if per_s else None
        self._buffer = Buffer(buffer_bytes)
        self._wal = WriteAheadLog(
            wal_directory,
            on_durable=self._on_durable,
            on_failure=self._on_failure,
            max_bytes=wal_bytes,
            min_free_bytes=min_free_bytes,
            observe_sync_s=self.metrics.sync_s.observe,
        )
        quarantine = Quarantine(wal_directory / "quarantine", quarantine_bytes)
        self._writer = Writer(
            storage,
            self._buffer,
            self._wal.checkpoint,
            self.metrics,
            flush_rows,
            flush_interval_s,
            quarantine,
        )
        self._end = Position(0, 0)
        self._totals = Totals(storage, lambda: self._writer.wait_for(self._end, 0), max_bins)
        self._started = False
        self.metrics.active_series.set_function(lambda: self._table.active(self._now_ms()))
        self.metrics.known_series.set_function(lambda: len(self._table))
        self.metrics.waiting_samples.set_function(lambda: self._buffer.rows)
        self.metrics.quarantined_batches.set_function(lambda: len(quarantine))
        self.metrics.wal_bytes.set_function(lambda: self._wal.size_bytes)

    @property
    def is_ready(self) -> bool:
        """Whether requests are taken: the log is replayed and not stopped."""
        return self._started

    @property
    def is_busy(self) -> bool:
        """Whether `submit` would wait for another request at this moment."""
        return self._order.locked()

    @property
    def familiar(self) -> Familiar:
        """Known series, for decoders to recognise."""
        return self._table.familiar

    def start(self) -> None:
        """Store what the log still holds, then take requests."""
        self._replay()
        self._writer.retry_quarantine()
        self._totals.begin(self._now_ms() + self.limits.max_future_ms)
        self._wal.start()
        self._writer.start()
        self._started = True

    def check_room(self) -> None:
        """Raise `OverloadedError` where memory is short; asked before a body is decoded for nothing."""
        if self._buffer.is_full:
            raise OverloadedError(
                f"{self._buffer.rows} samples wait for the store, the limit (ingest.buffer_bytes) is reached"
            )

    def submit(self, decoded: Decoded, protocol: str = INTERNAL) -> tuple[Accepted, Future[None]]:
        """Queue a request; its samples are durable when the future is done.

        Raises `OverloadedError`, as the future does, when memory or disk is short, and `RateLimitError` when
        more samples come than `max_samples_per_s`.
        """
        self.check_room()
        now_ms = self._now_ms()
        is_paid = protocol == INTERNAL
        if decoded.is_added is not None:
            with self._order:
                self._totals.tidy(now_ms)
        while True:
            # One lock from lookup to queue: a series' row must never stand behind a sample of it in the log.
            with self._order:
                if not is_paid:
                    self._pay(len(decoded.values), now_ms)
                    is_paid = True
                resolved = self._table.resolve(decoded.every_row(), now_ms)
                missing = self._missing(decoded, resolved, now_ms)
                if not missing:
                    entry, future = self._add(decoded, resolved, now_ms)
                    break
            self._totals.load(missing, now_ms)
        if resolved.refused:
            self.refusals.note(protocol, now_ms, resolved.refused, is_wanted=False)
        if resolved.dropped:
            self.refusals.note(protocol, now_ms, resolved.dropped, is_wanted=True)
        return _accepted(entry, resolved), future

    def _missing(self, decoded: Decoded, resolved: Resolved, now_ms: int) -> list[Stretch]:
        """Totals that have to be read first; series that are new by then go to the log without samples."""
        if decoded.is_added is None:
            return []
        missing = self._totals.missing(decoded, resolved, now_ms)
        if missing:
            self._append_entry(Entry(NO_SAMPLES, resolved.new_rows, resolved.metadata))
        return missing

    def _add(self, decoded: Decoded, resolved: Resolved, now_ms: int) -> tuple[Entry, Future[None]]:
        decoded, undo = self._totals.add(decoded, resolved, now_ms)
        entry = _entry(resolved, decoded)
        self._totals.wait(entry, undo)
        return entry, self._append_entry(entry)

    def _append_entry(self, entry: Entry) -> Future[None]:
        try:
            return self._wal.append(entry) if entry.size_bytes else _done()
        except OverloadedError:
            self._table.forget_days()
            self._totals.take_back(entry)
            raise

    def _pay(self, samples: int, now_ms: int) -> None:
        if self._rate is None:
            return
        if self._rate.held(now_ms / 1000) <= 0:
            raise RateLimitError(
                f"more than {self.limits.max_samples_per_s} samples a second, the limit "
                "(ingest.max_samples_per_s)",
                retry_after_s=self._rate.wait_s,
            )
        self._rate.take(samples)

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)

    def accept(self, decoded: Decoded) -> Accepted:
        """Like `submit`, but returns once the samples are durable."""
        accepted, future = self.submit(decoded)
        future.result()
        return accepted

    def append(
        self,
        series: Sequence[Labels],
        series_index: Int64Array,
        timestamps_ms: Int64Array,
        values: Float64Array,
    ) -> None:
        """Take samples from inside Swell; see `storage.interface.Appender`."""
        self._append(Decoded(*_joined_labels(series), series_index, timestamps_ms, values))

    def append_histograms(
        self,
        series: Sequence[Labels],
        series_index: Int64Array,
        timestamps_ms: Int64Array,
        histograms: Histograms,
    ) -> None:
        """Take native histograms from inside Swell; see `storage.interface.Appender`."""
        nothing, no_values = np.empty(0, np.int64), np.empty(0, np.float64)
        beside = Beside.of_histograms(series_index, timestamps_ms, histograms)
        self._append(Decoded(*_joined_labels(series), nothing, nothing, no_values, beside=beside))

    def _append(self, decoded: Decoded) -> None:
        accepted = self.accept(decoded)
        for reason, refusal in accepted.refused.items():
            raise LimitError(f"{refusal.count} samples refused ({reason}): {refusal.example}")

    def flush(self, timeout_s: float = _GRACE_S) -> bool:
        """Wait until everything acknowledged so far is in the store; False when that took too long."""
        self._buffer.hurry(True)
        try:
            return self._writer.wait_for(self._end, timeout_s)
        finally:
            self._buffer.hurry(False)

    def stop(self, grace_s: float = _GRACE_S) -> None:
        """Refuse new requests and store what is left; what the store does not take stays in the log."""
        if not self._started:
            return
        self._started = False
        self._wal.stop()
        self._buffer.close()
        self._writer.stop(grace_s)

    def _replay(self) -> None:
        checkpoint, entries, damages = self._wal.replay()
        stored, gathered, rows = checkpoint.stored, list[tuple[Entry, Position]](), 0
        for end, entry in entries:
            # The batch that was on its way is cut where it was cut then, so that its token is the same.
            whole = bool(gathered) and stored < checkpoint.writing < end
            if whole or rows >= self._flush_rows:
                stored = self._store_again(gathered, stored)
                gathered, rows = [], 0
            gathered.append((entry, end))
            rows += entry.rows
        if gathered:
            stored = self._store_again(gathered, stored)
        for damage in damages:
            self.metrics.damaged_bytes.inc(damage.lost_bytes)
            _LOG.warning(
                "the log's segment %d is damaged at byte %d: %s (%d bytes are not read)",
                damage.position.segment,
                damage.position.offset,
                damage.reason,
                damage.lost_bytes,
            )
        self._writer.begin_at(stored)
        self._end = stored

    def _store_again(self, gathered: list[tuple[Entry, Position]], stored: Position) -> Position:
        batch = join(gathered)
        _LOG.info("replaying %d samples from the log", batch.rows)
        self._writer.store(batch, token(stored, batch.end))
        self._wal.checkpoint(batch.end, batch.end)
        return batch.end

    def _on_durable(self, entry: Entry, end: Position) -> None:
        self._end = end
        self._totals.durable(entry)
        self.metrics.samples.inc(entry.rows)
        self._buffer.add(entry, end)

    def _on_failure(self) -> None:
        # Series rows of the failed entries are not in the log: every series has to be written again. The lock
        # waits for a request that was resolved before, whose entry the log now refuses.
        with self._order:
            self._table.forget_days()
            self._totals.take_back()


def _accepted(entry: Entry, resolved: Resolved) -> Accepted:
    beside = entry.beside or NOTHING_BESIDE
    return Accepted(
        len(entry.samples),
        resolved.refused,
        len(beside.histograms),
        len(beside.exemplars),
        len(beside.events) + len(beside.changes),
    )


def _entry(resolved: Resolved, decoded: Decoded) -> Entry:
    n = len(decoded.values)
    metric_ids, series_ids, keep = resolved.metric_ids[:n], resolved.series_ids[:n], resolved.keep[:n]
    samples = SampleBatch(metric_ids, series_ids, decoded.timestamps_ms, decoded.values)
    if not keep.all():
        samples = SampleBatch(
            metric_ids[keep], series_ids[keep], decoded.timestamps_ms[keep], decoded.values[keep]
        )
    beside = None
    if decoded.beside is not None:
        beside = decoded.beside.place(
            decoded.timestamps_ms, resolved.metric_ids, resolved.series_ids, resolved.keep
        )
    return Entry(samples, resolved.new_rows, resolved.metadata, beside)


def _joined_labels(series: Sequence[Labels]) -> tuple[Bytes, Int64Array, Int64Array]:
    """(body, label_start, label_end) of `Decoded`."""
    raw = [encode_labels(labels) for labels in series]
    ends = np.cumsum([len(part) for part in raw], dtype=np.int64)
    starts = ends - np.array([len(part) for part in raw], np.int64)
    return np.frombuffer(b"".join(raw), np.uint8), starts, ends


def _done() -> Future[None]:
    future: Future[None] = Future()
    future.set_result(None)
    return future
