"""The Prometheus text format 0.0.4 and OpenMetrics 1.0, as bodies that somebody pushes.

A line that is wrong is refused with its number; its neighbours are kept. Exemplars are counted. Formats:
prometheus.io/docs/instrumenting/exposition_formats and the OpenMetrics specification.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from ingest.decoded import Decoded, Refusal, encode_labels
from storage.errors import DecodeError
from storage.model import METRIC_NAME, Metadata

_QUOTED = r'"(?:[^"\\]|\\.)*"'
_SAMPLE: Final = re.compile(
    rf'\s*([a-zA-Z_:][a-zA-Z0-9_:]*)?\s*(?:\{{((?:[^"{{}}]|{_QUOTED})*)\}}\s*|\s)(\S+)(?:\s+([^\s#]+))?\s*(#.*)?'
)
_LABEL: Final = re.compile(rf"\s*(?:([a-zA-Z_][a-zA-Z0-9_]*|{_QUOTED})\s*=\s*)?({_QUOTED})\s*(?:,|$)")
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
_DESCRIBED: Final = re.compile(rf"#\s+(TYPE|HELP|UNIT)\s+([a-zA-Z_:][a-zA-Z0-9_:]*|{_QUOTED})\s*(.*)")
_NUMBER: Final = re.compile(
    r"[+-]?(?:\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?|[iI]nf(?:inity)?|[nN]a[nN])"
)
_TYPES: Final = frozenset(
    ("unknown", "untyped", "counter", "gauge", "histogram", "gaugehistogram", "summary", "info", "stateset")
)


@dataclass(slots=True)
class _Columns:
    """What the lines add up to."""

    series: dict[bytes, int] = field(default_factory=dict)
    series_index: list[int] = field(default_factory=list)
    timestamps_ms: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    families: dict[str, dict[str, str]] = field(default_factory=dict)
    exemplars: int = 0
    bad: int = 0
    example: str = ""


def decode(raw: bytes, now_ms: int, is_openmetrics: bool) -> Decoded:
    """Read an exposition. Samples without a time get `now_ms`; OpenMetrics gives times in seconds.

    Raises `DecodeError` when the body is not UTF-8.
    """
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise DecodeError(f"text exposition is not UTF-8 at byte {error.start}: {error.reason}") from None
    columns = _Columns()
    scale = 1000.0 if is_openmetrics else 1.0
    for number, line in enumerate(text.split("\n"), 1):
        stripped = line.strip()
        try:
            if stripped.startswith("#"):
                _describe(stripped, columns)
            elif stripped:
                _sample(stripped, now_ms, scale, columns)
        except DecodeError as error:
            columns.bad += 1
            columns.example = columns.example or f"line {number}: {error}"
    return _decoded(columns)


def _sample(line: str, now_ms: int, scale: float, columns: _Columns) -> None:
    match = _SAMPLE.fullmatch(line)
    if match is None:
        raise DecodeError(f"{line[:120]!r} is not a sample, expected name{{labels}} value [timestamp]")
    name, labels, value, timestamp, exemplar = match.groups()
    pairs = _labels(labels or "")
    if name:
        pairs.append((METRIC_NAME, name))
    number = _number(value)
    time_ms = now_ms if timestamp is None else _time_ms(timestamp, scale)
    raw = encode_labels(sorted(pairs))
    columns.series_index.append(columns.series.setdefault(raw, len(columns.series)))
    columns.timestamps_ms.append(time_ms)
    columns.values.append(number)
    columns.exemplars += exemplar is not None


def _labels(text: str) -> list[tuple[str, str]]:
    pairs = []
    at = 0
    while at < len(text):
        if not text[at:].strip():
            break
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
    body = text[1:-1]
    return _ESCAPE.sub(lambda m: "\n" if m[1] == "n" else m[1], body) if "\\" in body else body


def _number(text: str) -> float:
    if _NUMBER.fullmatch(text) is None:
        raise DecodeError(f"{text[:40]!r} is not a value, expected a number, NaN, +Inf or -Inf")
    return float(text)


def _time_ms(text: str, scale: float) -> int:
    try:
        time_ms = float(text) * scale
        if not abs(time_ms) < 1 << 62:
            raise ValueError(text)
    except ValueError:
        raise DecodeError(f"{text[:40]!r} is not a timestamp") from None
    return round(time_ms)


def _describe(line: str, columns: _Columns) -> None:
    match = _DESCRIBED.fullmatch(line)
    if match is None:
        return
    what, name, text = match.groups()
    if what == "TYPE" and text not in _TYPES:
        raise DecodeError(f"{text[:40]!r} is not a metric type")
    kind = {"untyped": "unknown"}.get(text, text) if what == "TYPE" else _unescaped_help(text)
    columns.families.setdefault(_plain(name), {})[what] = kind


def _unescaped_help(text: str) -> str:
    return text.replace("\\\\", "\0").replace("\\n", "\n").replace("\0", "\\")


def _decoded(columns: _Columns) -> Decoded:
    sizes = np.array([len(raw) for raw in columns.series], np.int64)
    ends = np.cumsum(sizes, dtype=np.int64)
    refused = {"malformed_line": Refusal(columns.bad, columns.example)} if columns.bad else {}
    return Decoded(
        body=np.frombuffer(b"".join(columns.series), np.uint8),
        label_start=ends - sizes,
        label_end=ends,
        series_index=np.array(columns.series_index, np.int64),
        timestamps_ms=np.array(columns.timestamps_ms, np.int64),
        values=np.array(columns.values, np.float64),
        metadata=[
            Metadata(name, parts.get("TYPE", "unknown"), parts.get("HELP", ""), parts.get("UNIT", ""))
            for name, parts in columns.families.items()
        ],
        exemplars=columns.exemplars,
        refused=refused,
    )
