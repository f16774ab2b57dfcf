"""The parser's place in the tokens, its errors with positions, and its guard against deep nesting."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import NoReturn

from query.ast import Span
from query.lexer import Token, tokenize
from storage.errors import InputError, ParseError


def error_at(text: str, message: str, span: Span) -> ParseError:
    """An error in Prometheus's form, `line:column: parse error: message`, both counted from 1."""
    before = text[: span.start]
    line = before.count("\n") + 1
    column = span.start - (before.rfind("\n") + 1) + 1
    return ParseError(f"{line}:{column}: parse error: {message}", span.start, span.end)


class Cursor:
    """Walks the tokens of one text."""

    def __init__(self, text: str, max_depth: int) -> None:
        self.text = text
        self._tokens = tokenize(text)
        self._at = 0
        self._depth = 0
        self._max_depth = max_depth

    @property
    def token(self) -> Token:
        """The token to read next."""
        return self._tokens[self._at]

    @property
    def kind(self) -> str:
        """The kind of the token to read next."""
        return self._tokens[self._at].kind

    @property
    def previous_end(self) -> int:
        """Where the last token read ends."""
        return self._tokens[self._at - 1].end

    def following(self) -> str:
        """The kind of the token after the next."""
        return self._tokens[self._at + 1].kind if self._at + 1 < len(self._tokens) else "eof"

    def advance(self) -> Token:
        """Read a token."""
        token = self._tokens[self._at]
        if token.kind not in ("eof", "error"):
            self._at += 1
        return token

    def take(self, kind: str) -> Token | None:
        """Read a token if it is of this kind."""
        return self.advance() if self.kind == kind else None

    def take_word(self, *words: str) -> Token | None:
        """Read an identifier or keyword if it is one of these words in any case."""
        token = self.token
        is_word = token.kind not in ("string", "error") and token.text.lower() in words
        return self.advance() if is_word else None

    def expect(self, kinds: str | Collection[str], context: str = "", expected: str = "") -> Token:
        """Read a token of one of these kinds. Raises `ParseError`."""
        wanted = (kinds,) if isinstance(kinds, str) else kinds
        if self.kind not in wanted:
            self.unexpected(context, expected)
        return self.advance()

    def unexpected(self, context: str = "", expected: str = "") -> NoReturn:
        """Refuse the next token, or pass on what the lexer found wrong."""
        token = self.token
        if token.kind == "error":
            self.fail(token.text, token.start, token.end)
        where = f" in {context}" if context else ""
        wanted = f", expected {expected}" if expected else ""
        self.fail(f"unexpected {token}{where}{wanted}", token.start, token.end)

    def fail(self, message: str | InputError, start: int, end: int) -> NoReturn:
        """Raise a `ParseError` over [start, end)."""
        raise error_at(self.text, str(message), Span(start, end)) from None

    def fail_token(self, message: str | InputError, token: Token) -> NoReturn:
        """Raise a `ParseError` over a token."""
        self.fail(message, token.start, token.end)

    @contextmanager
    def nested(self) -> Iterator[None]:
        """One level deeper; refuses what nests too deep to evaluate."""
        self._depth += 1
        if self._depth > self._max_depth:
            token = self.token
            self.fail(
                f"expression nests deeper than {self._max_depth} levels (query.max_depth)",
                token.start,
                token.end,
            )
        yield
        self._depth -= 1
