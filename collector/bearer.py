"""The bearer token that a push carries."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Token:
    """A token given as a value or in a file, read again when it changes, as a mounted secret does."""

    value: str | None = None
    path: Path | None = None
    seen: tuple[int, int, int] | None = None

    def headers(self) -> dict[str, str]:
        """The authorization header, none without a token. A file that cannot be read keeps the last token."""
        if self.path is not None:
            self._refresh(self.path)
        return {"Authorization": f"Bearer {self.value}"} if self.value else {}

    def _refresh(self, path: Path) -> None:
        try:
            status = path.stat()
            stamp = (status.st_ino, status.st_mtime_ns, status.st_size)
            if stamp != self.seen:
                self.value, self.seen = path.read_text().strip(), stamp
        except OSError as error:
            log.warning("token_file: cannot read %s: %s", path, error.strerror)
