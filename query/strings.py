"""String literals: Go's escapes and quoting, which PromQL uses (Go specification, "String literals")."""

from __future__ import annotations

import re

from storage.errors import InputError

_SIMPLE = {"a": 7, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11, "\\": 92}
_WIDTHS = {"x": 2, "u": 4, "U": 8}
_ESCAPE = re.compile(r"\\(?:[0-7]{3}|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)", re.DOTALL)
_SPECIAL = {10: "\\n", 13: "\\r", 9: "\\t", 7: "\\a", 8: "\\b", 12: "\\f", 11: "\\v", 34: '\\"', 92: "\\\\"}


def unquote(literal: str) -> str:
    """The value of a literal in double, single or back quotes.

    Escaped bytes that are not UTF-8 become lone surrogates (PEP 383), which no stored label holds.
    Raises `InputError`.
    """
    body = literal[1:-1]
    if literal[0] == "`":
        return body.replace("\r", "")
    if "\\" not in body:
        return body
    return _unescape(body, literal[0])


def escape_error(body: str, quote: str) -> str | None:
    """What is wrong with the first wrong escape inside a literal, in Go's words; None if all are right."""
    for match in re.finditer(r"\\(.?)([^\\]{0,8})", body.replace("\\\\", "  "), re.DOTALL):
        letter, rest = match.groups()
        if letter == "":
            return "escape sequence not terminated"
        if letter in _SIMPLE or letter == quote:
            continue
        wrong = _digits_error(letter, rest)
        if wrong:
            return wrong
    return None


def has_stray_bytes(value: str) -> bool:
    """Whether escapes wrote bytes that are not UTF-8."""
    return not value.isascii() and any("\ud800" <= char <= "\udfff" for char in value)


def quote(value: str) -> str:
    """A double-quoted literal of the value, as Go's `%q` writes it."""
    return '"' + "".join(map(_escape, value)) + '"'


def quote_rune(rune: str) -> str:
    """A character in single quotes, as Go's `%q` writes a rune."""
    return "'" + ("\\'" if rune == "'" else '"' if rune == '"' else _escape(rune)) + "'"


def _escape(char: str) -> str:
    code = ord(char)
    if code in _SPECIAL:
        return _SPECIAL[code]
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    if char.isprintable() and code != 0xFFFD:
        return char
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _digits_error(letter: str, rest: str) -> str | None:
    digits, width, base = rest, _WIDTHS.get(letter, 0), 16
    if letter in "01234567":
        digits, width, base = letter + rest, 3, 8
    if not width:
        return f"unknown escape sequence {_unicode(letter)}"
    allowed = "0123456789abcdefABCDEF" if base == 16 else "01234567"
    for i in range(width):
        if i >= len(digits):
            return "escape sequence not terminated"
        if digits[i] not in allowed:
            return f"illegal character {_unicode(digits[i])} in escape sequence"
    code = int(digits[:width], base)
    limit = 0xFF if width < 4 else 0x10FFFF
    if code > limit or 0xD800 <= code < 0xE000:
        return "escape sequence is an invalid Unicode code point"
    return None


def _unicode(char: str) -> str:
    return f"U+{ord(char):04X} '{char}'"


def _unescape(body: str, quote_char: str) -> str:
    wrong = escape_error(body, quote_char)
    if wrong:
        raise InputError(wrong)
    found, at = bytearray(), 0
    for match in _ESCAPE.finditer(body):
        found += body[at : match.start()].encode()
        found += _escape_bytes(match.group()[1:])
        at = match.end()
    found += body[at:].encode()
    return found.decode(errors="surrogateescape")


def _escape_bytes(escape: str) -> bytes:
    if escape[0] in "uU":
        return chr(int(escape[1:], 16)).encode()
    if escape[0] == "x" and len(escape) == 3:
        return bytes([int(escape[1:], 16)])
    if escape[0] in "01234567":
        return bytes([int(escape, 8)])
    return bytes([_SIMPLE.get(escape, ord(escape))])
