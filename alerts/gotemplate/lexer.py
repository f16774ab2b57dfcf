"""Template text to tokens: runs of text, and the words inside of actions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from storage.errors import InputError


class TemplateError(InputError):
    """A template is wrong, or cannot be expanded with its data."""


@dataclass(frozen=True, slots=True)
class Token:
    """One token. `kind` is text, open, close, or one of the groups of the pattern of words."""

    kind: str
    text: str
    line: int


_WORD: Final = re.compile(
    r"""(?P<space>[ \t\r\n]+)
      | (?P<string>"(?:[^"\\\n]|\\.)*")
      | (?P<raw>`[^`]*`)
      | (?P<char>'(?:[^'\\\n]|\\.)+')
      | (?P<number>[+-]?(?:0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+
            |(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9][0-9_]*)(?:[eE][+-]?[0-9]+)?))
      | (?P<declare>:=)
      | (?P<variable>\$\w*)
      | (?P<field>\.[^\W\d]\w*)
      | (?P<word>[^\W\d]\w*)
      | (?P<sign>[=|(),.])""",
    re.VERBOSE,
)
_COMMENT: Final = re.compile(r"/\*.*?\*/", re.DOTALL)
_SPACE: Final = " \t\r\n"


def tokens(text: str) -> Iterator[Token]:
    """All tokens of a template. Raises `TemplateError` with a line."""
    at, trim = 0, False
    while at < len(text):
        start = text.find("{{", at)
        run = text[at:] if start < 0 else text[at:start]
        run = run.lstrip(_SPACE) if trim else run
        if start < 0:
            yield Token("text", run, _line(text, at))
            return
        inside = start + 2
        if text.startswith("-", inside) and text[inside + 1 : inside + 2] in tuple(_SPACE):
            run, inside = run.rstrip(_SPACE), inside + 2
        if run:
            yield Token("text", run, _line(text, at))
        at, trim, found = _action(text, inside)
        yield from found


def _action(text: str, at: int) -> tuple[int, bool, list[Token]]:
    """The tokens of one action; where the text goes on, and whether its leading space is trimmed."""
    line = _line(text, at)
    comment = _COMMENT.match(text, at)
    if comment:
        end = _closing(text, comment.end())
        if end is None:
            raise TemplateError(f"line {line}: comment ends before closing delimiter")
        return end[0], end[1], []
    found = [Token("open", "{{", line)]
    while True:
        closing = _closing(text, at)
        if closing is not None:
            return closing[0], closing[1], [*found, Token("close", "}}", _line(text, at))]
        word = _WORD.match(text, at)
        if word is None:
            reason = "unclosed action" if at >= len(text) else f"unexpected {text[at]!r} in action"
            raise TemplateError(f"line {_line(text, at)}: {reason}")
        found.append(Token(str(word.lastgroup), word.group(), _line(text, at)))
        at = word.end()


def _closing(text: str, at: int) -> tuple[int, bool] | None:
    """The end of `}}` or ` -}}` at a place, and whether it trims."""
    if text.startswith("}}", at):
        return at + 2, False
    trimmed = re.compile(r"[ \t\r\n]+-\}\}").match(text, at)
    return (trimmed.end(), True) if trimmed else None


def _line(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1
