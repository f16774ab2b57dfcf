"""What an import did not carry over."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct, field


class Note(Struct, frozen=True):
    """One loss. effect: the panel or variable is not there, it looks otherwise, or nobody will miss it."""

    where: str
    what: str
    effect: Literal["left out", "changed", "ignored"]


class Report(Struct):
    """Notes of one import, and how many panels there were and are drawn."""

    notes: list[Note] = field(default_factory=list)
    panels: int = 0
    supported: int = 0

    def left_out(self, where: str, what: str) -> None:
        """Note something that is not there any more."""
        self._add(Note(where, what, "left out"))

    def changed(self, where: str, what: str) -> None:
        """Note something that looks otherwise."""
        self._add(Note(where, what, "changed"))

    def ignored(self, where: str, what: str) -> None:
        """Note something without effect here."""
        self._add(Note(where, what, "ignored"))

    def _add(self, note: Note) -> None:
        if note not in self.notes:
            self.notes.append(note)
