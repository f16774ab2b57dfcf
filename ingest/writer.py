"""From the buffer to the store: one thread, whole batches, again and again until the store has them."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from ingest.buffer import Batch, Buffer
from ingest.metrics import IngestMetrics
from ingest.segment import Position
from storage.errors import StorageError
from storage.interface import Storage

_LOG = logging.getLogger("swell.ingest.writer")
_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 5.0

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
    ) -> None:
        self._storage = storage
        self._buffer = buffer
        self._checkpoint = checkpoint
        self._metrics = metrics
        self._flush_rows = flush_rows
        self._flush_interval_s = flush_interval_s
        self._stored = Position(0, 0)
        self._progress = threading.Condition()
        self._giving_up = threading.Event()
        self._thread = threading.Thread(target=self._write_forever, name="writer", daemon=True)

    def start(self) -> None:
        """Begin to drain the buffer."""
        self._thread.start()

    def store(self, batch: Batch, token: str) -> bool:
        """Write one batch, retrying until the store takes it; False when told to give up before.

        Series go first: a sample whose series is unknown would be invisible.
        """
        pause_s = _FIRST_PAUSE_S
        while True:
            began = time.perf_counter()
            try:
                self._storage.write_series(batch.series)
                self._storage.write_metadata(batch.metadata)
                if len(batch.samples):
                    self._storage.write_samples(batch.samples, token)
                if batch.beside is not None:
                    batch.beside.write(self._storage, token)
            except StorageError as error:
                self._metrics.store_errors.inc()
                _LOG.warning("the store did not take %d samples, trying again: %s", batch.rows, error)
                if self._giving_up.wait(pause_s):
                    return False
                pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
                continue
            self._metrics.store_s.observe(time.perf_counter() - began)
            self._metrics.stored.inc(batch.rows)
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
