"""One group of pushed metrics, and the file that keeps it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import orjson

from ingest.protocols.pushed.exposed import Sample
from storage.errors import ConfigError
from storage.model import METRIC_NAME, Labels

_TIME: Final = "push_time_seconds"


@dataclass(frozen=True, slots=True)
class Group:
    """Samples by family, under the labels of the path they were pushed to."""

    labels: Labels
    families: Mapping[str, Mapping[Labels, float]] = field(default_factory=dict)
    pushed_ms: int = 0

    def series(self) -> dict[Labels, float]:
        """Every series and its value, with `push_time_seconds`."""
        found = {labels: value for family in self.families.values() for labels, value in family.items()}
        if self.pushed_ms:
            found[tuple(sorted([(METRIC_NAME, _TIME), *self.labels]))] = self.pushed_ms / 1000
        return found

    def owned(self, samples: list[Sample]) -> dict[Labels, float]:
        """The samples under the group's labels, which stand above their own; a series' last sample counts."""
        own = dict(self.labels)
        return {
            tuple(sorted((name, value) for name, value in (dict(labels) | own).items() if value)): number
            for labels, number in samples
        }

    def path(self, directory: Path) -> Path:
        """Where the group is kept."""
        return directory / f"{hashlib.sha256(orjson.dumps(self.labels)).hexdigest()}.json"


def save(group: Group, directory: Path) -> None:
    """Write a group's file; it is whole and on the disk when this returns."""
    content = {
        "labels": group.labels,
        "pushed_ms": group.pushed_ms,
        "families": {
            name: [[labels, value.hex()] for labels, value in family.items()]
            for name, family in group.families.items()
        },
    }
    path = group.path(directory)
    fresh = path.with_suffix(".new")
    with fresh.open("wb") as file:
        file.write(orjson.dumps(content))
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    _sync(directory)


def remove(group: Group, directory: Path) -> None:
    """Delete a group's file, if it has one."""
    group.path(directory).unlink(missing_ok=True)
    _sync(directory)


def load(directory: Path) -> dict[Labels, Group]:
    """Every group that is kept, by its labels. Raises `ConfigError` for a file that is none."""
    found = {}
    for path in sorted(directory.glob("*.json")):
        try:
            content = orjson.loads(path.read_bytes())
        except orjson.JSONDecodeError as error:
            raise ConfigError(f"{path} is no group of pushed metrics, remove it: {error}") from None
        labels = _labels(content["labels"])
        families = {
            name: {_labels(series): float.fromhex(value) for series, value in family}
            for name, family in content["families"].items()
        }
        found[labels] = Group(labels, families, content["pushed_ms"])
    return found


def _labels(pairs: list[list[str]]) -> Labels:
    return tuple((name, value) for name, value in pairs)


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
