"""The words of Prometheus's text format and of OpenMetrics 1.0: what a line, or a part of one, says.

Formats: prometheus.io/docs/instrumenting/exposition_formats and the OpenMetrics specification; names in
quotes are those of Prometheus 3 (`{"my.metric", "my.label"="x"} 1`). Everything raises `DecodeError`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, NamedTuple, TypeAlias

from storage.errors import DecodeError
from storage.model import METRIC_NAME, Metadata

Pairs: TypeAlias = list[tuple[str, str]]

_QUOTED = r'"(?:[^"\\]++|\\.)*+"'
_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*+"
_HEAD: Final = re.compile(
    rf'[ \t]*+(?P<name>{_NAME})?[ \t]*+(?:\{{(?P<labels>(?:[^"{{}}]++|{_QUOTED})*+)\}})?[ \t]*+', re.DOTALL
)
_HEAD_BYTES: Final = re.compile(_HEAD.pattern.encode(), re.DOTALL)
_LABEL: Final = re.compile(
    rf"[ \t]*+(?:([a-zA-Z_][a-zA-Z0-9_]*+|{_QUOTED})[ \t]*+=[ \t]*+)?({_QUOTED})[ \t]*+(?:,[ \t]*+|\Z)",
    re.DOTALL,
)
_PLAIN_LABEL: Final = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="([^"\\]*)"(?:,|\Z)')
_PLAIN_SIZE: Final = 4
"""What a plain label has beside its name and value: `=`, two quotes and a comma."""
_ESCAPE: Final = re.compile(r'\\([\\"n])')
_COMMENT: Final = re.compile(
    rf"[ \t]*+#[ \t]++(TYPE|HELP|UNIT)[ \t]++({_NAME}|{_QUOTED})(?:[ \t]++(.*))?", re.DOTALL
)
_TYPES: Final = frozenset(("counter", "gauge", "histogram", "gaugehistogram", "summary", "info", "stateset"))
_INTEGER: Final = re.compile(rb"[+-]?[0-9]{1,18}")
_MOST_SECONDS: Final = 1e15
_SHOWN: Final = 120


class Exemplar(NamedTuple):
    """What stands behind a sample of OpenMetrics. time_ms is None where it has no time of its own."""

    labels: Pairs
    value: float
    time_ms: int | None


def series_end(line: bytes) -> int:
    """Where the value of a sample's line begins, behind its series and the blanks after that."""
    head = _HEAD_BYTES.match(line)
    end = head.end() if head else 0
    # A name that touches what follows is a longer name that is none.
    if not end or (line[end - 1] not in b" \t}" and end < len(line)):
        raise DecodeError(f"{shown(line)} is not a sample, expected name{{labels}} value [timestamp]")
    return end


def series_pairs(series: bytes) -> Pairs:
    """The labels of a series, the metric's name among them, in the order in which they stand."""
    text = _text(series)
    head = _HEAD.fullmatch(text)
    if head is None:
        raise DecodeError(f"{shown(series)} is not a series, expected name{{labels}}")
    name, labels = head.groups()
    pairs = _labels(labels) if labels else []
    if name:
        pairs.append((METRIC_NAME, name))
    return pairs


def exemplar(text: bytes) -> Exemplar:
    """The exemplar behind a sample, its `#` left out."""
    head = _HEAD_BYTES.match(text)
    rest = text[head.end() :].split() if head and head[2] is not None and not head[1] else []
    if not 1 <= len(rest) <= 2 or head is None:
        raise DecodeError(f"{shown(text)} is not an exemplar, expected {{labels}} value [timestamp]")
    time_ms = seconds_ms(rest[1]) if len(rest) == 2 else None
    return Exemplar(_labels(_text(head[2])), number(rest[0]), time_ms)


def number(token: bytes) -> float:
    """A decimal number, an infinity or NaN, as Go writes and reads them."""
    try:
        if b"_" not in token:
            return float(token)
    except ValueError:
        pass
    raise DecodeError(f"{shown(token)} is not a number")


def whole_ms(token: bytes) -> int:
    """A timestamp of the text format: whole milliseconds."""
    if _INTEGER.fullmatch(token) is None:
        raise DecodeError(f"{shown(token)} is not a timestamp in milliseconds")
    return int(token)


def seconds_ms(token: bytes) -> int:
    """A timestamp of OpenMetrics, seconds, as milliseconds."""
    seconds = number(token)
    if not abs(seconds) < _MOST_SECONDS:
        raise DecodeError(f"{shown(token)} is not a timestamp in seconds")
    return round(seconds * 1000)


def families(comments: Iterable[bytes]) -> dict[str, Metadata]:
    """What lines that begin with `#` say of metric families, by the family's name."""
    found: dict[str, dict[str, str]] = {}
    for line in comments:
        match = _COMMENT.fullmatch(_text(line.rstrip(b"\r")))
        if match is not None:
            kind, name, rest = match.groups()
            found.setdefault(_unquoted(name) if name[0] == '"' else name, {})[kind] = rest or ""
    return {name: _metadata(name, parts) for name, parts in found.items()}


def shown(text: bytes) -> str:
    """Text for a message, cut."""
    return repr(text[:_SHOWN].decode(errors="replace"))


def _metadata(name: str, parts: dict[str, str]) -> Metadata:
    kind = parts.get("TYPE", "").strip()
    return Metadata(
        name,
        kind if kind in _TYPES else "unknown",
        _unescaped(parts.get("HELP", "")),
        parts.get("UNIT", "").strip(),
    )


def _labels(text: str) -> Pairs:
    pairs: Pairs = _PLAIN_LABEL.findall(text)
    # Where the plain labels fill the text, but for a comma behind the last, there is nothing else in it.
    if 0 <= sum([len(name) + len(value) + _PLAIN_SIZE for name, value in pairs]) - len(text) <= 1:
        return pairs
    return _any_labels(text.strip(" \t"))


def _any_labels(text: str) -> Pairs:
    pairs: Pairs = []
    at = 0
    while at < len(text):
        match = _LABEL.match(text, at)
        if match is None:
            raise DecodeError(f'{text[at : at + _SHOWN]!r} is not a label, expected name="value"')
        name, value = match.groups()
        # A quoted string alone is the metric's name, where it has characters that a bare name cannot.
        plain = METRIC_NAME if name is None else _unquoted(name) if name[0] == '"' else name
        if not plain:
            raise DecodeError(f"a label without a name has the value {value[:_SHOWN]}")
        pairs.append((plain, _unquoted(value)))
        at = match.end()
    return pairs


def _unquoted(text: str) -> str:
    return _unescaped(text[1:-1])


def _unescaped(text: str) -> str:
    """Resolve escapes; a backslash before any other character stays, as in Prometheus."""
    if "\\" not in text:
        return text
    return _ESCAPE.sub(lambda match: "\n" if match[1] == "n" else match[1], text)


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise DecodeError(f"{shown(raw)} is not UTF-8 at byte {error.start}: {error.reason}") from None
