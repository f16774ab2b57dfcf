"""Where control groups are, of version 2 and of version 1, and what their files say."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from collector.node.roots import listing

MOST = 5_000
"""Control groups of a machine; more of them are a mistake, and would each cost a tenth of a millisecond."""

_CHUNK_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Hierarchies:
    """Directories of the trees. unified: version 2, '' where version 1 is used; controllers: version 1."""

    unified: str
    controllers: Mapping[str, str]

    @property
    def roots(self) -> list[str]:
        """All trees in which a control group may be."""
        return [self.unified] if self.unified else sorted(set(self.controllers.values()))


def hierarchies(sys: str) -> Hierarchies:
    """The trees below sysfs. Raises OSError where none is mounted.

    Version 2 alone is mounted at `fs/cgroup`. Version 1 has a directory for each controller, or for several,
    such as `cpu,cpuacct`; a version 2 beside it has no controllers.
    """
    mount = f"{sys}/fs/cgroup"
    names = listing(mount)
    if "cgroup.controllers" in names:
        return Hierarchies(mount, {})
    controllers = {part: f"{mount}/{name}" for name in names for part in name.split(",")}
    known = {name: path for name, path in controllers.items() if name in _CONTROLLERS}
    if not known:
        raise FileNotFoundError(2, "no control groups", mount)
    return Hierarchies("", known)


_CONTROLLERS = frozenset({"cpu", "cpuacct", "memory", "blkio", "pids"})


def groups(roots: Sequence[str]) -> list[str]:
    """Every control group, '/' first, as it is called in its tree. Raises ValueError for more than `MOST`."""
    found: set[str] = set()
    for root in roots:
        for group in _below(root, ""):
            found.add(group)
            if len(found) > MOST:
                raise ValueError(f"more than {MOST} control groups")
    return sorted(found)


def _below(root: str, group: str) -> Iterator[str]:
    """A group that goes away meanwhile has no groups below it."""
    yield group or "/"
    try:
        with os.scandir(f"{root}{group}") as entries:
            names = sorted(each.name for each in entries if each.is_dir(follow_symlinks=False))
    except OSError:
        return
    for name in names:
        if name == name.encode("utf-8", "replace").decode():
            yield from _below(root, f"{group}/{name}")


def texts(directory: str, names: Sequence[str]) -> dict[str, str]:
    """Files of a control group that can be read, by their names; none where it is gone."""
    try:
        descriptor = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return {}
    try:
        found = {name: _whole(name, descriptor) for name in names}
    finally:
        os.close(descriptor)
    return {name: text for name, text in found.items() if text is not None}


def _whole(name: str, directory: int) -> str | None:
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK, dir_fd=directory)
    except OSError:
        return None
    try:
        chunks = []
        while chunk := os.read(descriptor, _CHUNK_BYTES):
            chunks.append(chunk)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return b"".join(chunks).decode("utf-8", "replace")


def numbers(text: str) -> dict[str, int]:
    """Lines of a word and a number. Raises ValueError."""
    pairs = (line.split() for line in text.splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if pair}


def limit(text: str) -> float:
    """A limit, 0 where there is none, as cAdvisor has it. Raises ValueError."""
    word = text.strip()
    value = 0 if word in ("max", "", "-1") else int(word)
    # Version 1 has no word for it, but a number near the largest.
    return 0.0 if value >= 1 << 62 else float(value)
