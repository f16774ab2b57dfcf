"""From the buffer to the store: one thread, whole batches, again and again until the store has them."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from ingest.buffer import Batch, Buffer
from ingest.metrics import IngestMetrics
from ingest.quarantine import Quarantine
from ingest.segment import Position
from storage.errors import StorageError, UnavailableError
from storage.interface import Storage

_LOG = logging.getLogger("swell.ingest.writer")
_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 5.0
_REFUSALS = 5
"""How often a store that answers must refuse a batch until nobody expects that it ever takes it."""

Checkpoint = Callable[[Position, Position], None]


class Writer:
    """Stores batches in order. `checkpoint(stored, writing)` is told before and after each."""

    def __init__(
        self,
        storage: Storage,
        buffer: Buffer,
        checkpoint: Checkpoint,
        metrics: IngestMetrics,
        flush_rows: int,
        flush_interval_s: float,
        quarantine: Quarantine,
    ) -> None:
        self._storage = storage
        self._buffer = buffer
        self._checkpoint = checkpoint
        self._metrics = metrics
        self._flush_rows = flush_rows
        self._flush_interval_s = flush_interval_s
        self._quarantine = quarantine
        self._stored = Position(0, 0)
        self._progress = threading.Condition()
        self._giving_up = threading.Event()
        self._thread = threading.Thread(target=self._write_forever, name="writer", daemon=True)

    def start(self) -> None:
        """Begin to drain the buffer."""
        self._thread.start()

    def store(self, batch: Batch, token: str) -> bool:
        """Write one batch, retrying until the store takes it; False when told to give up before.

        A batch that a store which answers refuses again and again goes to the quarantine, where there is
        room, so that what stands behind it goes on.
        """
        pause_s, refusals = _FIRST_PAUSE_S, 0
        while True:
            try:
                self._write(batch, token)
            except UnavailableError as error:
                problem: Exception = error
            except (StorageError, ValueError, TypeError, ArithmeticError) as error:
                problem, refusals = error, refusals + 1
                if refusals >= _REFUSALS and self._set_aside(batch, token, error):
                    return True
            else:
                return True
            self._metrics.store_errors.inc()
            _LOG.warning("the store did not take %d samples, trying again: %s", batch.rows, problem)
            if self._giving_up.wait(pause_s):
                return False
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)

    def retry_quarantine(self) -> None:
        """Try once more what was set aside; what the store takes now leaves the quarantine."""
        for held in self._quarantine.held():
            batch = self._quarantine.read(held)
            if batch is None:
                continue
            try:
                self._write(batch, held.token)
            except (StorageError, ValueError, TypeError, ArithmeticError) as error:
                _LOG.error("batch %d stays in quarantine: %s", held.number, error)
                continue
            self._quarantine.release(held)
            _LOG.info("batch %d of %d samples left the quarantine", held.number, batch.rows)

    def _write(self, batch: Batch, token: str) -> None:
        """Series go first: a sample whose series is unknown would be invisible."""
        began = time.perf_counter()
        self._storage.write_series(batch.series)
        self._storage.write_metadata(batch.metadata)
        if len(batch.samples):
            self._storage.write_samples(batch.samples, token)
        if batch.beside is not None:
            batch.beside.write(self._storage, token)
        self._metrics.store_s.observe(time.perf_counter() - began)
        self._metrics.stored.inc(batch.rows)

    def _set_aside(self, batch: Batch, token: str, error: Exception) -> bool:
        if not self._quarantine.keep(batch, token, str(error)):
            return False
        self._metrics.quarantined.inc(batch.rows)
        _LOG.error(
            "the store refused %d samples %d times; they are in quarantine until the next start: %s",
            batch.rows,
            _REFUSALS,
            error,
        )
        return True

    def wait_for(self, position: Position, timeout_s: float) -> bool:
        """Wait until everything up to a position is stored; False when that took too long."""
        with self._progress:
            return self._progress.wait_for(lambda: self._stored >= position, timeout_s)

    def stop(self, grace_s: float) -> None:
        """Store what is left; after `grace_s` leave the rest to the log."""
        self._thread.join(grace_s)
        self._giving_up.set()
        self._thread.join()

    def _write_forever(self) -> None:
        while True:
            batch = self._buffer.take(self._flush_rows, self._flush_interval_s)
            if batch is None:
                return
            self._checkpoint(self._stored, batch.end)
            if not self.store(batch, token(self._stored, batch.end)):
                return
            with self._progress:
                self._stored = batch.end
                self._progress.notify_all()
            self._checkpoint(batch.end, batch.end)

    def begin_at(self, stored: Position) -> None:
        """Set where the log's part that is not stored yet begins; before `start`."""
        self._stored = stored


def token(start: Position, end: Position) -> str:
    """What names a batch to the store: the stretch of the log that it holds."""
    return f"{start.segment}.{start.offset}-{end.segment}.{end.offset}"
