"""The Prometheus text format 0.0.4 and OpenMetrics 1.0, as bodies that somebody pushes.

A line that is wrong is refused with its number; its neighbours are kept. An exemplar that is wrong is
refused alone. Formats: prometheus.io/docs/instrumenting/exposition_formats and the OpenMetrics specification;
names in quotes are those of Prometheus 3 (`{"my.metric", "my.label"="x"} 1`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from ingest.decoded import Decoded, Refusal
from ingest.protocols.openmetrics import Notes
from ingest.wire.encoding import encode_labels
from storage.errors import DecodeError, LimitError
from storage.model import METRIC_NAME, Metadata

_QUOTED = r'"(?:[^"\\]|\\.)*+"'
_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*+"
_HEAD: Final = re.compile(
    rf'(?P<name>{_NAME})?[ \t]*+(?:\{{(?P<labels>(?:[^"{{}}]|{_QUOTED})*+)\}})?[ \t]*+', re.DOTALL
)
_LABEL: Final = re.compile(
    rf"[ \t]*+(?:([a-zA-Z_][a-zA-Z0-9_]*+|{_QUOTED})[ \t]*+=[ \t]*+)?({_QUOTED})[ \t]*+(?:,[ \t]*+|\Z)",
    re.DOTALL,
)
_ESCAPE: Final = re.compile(r'\\([\\"n])')
_HELP_ESCAPE: Final = re.compile(r"\\([\\n])")
_DESCRIBED: Final = re.compile(
    rf"#[ \t]++(TYPE|HELP|UNIT)[ \t]++({_NAME}|{_QUOTED})(?:[ \t]++(.*))?", re.DOTALL
)
_NUMBER: Final = re.compile(
    r"[+-]?(?:(?:\d++(?:\.\d*+)?+|\.\d++)(?:e[+-]?\d++)?+|inf(?:inity)?+|nan)", re.IGNORECASE | re.ASCII
)
_WHOLE: Final = re.compile(r"[+-]?\d{1,19}", re.ASCII)
_TYPES: Final = frozenset(
    ("unknown", "untyped", "counter", "gauge", "histogram", "gaugehistogram", "summary", "info", "stateset")
)
_MAX_ROWS: Final = 1_000_000


@dataclass(slots=True)
class _Columns:
    """What the lines add up to."""

    now_ms: int
    is_openmetrics: bool
    tells_starts: bool
    series: dict[bytes, int] = field(default_factory=dict)
    series_index: list[int] = field(default_factory=list)
    timestamps_ms: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    families: dict[str, dict[str, str]] = field(default_factory=dict)
    notes: Notes = field(default_factory=Notes)
    is_ended: bool = False
    bad: int = 0
    example: str = ""

    def refuse(self, example: str) -> None:
        self.bad += 1
        self.example = self.example or example


def decode(raw: bytes, now_ms: int, is_openmetrics: bool, max_rows: int = _MAX_ROWS) -> Decoded:
    """Read an exposition. Samples without a time get `now_ms`; OpenMetrics gives times in seconds.

    Lines that are wrong are counted in `refused`. Raises `LimitError` for more than `max_rows` lines.
    """
    if raw.count(b"\n") >= max_rows:
        raise LimitError(f"the body has more lines than the limit (ingest.max_request_rows) of {max_rows}")
    columns = _Columns(now_ms, is_openmetrics, is_openmetrics and b"_created" in raw)
    for number, line in enumerate(raw.split(b"\n"), 1):
        try:
            _line(line.decode().strip(" \t\r"), columns)
        except UnicodeDecodeError as error:
            columns.refuse(f"line {number}: not UTF-8 at byte {error.start}: {error.reason}")
        except DecodeError as error:
            columns.refuse(f"line {number}: {error}")
    if is_openmetrics and not columns.is_ended:
        columns.refuse("the body does not end with '# EOF', so a part of it may be missing")
    return _decoded(columns)


def _line(line: str, columns: _Columns) -> None:
    if not line:
        return
    if columns.is_ended:
        raise DecodeError(f"{line[:80]!r} stands behind '# EOF'")
    if not line.startswith("#"):
        _sample(line, columns)
    elif columns.is_openmetrics and line == "# EOF":
        columns.is_ended = True
    else:
        _describe(line, columns)


def _sample(line: str, columns: _Columns) -> None:
    head = _HEAD.match(line)
    if head is None or not head.end():
        raise _not_a_sample(line)
    name, labels = head.groups()
    rest, exemplar = line[head.end() :], ""
    if columns.is_openmetrics:
        rest, _, exemplar = rest.partition("#")
    parts = rest.split()
    # A name that touches its value is one longer name, and no sample.
    if not 1 <= len(parts) <= 2 or (labels is None and line[head.end() - 1] not in " \t"):
        raise _not_a_sample(line)
    pairs = _labels(labels) if labels else []
    if name:
        pairs.append((METRIC_NAME, name))
    value = _number(parts[0])
    time_ms = columns.now_ms if len(parts) == 1 else _time_ms(parts[1], columns.is_openmetrics)
    pairs.sort()
    if columns.is_openmetrics:
        _note(exemplar, pairs, value, time_ms, columns)
    columns.series_index.append(columns.series.setdefault(encode_labels(pairs), len(columns.series)))
    columns.timestamps_ms.append(time_ms)
    columns.values.append(value)


def _note(exemplar: str, pairs: list[tuple[str, str]], value: float, time_ms: int, columns: _Columns) -> None:
    row = len(columns.values)
    if columns.tells_starts:
        columns.notes.add_sample(row, pairs, value, columns.families)
    if not exemplar:
        return
    try:
        head = _HEAD.match(exemplar.strip(" \t"))
        rest = exemplar.strip(" \t")[head.end() :].split() if head and head[2] is not None else []
        if head is None or head[1] or not 1 <= len(rest) <= 2:
            raise DecodeError(f"{exemplar[:80]!r} is not an exemplar, expected {{labels}} value [timestamp]")
        at_ms = _time_ms(rest[1], is_seconds=True) if len(rest) == 2 else time_ms
        columns.notes.add_exemplar(row, _labels(head[2]), _number(rest[0]), at_ms)
    except DecodeError as error:
        columns.notes.refuse(str(error))


def _not_a_sample(line: str) -> DecodeError:
    return DecodeError(f"{line[:120]!r} is not a sample, expected name{{labels}} value [timestamp]")


def _labels(text: str) -> list[tuple[str, str]]:
    pairs = []
    text = text.strip(" \t")
    at = 0
    while at < len(text):
        match = _LABEL.match(text, at)
        if match is None:
            raise DecodeError(f'{text[at : at + 80]!r} is not a label, expected name="value"')
        name, value = match.groups()
        # A quoted string alone is the metric's name, where it has characters that a bare name cannot.
        pairs.append((METRIC_NAME if name is None else _plain(name), _unquoted(value)))
        at = match.end()
    return pairs


def _plain(name: str) -> str:
    return _unquoted(name) if name.startswith('"') else name


def _unquoted(text: str) -> str:
    return _unescaped(text[1:-1], _ESCAPE)


def _unescaped(text: str, escape: re.Pattern[str]) -> str:
    """Resolve escapes; a backslash before any other character stays, as in Prometheus."""
    if "\\" not in text:
        return text
    return escape.sub(lambda match: "\n" if match[1] == "n" else match[1], text)


def _number(text: str) -> float:
    if _NUMBER.fullmatch(text) is None:
        raise DecodeError(f"{text[:40]!r} is not a value, expected a number, NaN, +Inf or -Inf")
    return float(text)


def _time_ms(text: str, is_seconds: bool) -> int:
    if is_seconds and _NUMBER.fullmatch(text):
        seconds = float(text)
        if abs(seconds) < 1e15:
            return round(seconds * 1000)
    elif not is_seconds and _WHOLE.fullmatch(text) and abs(int(text)) < 1 << 62:
        return int(text)
    expected = "seconds" if is_seconds else "whole milliseconds"
    raise DecodeError(f"{text[:40]!r} is not a timestamp, expected {expected} since the epoch")


def _describe(line: str, columns: _Columns) -> None:
    match = _DESCRIBED.fullmatch(line)
    if match is None:
        return
    what, name, text = match[1], _plain(match[2]), match[3] or ""
    if what == "TYPE":
        text = text.strip(" \t")
        if text not in _TYPES:
            raise DecodeError(
                f"{text[:40]!r} is not a metric type, expected one of {', '.join(sorted(_TYPES))}"
            )
        text = "unknown" if text == "untyped" else text
    elif what == "HELP":
        text = _unescaped(text, _ESCAPE if columns.is_openmetrics else _HELP_ESCAPE)
    columns.families.setdefault(name, {})[what] = text


def _decoded(columns: _Columns) -> Decoded:
    sizes = np.array([len(raw) for raw in columns.series], np.int64)
    ends = np.cumsum(sizes, dtype=np.int64)
    refused = {"malformed_line": Refusal(columns.bad, columns.example)} if columns.bad else {}
    series_index = np.array(columns.series_index, np.int64)
    times_ms = np.array(columns.timestamps_ms, np.int64)
    return Decoded(
        body=np.frombuffer(b"".join(columns.series), np.uint8),
        label_start=ends - sizes,
        label_end=ends,
        series_index=series_index,
        timestamps_ms=times_ms,
        values=np.array(columns.values, np.float64),
        metadata=[
            Metadata(name, parts.get("TYPE", "unknown"), parts.get("HELP", ""), parts.get("UNIT", ""))
            for name, parts in columns.families.items()
        ],
        beside=columns.notes.beside(series_index, times_ms),
        refused=refused | columns.notes.refusals,
    )
