"""Batches that the store refuses for good: kept on disk with the reason, out of the way of what comes behind.

A batch is a segment of the log's own format, `000000000001.wal`, beside `000000000001.json` with its token
and the store's reason.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import orjson

from ingest.buffer import Batch, join
from ingest.segment import (
    HEADER,
    MAGIC,
    VERSION,
    Damage,
    Entry,
    encode,
    read_segment,
    segment_numbers,
    segment_path,
    sync_directory,
)

_LOG = logging.getLogger("swell.ingest.quarantine")
_BYTES_OF_REASON: Final = 4_000


@dataclass(frozen=True, slots=True)
class Held:
    """A batch in quarantine: its number there, what named it to the store, why it was refused."""

    number: int
    token: str
    reason: str


class Quarantine:
    """A directory of refused batches, up to `max_bytes`. Of one thread."""

    def __init__(self, directory: Path, max_bytes: int) -> None:
        self._directory = directory
        self._max_bytes = max_bytes
        self._held = {one.token: one for one in _scan(directory)}

    def __len__(self) -> int:
        return len(self._held)

    @property
    def size_bytes(self) -> int:
        """Bytes of the batches on disk."""
        return sum(segment_path(self._directory, one.number).stat().st_size for one in self.held())

    def held(self) -> list[Held]:
        """What is here, oldest first."""
        return sorted(self._held.values(), key=lambda one: one.number)

    def keep(self, batch: Batch, token: str, reason: str) -> bool:
        """Take a batch over; on disk on return. False where there is no room, so that the caller keeps it."""
        if token in self._held:
            return True
        parts = encode(Entry(batch.samples, batch.series, batch.metadata, batch.beside))
        content = b"".join([HEADER.pack(MAGIC, VERSION), *parts])
        number = max((one.number for one in self._held.values()), default=0) + 1
        held = Held(number, token, reason[:_BYTES_OF_REASON])
        try:
            if self.size_bytes + len(content) > self._max_bytes:
                _LOG.error("the quarantine in %s is full (%d bytes)", self._directory, self._max_bytes)
                return False
            self._directory.mkdir(parents=True, exist_ok=True)
            _write(self._note(number), orjson.dumps({"token": token, "reason": held.reason}))
            _write(segment_path(self._directory, number), content)
            sync_directory(self._directory)
        except OSError as error:
            _LOG.error("cannot write to the quarantine in %s: %s", self._directory, error)
            return False
        self._held[token] = held
        return True

    def read(self, held: Held) -> Batch | None:
        """The batch again; None where its file is damaged from the beginning."""
        damages: list[Damage] = []
        entries = [(entry, end) for end, entry in read_segment(self._directory, held.number, 0, damages)]
        for damage in damages:
            _LOG.warning("batch %d in quarantine is damaged: %s", held.number, damage.reason)
        return join(entries) if entries else None

    def release(self, held: Held) -> None:
        """Forget a batch that the store has taken."""
        del self._held[held.token]
        segment_path(self._directory, held.number).unlink(missing_ok=True)
        self._note(held.number).unlink(missing_ok=True)

    def _note(self, number: int) -> Path:
        return segment_path(self._directory, number).with_suffix(".json")


def _scan(directory: Path) -> Iterator[Held]:
    for number in segment_numbers(directory):
        try:
            note = orjson.loads(segment_path(directory, number).with_suffix(".json").read_bytes())
            yield Held(number, str(note["token"]), str(note["reason"]))
        except (OSError, ValueError, KeyError, TypeError):
            yield Held(number, f"quarantine-{number}", "the note of why it was refused is not readable")


def _write(path: Path, content: bytes) -> None:
    """All or nothing under its name, and durable."""
    new = path.with_suffix(path.suffix + ".new")
    with new.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
