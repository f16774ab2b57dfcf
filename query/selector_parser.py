"""Selectors: a metric's name and the matchers in braces."""

from __future__ import annotations

from query.ast import Span, VectorSelector
from query.cursor import Cursor
from query.lexer import Token
from query.strings import has_stray_bytes, quote, unquote
from storage.errors import InputError
from storage.model import METRIC_NAME, Matcher, MatchOp
from storage.patterns import compile_regex

_WHERE = "label matching"
_OPS = {"=": MatchOp.EQUAL, "!=": MatchOp.NOT_EQUAL, "=~": MatchOp.REGEX, "!~": MatchOp.NOT_REGEX}


def parse_selector(cursor: Cursor, name: Token | None) -> VectorSelector:
    """The selector that begins at `{`, or whose bare name was just read."""
    start = name.start if name else cursor.token.start
    names = [name.text] if name else []
    matchers = _braces(cursor, names) if cursor.kind == "{" else []
    span = Span(start, cursor.previous_end)
    others = names[1:]
    if name:
        others += [matcher.value for matcher in matchers if matcher.name == METRIC_NAME]
    if others:
        shown = f"{quote(names[0])} or {quote(others[0])}"
        cursor.fail(f"metric name must not be set twice: {shown}", span.start, span.end)
    if names:
        matchers.append(Matcher(METRIC_NAME, MatchOp.EQUAL, names[0]))
    return VectorSelector(names[0] if names else "", tuple(matchers), span)


def _braces(cursor: Cursor, names: list[str]) -> list[Matcher]:
    """Matchers up to `}`; a quoted string without operator is added to `names`."""
    cursor.advance()
    found: list[Matcher] = []
    first = True
    while not cursor.take("}"):
        if not first:
            cursor.expect(",", _WHERE, '"," or "}"')
            if cursor.take("}"):
                break
        first = False
        _matcher(cursor, names, found)
    return found


def _matcher(cursor: Cursor, names: list[str], found: list[Matcher]) -> None:
    label = cursor.expect(("identifier", "string"), _WHERE, 'identifier or "}"')
    text = label.text if label.kind == "identifier" else _text(cursor, label)
    if label.kind == "string" and cursor.kind in (",", "}"):
        names.append(text)
        return
    op = _OPS[cursor.expect(_OPS, _WHERE, "label matching operator").kind]
    value = cursor.expect("string", _WHERE, "string")
    found.append(_checked(cursor, Matcher(text, op, _text(cursor, value)), label, value))


def _text(cursor: Cursor, token: Token) -> str:
    value = unquote(token.text)
    if has_stray_bytes(value):
        cursor.fail_token("invalid UTF-8 in a selector", token)
    return value


def _checked(cursor: Cursor, matcher: Matcher, label: Token, value: Token) -> Matcher:
    if matcher.op in (MatchOp.REGEX, MatchOp.NOT_REGEX):
        try:
            compile_regex(matcher.value)
        except InputError as error:
            cursor.fail(error, label.start, value.end)
    return matcher
