"""Where the kernel's files are mounted, and how they are read."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

_CHUNK_BYTES = 1 << 16
_PAGE_BYTES = 4096


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
    """A whole file. Bytes that are not UTF-8 are replaced. Raises OSError.

    Plain descriptors take a third of the time of a file object, and a pass reads some hundred small files.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        chunks = []
        while chunk := os.read(descriptor, _CHUNK_BYTES):
            chunks.append(chunk)
    finally:
        os.close(descriptor)
    return b"".join(chunks).decode("utf-8", "replace")


def optional_text(path: str, directory: int | None = None) -> str | None:
    """A sysfs attribute, at most a page, without white space around it; None where missing or unset.

    `path` is relative to the descriptor `directory` when that is given.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC, dir_fd=directory)
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
    """The names in a directory, sorted. Raises OSError."""
    return sorted(os.listdir(path))  # noqa: PTH208 - names are all that is wanted
