"""Text to tokens. Three modes, as in Prometheus's promql/parser/lex.go: statement, braces and brackets."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from query.functions import AGGREGATIONS
from query.strings import escape_error, quote, quote_rune

OPERATOR_WORDS: Final = frozenset({"and", "or", "unless", "atan2"})
_EDGES = {"anchored", "smoothed"}
_MATCHING = {"on", "ignoring", "group_left", "group_right", "bool", "fill", "fill_left", "fill_right"}
KEYWORDS: Final = frozenset({"by", "without", "offset", "start", "end"} | _MATCHING | _EDGES)
_SYMBOLS = {"+", "-", "*", "/", "%", "^", "==", "!=", "<", ">", "<=", ">=", "</", ">/", "@", "=~", "!~"}
OPERATORS: Final = OPERATOR_WORDS | _SYMBOLS

_RESERVED = OPERATOR_WORDS | KEYWORDS | AGGREGATIONS.keys()
_DESCRIBED = {
    "identifier": "identifier",
    "metric": "metric identifier",
    "string": "string",
    "number": "number",
    "duration": "duration",
}

_SKIPPED = re.compile(r"(?:[ \t\r\n]+|#[^\r\n]*)+")
_WORD = re.compile(r"[A-Za-z_:][A-Za-z0-9_:]*")
_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_STATEMENT_SYMBOL = re.compile(r"==|=(?!~)|!=|<=|</|<|>=|>/|>|[-+*/%^,@(){}\[\]]")
_BRACES_SYMBOL = re.compile(r"=~|=|!=|!~|[,}]")
_BRACKET_SYMBOL = re.compile(r"[-+*/%^,():\]]")
_QUOTED = re.compile(r'"(?:[^"\\\n]|\\[^\n])*"|' + r"'(?:[^'\\\n]|\\[^\n])*'|`[^`]*`")
_DIGITS = r"\d(?:_?\d)*+"
_NUMBER = re.compile(
    r"(?:0[xX](?:_?[0-9a-fA-F])++"
    rf"|(?:{_DIGITS}(?:\.(?:{_DIGITS})?)?|\.{_DIGITS})(?:[eE][+-]?{_DIGITS})?+)(?![A-Za-z0-9_.])"
)
# Units such as `hs` are taken here and refused by the duration's own reader, which can name them.
_DURATION = re.compile(r"[\d.][\d.]*[smhdwy]s?(?:\d+[smhdw]s?)*(?![A-Za-z0-9_])")
_BAD_NUMBER = re.compile(r"\.?\d*(?:\.\d*)?(?:\.|[smhdwy]s?(?:\d+[smhdw]s?)*(?:\d+|.?)|[eE][+-]?|.?)")
_NOT_TEXT = re.compile("[\ud800-\udfff\ufffd]")
_IN_DURATION = frozenset({"step", "range", "min_of", "max_of"})


class Token(NamedTuple):
    """A word or symbol of the text.

    `kind` is `identifier`, `metric`, `number`, `duration`, `string`, `error`, `eof`, or the symbol or
    keyword itself in lower case. Offsets are characters, `end` exclusive. An error's `text` is its message.
    """

    kind: str
    text: str
    start: int
    end: int

    def __str__(self) -> str:
        """The token as an error message names it."""
        if self.kind == "eof":
            return "end of input"
        if self.kind in OPERATORS:
            return f"<op:{self.text}>"
        if self.kind in KEYWORDS:
            return f"<{self.text}>"
        if self.kind in AGGREGATIONS:
            return f"<aggr:{self.text}>"
        shown = quote(self.text)
        if self.kind in ("string", "number", "duration") and len(self.text) > 10:
            shown = quote(self.text[:10]) + "..."
        return f"{_DESCRIBED[self.kind]} {shown}" if self.kind in _DESCRIBED else shown


class _WrongTokenError(Exception):
    """Carries the error token to the loop that ends the list."""

    def __init__(self, message: str, start: int, end: int) -> None:
        self.token = Token("error", message, start, end)


def tokenize(text: str) -> list[Token]:
    """All tokens, closed by `eof`, or by an `error` at the first character that fits nowhere."""
    return _Lexer(text).run()


class _Lexer:
    """One pass over one text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._depth = 0
        self._mode = self._statement
        self._tokens: list[Token] = []
        self._after_duration = False

    def run(self) -> list[Token]:
        try:
            while self._skip():
                self._mode()
            self._finish()
        except _WrongTokenError as error:
            self._tokens.append(error.token)
        return self._tokens

    def _skip(self) -> bool:
        blank = _SKIPPED.match(self._text, self._at)
        if blank:
            self._at = blank.end()
        return self._at < len(self._text)

    def _finish(self) -> None:
        end = len(self._text)
        if self._mode == self._braces:
            raise _WrongTokenError("unexpected end of input inside braces", end, end)
        if self._mode == self._bracket:
            raise _WrongTokenError("unexpected end of input in duration expression", end, end)
        if self._depth:
            raise _WrongTokenError("unclosed left parenthesis", end, end)
        self._tokens.append(Token("eof", "", end, end))

    def _statement(self) -> None:
        char = self._text[self._at]
        if char in "\"'`":
            return self._string()
        if char.isascii() and (char.isdigit() or (char == "." and self._text[self._at + 1 :][:1].isdigit())):
            return self._number()
        word = _WORD.match(self._text, self._at)
        if word:
            return self._word(word.group())
        symbol = _STATEMENT_SYMBOL.match(self._text, self._at)
        if not symbol or symbol.group() == "}":
            return self._unexpected_in_statement(char)
        return self._symbol(symbol.group())

    def _unexpected_in_statement(self, char: str) -> None:
        following = self._text[self._at + 1 : self._at + 2]
        if char in "=!":
            raise self._wrong(f"unexpected character after {quote_rune(char)}: {quote_rune(following)}")
        raise self._wrong(f"unexpected character: {quote_rune(char)}")

    def _symbol(self, symbol: str) -> None:
        if symbol == "(":
            self._depth += 1
        elif symbol == ")":
            if not self._depth:
                raise _WrongTokenError("unexpected right parenthesis ')'", self._at + 1, self._at + 1)
            self._depth -= 1
        elif symbol == "{":
            self._mode = self._braces
        elif symbol == "[":
            self._mode, self._after_duration = self._bracket, False
        elif symbol in "}]":
            self._mode = self._statement
        self._emit(symbol, symbol)

    def _word(self, word: str) -> None:
        lower = word.lower()
        if lower in _RESERVED:
            self._emit(lower, word)
        elif lower in ("inf", "nan"):
            self._emit("number", word)
        else:
            self._emit("metric" if ":" in word else "identifier", word)

    def _braces(self) -> None:
        char = self._text[self._at]
        if char in "\"'`":
            return self._string()
        label = _LABEL.match(self._text, self._at)
        if label:
            return self._emit("identifier", label.group())
        symbol = _BRACES_SYMBOL.match(self._text, self._at)
        if symbol:
            return self._symbol(symbol.group())
        if char == "!":
            following = self._text[self._at + 1 : self._at + 2]
            raise self._wrong(f"unexpected character after '!' inside braces: {quote_rune(following)}")
        raise self._wrong(f"unexpected character inside braces: {quote_rune(char)}")

    def _bracket(self) -> None:
        char = self._text[self._at]
        if char.isascii() and (char.isdigit() or char == "."):
            self._after_duration = True
            return self._number()
        word = _LABEL.match(self._text, self._at)
        if word and word.group().lower() in _IN_DURATION:
            self._after_duration = True
            return self._emit("identifier", word.group())
        symbol = _BRACKET_SYMBOL.match(self._text, self._at)
        if symbol:
            return self._symbol(symbol.group())
        if word and self._after_duration:
            raise self._wrong(f"unexpected character: {quote_rune(char)}, expected ':'")
        raise self._wrong(f"unexpected character in duration expression: {quote_rune(char)}")

    def _number(self) -> None:
        for kind, pattern in (("number", _NUMBER), ("duration", _DURATION)):
            found = pattern.match(self._text, self._at)
            if found:
                return self._emit(kind, found.group())
        bad = _BAD_NUMBER.match(self._text, self._at)
        shown = bad.group() if bad else self._text[self._at]
        raise self._wrong(f"bad number or duration syntax: {quote(shown)}")

    def _string(self) -> None:
        found = _QUOTED.match(self._text, self._at)
        quote_char = self._text[self._at]
        inside = found.group()[1:-1] if found else self._text[self._at + 1 :]
        if _NOT_TEXT.search(inside):
            raise self._wrong("invalid UTF-8 rune")
        wrong = escape_error(inside, quote_char) if quote_char != "`" else None
        if wrong:
            raise self._wrong(wrong)
        if not found:
            raise self._wrong(f"unterminated {'raw' if quote_char == '`' else 'quoted'} string")
        self._emit("string", found.group())

    def _emit(self, kind: str, text: str) -> None:
        start, self._at = self._at, self._at + len(text)
        self._tokens.append(Token(kind, text, start, self._at))

    def _wrong(self, message: str) -> _WrongTokenError:
        return _WrongTokenError(message, self._at, len(self._text))
