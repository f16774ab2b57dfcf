"""Bodies that wait on disk while the service is away, in order, within a bound.

One file a body: magic, length (uint32), xxh64 (uint64) of the body, the body; integers little-endian. A file
appears under its name only when it is whole and on disk, so a crash leaves at most a temporary file behind.
"""

from __future__ import annotations

import fcntl
import logging
import os
import struct
from dataclasses import dataclass
from pathlib import Path

import xxhash

from storage.errors import ConfigError, DecodeError

log = logging.getLogger(__name__)

_MAGIC = b"SWB1"
_HEADER = struct.Struct("<4sIQ")
_SUFFIX = ".body"
_LOCK = "lock"


def pack(body: bytes) -> bytes:
    """A file's content."""
    return _HEADER.pack(_MAGIC, len(body), xxhash.xxh64_intdigest(body)) + body


def unpack(content: bytes) -> bytes:
    """The body in a file's content. Raises DecodeError when it is not what was written."""
    if len(content) < _HEADER.size:
        raise DecodeError(f"{len(content)} bytes, expected a header of {_HEADER.size}")
    magic, length, checksum = _HEADER.unpack_from(content)
    body = content[_HEADER.size :]
    if magic != _MAGIC:
        raise DecodeError(f"magic {magic!r}, expected {_MAGIC!r}")
    if length != len(body) or checksum != xxhash.xxh64_intdigest(body):
        raise DecodeError(f"{len(body)} bytes do not have the length {length} and checksum of the header")
    return body


@dataclass(slots=True)
class Losses:
    """Bodies that the spool gave up: pushed out by newer ones, or damaged on disk."""

    full: int = 0
    damaged: int = 0


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
            self._sizes = _scan(directory)
        except OSError as error:
            raise ConfigError(f"spool_dir: cannot use {str(directory)!r}: {error.strerror}") from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            raise ConfigError(f"spool_dir: {str(directory)!r} is in use by another process") from None
        self._next = max(self._sizes, default=-1) + 1

    def __len__(self) -> int:
        return len(self._sizes)

    @property
    def size_bytes(self) -> int:
        """Bytes of all waiting files."""
        return sum(self._sizes.values())

    def append(self, body: bytes) -> None:
        """Keep a body; it is on disk on return. The oldest go where it would not fit. Raises OSError."""
        content = pack(body)
        self._make_room(len(content))
        if len(content) > self._max_bytes:
            self.losses.full += 1
            return
        number = self._next
        _write(self._path(number), content)
        self._sizes[number] = len(content)
        self._next = number + 1

    def oldest(self) -> bytes | None:
        """The body that has waited longest; None when none waits. Drops damaged ones. Raises OSError."""
        while self._sizes:
            number = next(iter(self._sizes))
            try:
                return unpack(self._path(number).read_bytes())
            except (DecodeError, FileNotFoundError) as error:
                log.warning("dropped damaged body %s: %s", self._path(number), error)
                self.losses.damaged += 1
                self.remove_oldest()
        return None

    def remove_oldest(self) -> None:
        """Forget the body that `oldest` gave. Raises OSError."""
        number = next(iter(self._sizes))
        del self._sizes[number]  # first, so that a file which cannot be removed is not sent for ever
        self._path(number).unlink(missing_ok=True)

    def close(self) -> None:
        """Let another process use the directory."""
        os.close(self._lock)

    def _make_room(self, size_bytes: int) -> None:
        while self._sizes and self.size_bytes + size_bytes > self._max_bytes:
            self.remove_oldest()
            self.losses.full += 1

    def _path(self, number: int) -> Path:
        return self._directory / f"{number:016d}{_SUFFIX}"


def _scan(directory: Path) -> dict[int, int]:
    """Sizes of the waiting files by number, oldest first; removes what a crash left half-written."""
    for path in directory.glob("*.tmp"):
        path.unlink()
    paths = sorted(path for path in directory.glob(f"*{_SUFFIX}") if path.stem.isdigit())
    return {int(path.stem): path.stat().st_size for path in paths}


def _write(path: Path, content: bytes) -> None:
    """All or nothing, and durable: the file's bytes, then its name."""
    temporary = path.with_suffix(".tmp")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
