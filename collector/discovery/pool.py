"""The targets of one job, by the group that they come from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from collector.discovery.group import Group
from collector.discovery.job import Job
from collector.discovery.labelling import targets_of
from collector.target import Target


def unique(targets: Iterable[Target]) -> Iterator[Target]:
    """Each target once, the first of those that are the same."""
    known: set[tuple[str, frozenset[tuple[str, str]]]] = set()
    for target in targets:
        identity = (target.url, frozenset(target.labels.items()))
        if identity not in known:
            known.add(identity)
            yield target


class Pool:
    """Groups come and go by a key of their own; only a group that comes again is labelled again.

    version: rises whenever the targets change.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        self.version = 0
        self._targets: dict[str, list[Target]] = {}
        self._errors: dict[str, str] = {}

    def set(self, key: str, group: Group | None) -> None:
        """Put a group in place of what the key had; None takes it away."""
        before = self._targets.get(key, [])
        targets, errors = targets_of(self.job, group, before) if group else ([], [])
        if errors:
            self._errors[key] = errors[0]
        else:
            self._errors.pop(key, None)
        if targets == before:
            return
        self.version += 1
        if targets:
            self._targets[key] = targets
        else:
            del self._targets[key]

    def set_all(self, prefix: str, groups: Iterable[tuple[str, Group]]) -> None:
        """Put groups in place of all whose keys begin with the prefix."""
        given = {prefix + key: group for key, group in groups}
        known = {*self._targets, *self._errors}
        for key in [key for key in known if key.startswith(prefix) and key not in given]:
            self.set(key, None)
        for key, group in given.items():
            self.set(key, group)

    @property
    def targets(self) -> list[Target]:
        """All of them, each once; none where they are more than the job's limit."""
        targets = self._all()
        return [] if self._excess(len(targets)) else targets

    @property
    def error(self) -> str:
        """What is wrong with a group, if anything is."""
        excess = self._excess(len(self._all())) if self.job.target_limit else ""
        return excess or next(iter(self._errors.values()), "")

    def _all(self) -> list[Target]:
        return [*unique(target for key in sorted(self._targets) for target in self._targets[key])]

    def _excess(self, count: int) -> str:
        limit = self.job.target_limit
        return f"target_limit: {count} targets, at most {limit} are allowed" if 0 < limit < count else ""
