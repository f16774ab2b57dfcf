"""Documents in the store."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from storage.documents import Document
from storage.session import Column, Session

_FIELDS = "kind, id, version, text, author, written, is_deleted"


class DocumentTable:
    """Writes and reads documents. Safe from any thread."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def write(self, documents: Sequence[Document]) -> None:
        """Append versions; one that is there already is replaced."""
        if not documents:
            return
        columns: dict[str, Column] = {
            "kind": [one.kind for one in documents],
            "id": [one.id for one in documents],
            "version": np.array([one.version for one in documents], np.int64),
            "text": [one.text for one in documents],
            "author": [one.author for one in documents],
            "written": np.array([one.written_ms for one in documents], np.int64),
            "is_deleted": np.array([one.is_deleted for one in documents], np.uint8),
        }
        self._session.insert("documents", columns)

    def read(self, kind: str) -> list[Document]:
        """The newest version of each document that is not deleted, by id."""
        newest = ", ".join(
            f"argMax({field}, (version, written)) AS newest_{field}"
            for field in ("text", "author", "written", "is_deleted")
        )
        return self._select(
            f"SELECT kind, id, max(version), {newest} FROM documents WHERE kind = {_quoted(kind)} "
            "GROUP BY kind, id HAVING newest_is_deleted = 0 ORDER BY id"
        )

    def versions(self, kind: str, document_id: str) -> list[Document]:
        """All versions of one document, the newest first."""
        return self._select(
            f"SELECT {_FIELDS} FROM documents WHERE kind = {_quoted(kind)} AND id = {_quoted(document_id)} "
            "ORDER BY version DESC, written DESC LIMIT 1 BY version"
        )

    def _select(self, sql: str) -> list[Document]:
        columns = self._session.select(sql, has_text=True)
        rows = zip(*(column.tolist() for column in columns), strict=True)
        return [
            Document(kind, name, version, text, author, written, bool(is_deleted))
            for kind, name, version, text, author, written, is_deleted in rows
        ]


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
