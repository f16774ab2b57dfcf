"""Bodies that wait on disk while the service is away, in order, within a bound.

One file a body: magic, version (uint32), samples (uint32), length (uint32), xxh64 (uint64) of all else, the
body; integers little-endian. A file appears under its name only when it is whole, so a crash of the process
leaves at most a temporary file behind. A crash of the machine may cost what `sync` has not seen yet.
"""

from __future__ import annotations

import fcntl
import logging
import os
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import xxhash

from collector.body import Body
from storage.errors import ConfigError, DecodeError

log = logging.getLogger(__name__)

_MAGIC: Final = b"SWB2"
_HEADER: Final = struct.Struct("<4sIII")
_CHECKSUM: Final = struct.Struct("<Q")
_HEAD_BYTES: Final = _HEADER.size + _CHECKSUM.size
_SUFFIX: Final = ".body"
_LOCK: Final = "lock"


def pack(body: Body) -> bytes:
    """A file's content."""
    header = _HEADER.pack(_MAGIC, body.version, body.samples, len(body.content))
    return header + _CHECKSUM.pack(_checksum(header, body.content)) + body.content


def unpack(content: bytes) -> Body:
    """The body in a file's content. Raises DecodeError when it is not what was written."""
    if len(content) < _HEAD_BYTES:
        raise DecodeError(f"{len(content)} bytes, expected a header of {_HEAD_BYTES}")
    magic, version, samples, length = _HEADER.unpack_from(content)
    (checksum,) = _CHECKSUM.unpack_from(content, _HEADER.size)
    body = content[_HEAD_BYTES:]
    if magic != _MAGIC:
        raise DecodeError(f"magic {magic!r}, expected {_MAGIC!r}")
    if length != len(body) or checksum != _checksum(content[: _HEADER.size], body):
        raise DecodeError(f"{len(body)} bytes do not have the length {length} and checksum of the header")
    return Body(body, version, samples)


def _checksum(header: bytes, body: bytes) -> int:
    return xxhash.xxh64_intdigest(header + body)


@dataclass(slots=True)
class Losses:
    """Bodies and samples that the spool gave up: pushed out by newer ones, or damaged on disk."""

    full: int = 0
    full_samples: int = 0
    damaged: int = 0


@dataclass(frozen=True, slots=True)
class _Entry:
    size_bytes: int
    samples: int


class Spool:
    """A directory of bodies, first in, first out. One process a directory; not for several threads.

    Raises ConfigError when the directory cannot be used or another process uses it.
    """

    def __init__(self, directory: Path, max_bytes: int) -> None:
        self._directory = directory
        self._max_bytes = max_bytes
        self.losses = Losses()
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(directory / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._entries = _scan(directory)
        except OSError as error:
            raise ConfigError(f"spool_dir: cannot use {str(directory)!r}: {error.strerror}") from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            raise ConfigError(f"spool_dir: {str(directory)!r} is in use by another process") from None
        self._next = max(self._entries, default=-1) + 1
        self._unsynced: list[Path] = []
        self.size_bytes = sum(entry.size_bytes for entry in self._entries.values())
        """Bytes of all waiting files."""

    def __len__(self) -> int:
        return len(self._entries)

    def append(self, body: Body) -> None:
        """Keep a body; it outlives the process. The oldest go where it would not fit. Raises OSError."""
        content = pack(body)
        self._make_room(len(content))
        if len(content) > self._max_bytes:
            self._lose(_Entry(len(content), body.samples))
            return
        path = self._path(self._next)
        temporary = path.with_suffix(".tmp")
        temporary.write_bytes(content)
        temporary.rename(path)
        self._entries[self._next] = _Entry(len(content), body.samples)
        self._next += 1
        self.size_bytes += len(content)
        self._unsynced.append(path)

    def unsynced(self) -> list[Path]:
        """The files that `sync` is to be told of, each once."""
        paths, self._unsynced = self._unsynced, []
        return paths

    def oldest(self) -> Body | None:
        """The body that has waited longest; None when none waits. Drops damaged ones. Raises OSError."""
        while self._entries:
            number = next(iter(self._entries))
            try:
                return unpack(self._path(number).read_bytes())
            except (DecodeError, FileNotFoundError) as error:
                log.warning("dropped damaged body %s: %s", self._path(number), error)
                self.losses.damaged += 1
                self.remove_oldest()
        return None

    def remove_oldest(self) -> None:
        """Forget the body that `oldest` gave. Raises OSError."""
        number = next(iter(self._entries))
        # First, so that a file which cannot be removed is not sent for ever.
        self.size_bytes -= self._entries.pop(number).size_bytes
        self._path(number).unlink(missing_ok=True)

    def close(self) -> None:
        """Let another process use the directory."""
        sync(self.unsynced())
        os.close(self._lock)

    def _make_room(self, size_bytes: int) -> None:
        while self._entries and self.size_bytes + size_bytes > self._max_bytes:
            self._lose(next(iter(self._entries.values())))
            self.remove_oldest()

    def _lose(self, entry: _Entry) -> None:
        self.losses.full += 1
        self.losses.full_samples += entry.samples

    def _path(self, number: int) -> Path:
        return self._directory / f"{number:016d}{_SUFFIX}"


def sync(paths: Iterable[Path]) -> None:
    """Bring files and their names to the disk itself; may run in a thread. What is gone is left out."""
    directories = set()
    for path in paths:
        if _fsync(path):
            directories.add(path.parent)
    for directory in directories:
        _fsync(directory)


def _fsync(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        os.fsync(descriptor)
    except OSError as error:
        log.error("cannot sync %s: %s", path, error)  # noqa: TRY400 - the disk's fault, not the program's
        return False
    finally:
        os.close(descriptor)
    return True


def _scan(directory: Path) -> dict[int, _Entry]:
    """The waiting files by number, oldest first; removes what a crash left half-written."""
    for path in directory.glob("*.tmp"):
        path.unlink()
    paths = sorted(path for path in directory.glob(f"*{_SUFFIX}") if path.stem.isdigit())
    return {int(path.stem): _entry(path) for path in paths}


def _entry(path: Path) -> _Entry:
    with path.open("rb") as file:
        head = file.read(_HEADER.size)
    samples = _HEADER.unpack(head)[2] if len(head) == _HEADER.size and head.startswith(_MAGIC) else 0
    return _Entry(path.stat().st_size, samples)
