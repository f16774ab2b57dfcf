"""The write-ahead log: what a sender is told to be stored is on disk here first.

Many requests share one fdatasync: while the committer syncs one group, the next one gathers. Entries reach
`on_durable` in the order of the log, so that what was stored is always a prefix of it.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

import orjson

from ingest.segment import (
    HEADER,
    MAGIC,
    VERSION,
    Damage,
    Entry,
    Position,
    encode,
    read_segment,
    segment_numbers,
    segment_path,
    sync_directory,
)
from storage.errors import OverloadedError

_LOG = logging.getLogger("swell.ingest.wal")
_IOV_MAX = 1024
_CHECKPOINT = "checkpoint.json"
_TRIM_BYTES = 4 << 20

OnDurable = Callable[[Entry, Position], None]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """`stored`: everything before it is in the store. `writing`: a batch up to there was on its way."""

    stored: Position
    writing: Position


class WriteAheadLog:
    """Appends entries durably to a directory of segments. Safe from any thread.

    `on_durable(entry, end)` is called by the committer thread, in order, before the caller is told.
    `on_failure()` is called when a group could not be written: everything queued has failed by then, and
    nothing is taken until it returns.
    """

    def __init__(
        self,
        directory: Path,
        on_durable: OnDurable,
        on_failure: Callable[[], None],
        max_bytes: int = 8 << 30,
        min_free_bytes: int = 0,
        segment_bytes: int = 128 << 20,
        observe_sync_s: Callable[[float], None] = lambda _: None,
    ) -> None:
        self._directory = directory
        self._on_durable = on_durable
        self._on_failure = on_failure
        self._max_bytes = max_bytes
        self._trim_bytes = min(_TRIM_BYTES, max_bytes // 2)
        self._min_free_bytes = min_free_bytes
        self._segment_bytes = segment_bytes
        self._observe_sync_s = observe_sync_s
        self._wake = threading.Condition()
        self._queue: list[tuple[Entry, Future[None]]] = []
        self._stopping = False
        self._refusing = False
        self._stored: Position | None = None
        directory.mkdir(parents=True, exist_ok=True)
        self._sizes = {n: segment_path(directory, n).stat().st_size for n in segment_numbers(directory)}
        self._number = max(self._sizes, default=0)
        self._descriptor = -1
        self._offset = 0
        self._thread = threading.Thread(target=self._commit_forever, name="wal", daemon=True)

    @property
    def size_bytes(self) -> int:
        """Bytes of all segments on disk."""
        return sum(self._sizes.values())

    def replay(self) -> tuple[Checkpoint, Iterator[tuple[Position, Entry]], list[Damage]]:
        """What is not known to be stored, in order; the list fills with damages while it is read."""
        checkpoint = self._read_checkpoint()
        damages: list[Damage] = []

        def entries() -> Iterator[tuple[Position, Entry]]:
            for number in sorted(self._sizes):
                if number >= checkpoint.stored.segment:
                    start = checkpoint.stored.offset if number == checkpoint.stored.segment else 0
                    yield from read_segment(self._directory, number, start, damages)

        return checkpoint, entries(), damages

    def start(self) -> None:
        """Begin a segment of this process's own and start to commit."""
        self._open_segment()
        self._thread.start()

    def append(self, entry: Entry) -> Future[None]:
        """Queue an entry; the future is done when it is durable.

        Raises `OverloadedError` when the log is full or stopped; the future fails with it when the disk is.
        """
        if self.size_bytes >= self._max_bytes:
            raise OverloadedError(
                f"the write-ahead log holds {self.size_bytes} bytes, the limit (ingest.wal_bytes) is "
                f"{self._max_bytes}; the store does not keep up",
                retry_after_s=5,
            )
        future: Future[None] = Future()
        with self._wake:
            if self._stopping or self._refusing:
                raise OverloadedError(
                    "the write-ahead log is stopping" if self._stopping else "the log failed"
                )
            if not self._queue:
                self._check_free()
            self._queue.append((entry, future))
            self._wake.notify()
        return future

    def _check_free(self) -> None:
        if not self._min_free_bytes:
            return
        disk = os.statvfs(self._directory)
        free_bytes = disk.f_bavail * disk.f_frsize
        if free_bytes < self._min_free_bytes:
            raise OverloadedError(
                f"the disk of the write-ahead log has {free_bytes} bytes left, "
                f"the limit (ingest.min_free_bytes) is {self._min_free_bytes}",
                retry_after_s=5,
            )

    def checkpoint(self, stored: Position, writing: Position) -> None:
        """Note how far the store has come, and drop the segments before."""
        content = orjson.dumps([stored.segment, stored.offset, writing.segment, writing.offset])
        new = self._directory / (_CHECKPOINT + ".new")
        try:
            new.write_bytes(content)
            new.replace(self._directory / _CHECKPOINT)
        except OSError as error:
            # An older one only makes the next start store again what is stored; and dropping makes room.
            _LOG.warning("cannot write the checkpoint: %s", error)
        self._drop_before(stored.segment)
        if stored == Position(self._number, self._offset) and stored.offset >= self._trim_bytes:
            with self._wake:
                self._stored = stored
                self._wake.notify()

    def stop(self) -> None:
        """Commit what is queued, then refuse more. Idempotent."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        if self._thread.is_alive():
            self._thread.join()

    def _commit_forever(self) -> None:
        while True:
            with self._wake:
                while not self._queue and not self._stopping and self._stored is None:
                    self._wake.wait()
                group, self._queue = self._queue, []
                stored, self._stored = self._stored, None
            if group:
                self._commit(group)
            elif stored == Position(self._number, self._offset) and self._descriptor >= 0:
                self._trim()
            elif self._stopping:
                os.close(self._descriptor)
                return

    def _trim(self) -> None:
        """Begin another segment and drop this one, of which everything is stored."""
        self._rotate()
        self._drop_before(self._number)

    def _drop_before(self, number: int) -> None:
        for old in [n for n in sorted(self._sizes) if n < number]:
            segment_path(self._directory, old).unlink(missing_ok=True)
            self._sizes.pop(old, None)

    def _commit(self, group: Sequence[tuple[Entry, Future[None]]]) -> None:
        try:
            ends = self._write([entry for entry, _ in group])
        except OSError as error:
            self._fail(group, error)
            return
        for (entry, _), end in zip(group, ends, strict=True):
            self._on_durable(entry, end)
        for _, future in group:
            future.set_result(None)
        if self._offset >= self._segment_bytes:
            self._rotate()

    def _write(self, entries: Sequence[Entry]) -> list[Position]:
        if self._descriptor < 0:
            self._open_segment()
        buffers: list[bytes | memoryview] = []
        ends = []
        offset = self._offset
        for entry in entries:
            encoded = encode(entry)
            offset += sum(len(buffer) for buffer in encoded)
            buffers += encoded
            ends.append(Position(self._number, offset))
        write_all(self._descriptor, buffers)
        began = time.perf_counter()
        os.fdatasync(self._descriptor)
        self._observe_sync_s(time.perf_counter() - began)
        self._offset = self._sizes[self._number] = offset
        return ends

    def _fail(self, group: Sequence[tuple[Entry, Future[None]]], error: OSError) -> None:
        """Refuse the group and all that came behind it; what reached the disk of it is cut off again."""
        _LOG.error("cannot write to the log in %s: %s; senders are told to retry", self._directory, error)
        self._abandon_segment()
        refusal = OverloadedError(f"the write-ahead log cannot be written: {error.strerror}", retry_after_s=5)
        with self._wake:
            self._refusing = True
            waiting, self._queue = self._queue, []
        self._on_failure()
        self._refusing = False
        for _, future in [*group, *waiting]:
            future.set_exception(refusal)

    def _abandon_segment(self) -> None:
        # After a failed sync the kernel may hold other bytes than the disk: never append there again.
        if self._descriptor < 0:
            return
        try:
            os.ftruncate(self._descriptor, self._offset)
        except OSError:
            _LOG.exception("cannot cut the torn tail off segment %d; its checksum will tell", self._number)
        os.close(self._descriptor)
        self._descriptor = -1

    def _rotate(self) -> None:
        try:
            os.close(self._descriptor)
            self._descriptor = -1
            self._open_segment()
        except OSError as error:
            _LOG.warning("cannot begin a new segment: %s; trying again with the next request", error)

    def _open_segment(self) -> None:
        number = self._number + 1
        path = segment_path(self._directory, number)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o640)
        try:
            write_all(descriptor, [HEADER.pack(MAGIC, VERSION)])
            os.fsync(descriptor)
            sync_directory(self._directory)
        except OSError:
            os.close(descriptor)
            path.unlink(missing_ok=True)
            raise
        self._number, self._descriptor, self._offset = number, descriptor, HEADER.size
        self._sizes[number] = HEADER.size

    def _read_checkpoint(self) -> Checkpoint:
        try:
            a, b, c, d = orjson.loads((self._directory / _CHECKPOINT).read_bytes())
            return Checkpoint(Position(a, b), Position(c, d))
        except FileNotFoundError:
            pass
        except (ValueError, TypeError) as error:
            _LOG.warning("the checkpoint is not readable (%s); replaying the whole log", error)
        return Checkpoint(Position(0, 0), Position(0, 0))


def write_all(descriptor: int, buffers: Sequence[bytes | memoryview]) -> None:
    """Write every byte of `buffers`. Raises OSError, possibly after a part was written."""
    pending = [memoryview(buffer) for buffer in buffers if len(buffer)]
    while pending:
        written = os.writev(descriptor, pending[:_IOV_MAX])
        whole = 0
        while whole < len(pending) and written >= len(pending[whole]):
            written -= len(pending[whole])
            whole += 1
        del pending[:whole]
        if written:
            pending[0] = pending[0][written:]
