"""The words of a line, as Wavefront's proxy cuts them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from storage.errors import DecodeError

_BLANK: Final = " \t"
_QUOTES: Final = "\"'"
_MARKS: Final = "=#"


@dataclass(frozen=True, slots=True)
class Token:
    """A word. is_mark: it is a bare `=` or `#`; is_bare: it came without quotes."""

    text: str
    is_bare: bool
    is_mark: bool = False

    @property
    def is_number(self) -> bool:
        """Whether it stands where a timestamp may: a bare word that begins with a digit."""
        return self.is_bare and "0" <= self.text[:1] <= "9"


class Tokens:
    """Reads a line from the left. Raises `DecodeError` that begins with `WF-300`."""

    def __init__(self, line: str) -> None:
        self._words = _cut(line)
        self._at = 0

    def peek(self) -> Token | None:
        """The next word, None at the end."""
        return self._words[self._at] if self._at < len(self._words) else None

    def take(self, what: str) -> Token:
        """The next word, which has to be one. `what` names it where it is missing."""
        found = self.peek()
        if found is None or found.is_mark:
            given = "the line ends" if found is None else f"{found.text!r} stands there"
            raise DecodeError(f"WF-300 cannot be parsed: expected {what}, {given}")
        self._at += 1
        return found

    def take_mark(self, mark: str) -> bool:
        """Whether the next is this mark, which is taken then."""
        found = self.peek()
        if found is None or not found.is_mark or found.text != mark:
            return False
        self._at += 1
        return True

    def pair(self) -> tuple[str, str]:
        """`key=value`."""
        key = self.take("a key").text
        if not self.take_mark("="):
            raise DecodeError(f"WF-300 cannot be parsed: expected '=' behind the key {key[:80]!r}")
        return key, self.take(f"the value of {key[:80]!r}").text

    def pairs(self) -> list[tuple[str, str]]:
        """`key=value` until the end of the line."""
        found = []
        while self.peek() is not None:
            found.append(self.pair())
        return found


def _cut(line: str) -> list[Token]:
    words = []
    at = 0
    while at < len(line):
        first = line[at]
        if first in _BLANK:
            at += 1
        elif first in _MARKS:
            words.append(Token(first, is_bare=True, is_mark=True))
            at += 1
        elif first in _QUOTES:
            text, at = _quoted(line, at)
            words.append(Token(text, is_bare=False))
        else:
            end = at
            while end < len(line) and line[end] not in _BLANK and line[end] != "=":
                end += 1
            words.append(Token(line[at:end], is_bare=True))
            at = end
    return words


def _quoted(line: str, at: int) -> tuple[str, int]:
    """(text, offset behind the closing quote). A backslash escapes the quote that was opened with, only."""
    quote, start = line[at], at + 1
    end = line.find(quote, start)
    while end > 0 and line[end - 1] == "\\" and end > start:
        end = line.find(quote, end + 1)
    if end < 0:
        raise DecodeError(f"WF-300 cannot be parsed: the quote at character {at + 1} is not closed")
    return line[start:end].replace("\\" + quote, quote), end + 1
