"""Groups of targets in files, read again when these change."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, Final

from collector.discovery.group import Group, groups_of
from collector.discovery.job import Files
from collector.discovery.pool import Pool
from collector.discovery.section import as_text, yaml_content
from storage.errors import ConfigError

log = logging.getLogger(__name__)

_POLL_S: Final = 5.0
_FILE: Final = "__meta_filepath"
Stamp = tuple[int, int, int]


def read_groups(path: Path) -> list[Group]:
    """The groups of a file, YAML or JSON by its ending. Raises ConfigError that names it."""
    try:
        text = path.read_text()
        content: Any = as_text(json.loads(text)) if path.suffix == ".json" else yaml_content(text)
        groups = groups_of(content or [], "targets")
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from None
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
    return [Group(group.targets, {**group.labels, _FILE: str(path)}) for group in groups]


class FileFinder:
    """Looks at the files every few seconds. A file that becomes wrong keeps its last targets."""

    def __init__(self, pool: Pool, prefix: str, source: Files) -> None:
        self.problems: dict[str, str] = {}
        self._pool = pool
        self._prefix = prefix
        self._source = source
        self._seen: dict[Path, Stamp] = {}

    async def run(self, pause: Callable[[float], Awaitable[None]]) -> None:
        """Keep the pool current until cancelled."""
        while True:
            self.refresh()
            await pause(_POLL_S)

    def refresh(self) -> None:
        """Read what has changed."""
        found = {path: stamp for path in self._paths() if (stamp := _stamp(path)) is not None}
        for path in self._seen.keys() - found.keys():
            self._pool.set_all(self._key(path), ())
            self.problems.pop(str(path), None)
        for path, stamp in found.items():
            if stamp != self._seen.get(path):
                self._read(path)
        self._seen = found

    def _read(self, path: Path) -> None:
        try:
            groups = read_groups(path)
        except ConfigError as error:
            log.warning("%s: %s", self._pool.job.name, error)
            self.problems[str(path)] = str(error)
        else:
            self.problems.pop(str(path), None)
            self._pool.set_all(self._key(path), ((str(number), group) for number, group in enumerate(groups)))

    def _paths(self) -> Iterator[Path]:
        for pattern in self._source.patterns:
            yield from sorted(pattern.parent.glob(pattern.name)) if "*" in pattern.name else [pattern]

    def _key(self, path: Path) -> str:
        return f"{self._prefix}{path}:"


def _stamp(path: Path) -> Stamp | None:
    """What changes when a file does, mounted ones included, whose links are swapped."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size
