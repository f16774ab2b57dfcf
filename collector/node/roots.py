"""Where the kernel's files are mounted, and how they are read."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from dataclasses import dataclass

_CHUNK_BYTES = 1 << 16
_PAGE_BYTES = 4096
_LARGEST_BYTES = 64 << 20
"""No file of procfs comes near it; a file that does not end must not fill the memory."""

# A named pipe where a file should be must not block the pass.
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK


@dataclass(frozen=True, slots=True)
class Roots:
    """Mount points of the host, as this process sees them; without a slash at the end, '' for '/'.

    net: the directory of the network namespace that is read, such as '/proc/net' or '/proc/1/net'.
    udev: the directory of udev's device database.
    """

    proc: str = "/proc"
    sys: str = "/sys"
    rootfs: str = ""
    net: str = "/proc/net"
    udev: str = "/run/udev/data"

    def proc_text(self, name: str) -> str:
        """A whole file below procfs. Raises OSError."""
        return read_text(f"{self.proc}/{name}")

    def net_text(self, name: str) -> str:
        """A whole file of the network namespace. Raises OSError."""
        return read_text(f"{self.net}/{name}")

    def sys_text(self, name: str) -> str:
        """A sysfs attribute without white space around it. Raises OSError."""
        return read_text(f"{self.sys}/{name}").strip()


def read_text(path: str) -> str:
    """A whole file. Bytes that are not UTF-8 are replaced. Raises OSError, also where it does not end.

    Plain descriptors take a third of the time of a file object, and a pass reads some hundred small files.
    """
    descriptor = os.open(path, _FLAGS)
    try:
        chunks = []
        while chunk := os.read(descriptor, _CHUNK_BYTES):
            chunks.append(chunk)
            if len(chunks) > _LARGEST_BYTES // _CHUNK_BYTES and sum(map(len, chunks)) > _LARGEST_BYTES:
                raise OSError(errno.EFBIG, f"more than {_LARGEST_BYTES} bytes", path)
    finally:
        os.close(descriptor)
    return b"".join(chunks).decode("utf-8", "replace")


def optional_text(path: str, directory: int | None = None) -> str | None:
    """A sysfs attribute, at most a page, without white space around it; None where missing or unset.

    `path` is relative to the descriptor `directory` when that is given.
    """
    try:
        descriptor = os.open(path, _FLAGS, dir_fd=directory)
    except OSError:
        return None
    try:
        return os.read(descriptor, _PAGE_BYTES).decode("utf-8", "replace").strip()
    except OSError:
        return None
    finally:
        os.close(descriptor)


def attributes(path: str, names: Sequence[str]) -> dict[str, str]:
    """The attributes of a sysfs directory that have a value; one walk of the path for all. Raises OSError."""
    directory = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        texts = {name: optional_text(name, directory) for name in names}
    finally:
        os.close(directory)
    return {name: text for name, text in texts.items() if text is not None}


def listing(path: str) -> list[str]:
    """The names in a directory, sorted, without those that are not UTF-8. Raises OSError."""
    names = os.listdir(path)  # noqa: PTH208 - names are all that is wanted
    return sorted(name for name in names if name.isascii() or _is_text(name))


def listing_if_any(path: str) -> list[str]:
    """The same, empty where there is no such directory. Raises other OSErrors."""
    try:
        return listing(path)
    except FileNotFoundError:
        return []


def _is_text(name: str) -> bool:
    return name == name.encode("utf-8", "replace").decode()
