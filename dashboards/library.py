"""The dashboards that there are: those that Swell brings along, and those that people keep in the store."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Final

from dashboards.documents.model import Dashboard
from dashboards.documents.text import parse, to_yaml
from storage.documents import Document
from storage.errors import ConflictError, InputError
from storage.interface import Storage

KIND: Final = "dashboard"


@dataclass(frozen=True, slots=True)
class Kept:
    """A dashboard and where it stands. version: 0 for one that Swell brings along, unchanged."""

    dashboard: Dashboard
    version: int = 0
    author: str = ""
    written_ms: int = 0

    @property
    def is_builtin(self) -> bool:
        """Whether it is as Swell brings it along."""
        return self.version == 0


class Library:
    """Reads and writes dashboards; every version stays. Safe from any thread. now_ms: the clock."""

    def __init__(self, storage: Storage, now_ms: Callable[[], int]) -> None:
        self._storage = storage
        self._now_ms = now_ms

    def every(self) -> list[Kept]:
        """All, by title. One that was changed stands in place of the one that Swell brings along."""
        found = {uid: Kept(dashboard) for uid, dashboard in builtin().items()}
        for document in self._storage.read_documents(KIND):
            kept = _kept(document)
            found[kept.dashboard.uid] = kept
        return sorted(found.values(), key=lambda kept: (kept.dashboard.title.casefold(), kept.dashboard.uid))

    def get(self, uid: str, version: int | None = None) -> Kept:
        """The newest version of one, or the one asked for. Raises `InputError` where there is none."""
        versions = [one for one in self.versions(uid) if version in (None, one.version)]
        if versions and not versions[0].is_deleted:
            return _kept(versions[0])
        if uid in builtin() and version in (None, 0):
            return Kept(builtin()[uid])
        which = "" if version is None else f" of version {version}"
        raise InputError(f"there is no dashboard {uid!r}{which}")

    def versions(self, uid: str) -> list[Document]:
        """What was written of one, the newest first."""
        return self._storage.read_document_versions(KIND, uid)

    def save(self, dashboard: Dashboard, seen: int | None, author: str = "") -> Kept:
        """Write a new version. seen: the version that it was made from, None to write over any.

        Raises `ConflictError` where somebody else wrote meanwhile.
        """
        newest = self._newest(dashboard.uid)
        if seen is not None and seen != newest:
            raise ConflictError(
                f"dashboard {dashboard.uid!r} has version {newest} by now, this change was made to {seen}"
            )
        document = Document(KIND, dashboard.uid, newest + 1, to_yaml(dashboard), author, self._now_ms())
        self._storage.write_documents([document])
        return _kept(document)

    def delete(self, uid: str, author: str = "") -> None:
        """End a dashboard; what Swell brings along is back then. Raises `InputError` where there is none."""
        versions = self.versions(uid)
        if not versions or versions[0].is_deleted:
            raise InputError(f"there is no dashboard {uid!r} in the store")
        last = versions[0]
        ended = replace(
            last, version=last.version + 1, is_deleted=True, author=author, written_ms=self._now_ms()
        )
        self._storage.write_documents([ended])

    def _newest(self, uid: str) -> int:
        versions = self.versions(uid)
        return versions[0].version if versions else 0


@cache
def builtin() -> Mapping[str, Dashboard]:
    """What Swell brings along, by uid."""
    folder = files("dashboards") / "builtin"
    texts = [one.read_text() for one in folder.iterdir() if one.name.endswith(".yaml")]
    return {dashboard.uid: dashboard for dashboard in map(parse, texts)}


def _kept(document: Document) -> Kept:
    return Kept(parse(document.text), document.version, document.author, document.written_ms)
