"""Wavefront's lines, from bodies to columns."""

from __future__ import annotations

import json
import math
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ingest.aliases.table import Aliases
from ingest.bins.distribution import from_columns
from ingest.decoded import Decoded
from ingest.limits import Limits
from ingest.protocols.wavefront import spans
from ingest.protocols.wavefront.decoder import decode
from ingest.protocols.wavefront.event_json import decode_events
from ingest.protocols.wavefront.form import without_form
from ingest.protocols.wavefront.parse import TRIMMED, Point, parse_line
from ingest.series.table import SeriesTable
from storage.errors import DecodeError, Error, LimitError
from storage.events import sources_of
from storage.model import Labels, canonical

CASES = json.loads((Path(__file__).parent / "cases" / "wavefront.json").read_text())
NOW_MS = 1_700_000_000_123
FAR = Limits(max_past_ms=1 << 50, max_future_ms=1 << 50, max_labels=200)


class Reader:
    """A decoder before a series table, as in a process that runs for long."""

    def __init__(self) -> None:
        self.table = SeriesTable(FAR)
        self.aliases = Aliases(1 << 24)
        self._labels: dict[int, Labels] = {}

    def read(self, raw: bytes, max_rows: int = 10_000) -> tuple[list[str], Decoded]:
        """What a body says, as sorted text."""
        decoded = decode(raw, NOW_MS, max_rows, self.aliases, self.table.familiar)
        named = [self._name(decoded, i) for i in range(len(decoded.label_start))]
        self.table.resolve(decoded.every_row(), NOW_MS)
        return sorted(text_of(decoded, named)), decoded

    def _name(self, decoded: Decoded, i: int) -> Labels:
        """By its bytes, or by its number where they are left out."""
        familiar = self.table.familiar
        if decoded.label_end[i] > decoded.label_start[i]:
            return canonical(decoded.labels(i))
        assert decoded.numbers is not None and decoded.numbers[i] >= 0
        start, end = familiar.spans[decoded.numbers[i]].tolist()
        one = np.array([start], np.int64), np.array([end], np.int64)
        return canonical(Decoded(familiar.arena, *one, *([np.empty(0)] * 3)).labels(0))


def text_of(decoded: Decoded, named: list[Labels]) -> list[str]:
    added = decoded.is_added
    found = []
    for row, series in enumerate(decoded.series_index.tolist()):
        value = float(decoded.values[row])
        sign = "+ " if added is not None and added[row] else ""
        found.append(f"{sign}{name_of(named[series])} {value} @{decoded.timestamps_ms[row]}")
    if decoded.beside is not None:
        beside = decoded.beside
        for row, series in enumerate(beside.histogram_series.tolist()):
            own = from_columns(beside.histograms, row)
            numbers = f"count={own.count:g} sum={own.sum:g} zero={own.zero_count:g}"
            found.append(f"+ {name_of(named[series])} {numbers} @{beside.histogram_times_ms[row]}")
    return found


def name_of(labels: Labels) -> str:
    others = ",".join(
        f"{name}={json.dumps(text, ensure_ascii=False)}" for name, text in labels[0:] if name != "__name__"
    )
    return f"{dict(labels)['__name__']}{{{others}}}"


def raw_of(case: dict[str, Any]) -> bytes:
    repeated = []
    for parts in case.get("repeat", ()):
        head, number, text, tail = (*parts, "")[:4]
        repeated.append(head * number + text if len(head) == 1 else head + text * number + tail)
    return "\n".join([*case.get("lines", ()), *repeated]).encode()


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_lines_become_series_and_samples(case: dict[str, Any]) -> None:
    reader, raw = Reader(), raw_of(case)

    for _ in range(4):  # new, known, learned, recognised
        found, decoded = reader.read(raw)

        assert len(found) == case["count"] if "count" in case else found == sorted(case["expect"])
        assert {code: refusal.count for code, refusal in decoded.refused.items()} == case.get("refused", {})
        assert all(refusal.example.startswith("line ") for refusal in decoded.refused.values())
        beside = decoded.beside
        events = [[*event_of(event)] for event in beside.events] if beside else []
        assert events == case.get("events", [])
        sources = sources_of(beside.changes) if beside else []
        assert [[one.source, list(one.tags), one.description] for one in sources] == case.get("sources", [])


def event_of(event: Any) -> list[Any]:
    texts = [event.name, event.severity, event.type, event.details]
    return [event.start_ms, event.end_ms, *texts, event.annotations, list(event.tags), list(event.hosts)]


def test_a_series_that_came_before_is_told_by_its_number_alone() -> None:
    reader, raw = Reader(), b"a 1 source=s x=1\nb 2 source=s\n\xe2\x88\x86c 3 source=s\n"
    for _ in range(2):
        reader.read(raw)

    _, decoded = reader.read(raw)

    assert decoded.numbers is not None and decoded.numbers.tolist() == [0, 1, 2]
    assert len(decoded.body) == 0


def test_a_refusal_names_the_line_its_text_and_the_rule() -> None:
    _, decoded = Reader().read(b"\na 1 source=s\n\na*b 1 source=s\nc*d 1 source=s")

    assert decoded.refused["WF-400"].count == 2
    assert decoded.refused["WF-400"].example == (
        "line 4: 'a*b 1 source=s': WF-400 metric name has illegal characters: 'a*b'"
    )


def test_more_lines_than_allowed_are_refused_whole() -> None:
    reader = Reader()

    assert len(reader.read(b"a 1 source=s\n\n" * 3, max_rows=3)[0]) == 3
    with pytest.raises(LimitError, match="max_request_rows"):
        reader.read(b"a 1 source=s\n" * 4, max_rows=3)


def test_spans_are_counted_and_refused() -> None:
    assert spans.refuse(b"a source=s 1 2\n\nb source=s 1 2\n").refused["WF-300"].count == 2
    assert not spans.refuse(b"\n").refused


_WORD = st.one_of(
    st.sampled_from(
        ["a", "cpu.load", "~x", "\u2206d", "\u0394~d", "source", "host", "tag", "fqdn", "1", "-0.5", "NaN"]
    ),
    st.sampled_from(
        [
            "1700000000",
            "1700000000123",
            "99",
            "1e3",
            "1.5f",
            '"q r"',
            "'s'",
            '"a\\"b"',
            "\u00e4",
            "_x",
            "__name__",
        ]
    ),
    st.text(alphabet=" \t\"'\\=#aZ0.-_~*\r\u2206\u00e4", max_size=6),
)
_PAIR = st.tuples(_WORD, st.sampled_from(["=", " = ", "= ", "=="]), _WORD).map("".join)
_LINE = st.one_of(
    st.lists(st.one_of(_WORD, _PAIR), max_size=7).map(" ".join),
    st.tuples(_WORD, _WORD, st.lists(_PAIR, max_size=4).map(" ".join)).map(
        lambda found: f"{found[0]} {found[1]} source=s {found[2]}"
    ),
    st.lists(_PAIR, max_size=5).map(lambda pairs: "m 1 1700000000 " + " ".join([*pairs, "source=s"])),
)
SHARED = Reader()


@settings(max_examples=400)
@given(st.lists(_LINE, max_size=6))
@example(["x 1 source=s a=1", "x 1 source=s a=1 ", '"x" 1 source=s a=1', "x 1 1 source=s\ta=1"])
@example(["x 1 a=1 source=s source=t", "x 1 __name=1 source=s", "x 1 Z=1 source=s _a=2"])
@example(["m 1 1700000000 a=a cpu.load=a a=b source=s", "m 1 1700000000 z=1 a=2 source=s b=3"])
def test_the_kernel_reads_what_the_parser_reads_line_by_line(lines: list[str]) -> None:
    expected, refused = [], 0
    for line in [one.strip(TRIMMED) for one in lines]:
        if not line:
            continue
        try:
            found = parse_line(line, NOW_MS)
        except DecodeError as error:
            assert str(error).startswith("WF-")
            refused += 1
            continue
        if isinstance(found, Point):
            sign = "+ " if found.is_delta else ""
            expected.append(f"{sign}{name_of(found.labels)} {found.value} @{found.time_ms}")
    raw = "\n".join(lines).encode()

    for _ in range(3):
        rows, decoded = SHARED.read(raw)
        assert [row for row in rows if "count=" not in row] == sorted(expected)
        assert sum(refusal.count for refusal in decoded.refused.values()) == refused


@given(st.binary(max_size=300), st.lists(_LINE, max_size=3))
def test_any_bytes_are_read_or_refused(raw: bytes, lines: list[str]) -> None:
    for body in (raw, raw + "\n".join(lines).encode(), b"@Event " + raw, b"!M " + raw, b"@SourceTag " + raw):
        SHARED.read(body)


@given(st.floats())
def test_numbers_are_read_as_they_were_written(value: float) -> None:
    text = {"inf": "Infinity", "-inf": "-Infinity", "nan": "NaN"}.get(repr(value), repr(value))

    _, decoded = SHARED.read(f"x {text} source=s".encode())

    assert decoded.values.tobytes() == np.array([math.nan if math.isnan(value) else value]).tobytes()


EVENT = {
    "name": "deploy",
    "startTime": 1_700_000_000_000,
    "endTime": 1_700_000_000_001,
    "hosts": ["h"],
    "tags": ["t"],
}


@pytest.mark.parametrize(
    "raw",
    [
        json.dumps(EVENT),
        json.dumps([EVENT]),
        json.dumps(EVENT) + "\n" + json.dumps(EVENT) + "\n",
        json.dumps({**EVENT, "annotations": {"severity": "warn", "n": 1}}),
    ],
    ids=["an object", "an array", "an object a line", "annotations"],
)
def test_events_come_as_json(raw: str) -> None:
    decoded = decode_events(raw.encode(), 10)

    assert decoded.beside is not None and not decoded.refused
    assert {event.name for event in decoded.beside.events} == {"deploy"}
    assert decoded.beside.events[0].hosts == ("h",)
    assert len({event.id for event in decoded.beside.events}) == 1
    if "annotations" in raw:
        assert decoded.beside.events[0].severity == "warn"
        assert decoded.beside.events[0].annotations == {"n": "1"}


def test_events_that_are_wrong_are_refused_alone() -> None:
    raw = json.dumps(
        [
            EVENT,
            1,
            {"name": "x"},
            {**EVENT, "startTime": 1 << 62},
            {**EVENT, "tags": 1},
            {**EVENT, "name": ""},
        ]
    )

    decoded = decode_events(raw.encode(), 10)

    assert decoded.refused["WF-300"].count == 5
    assert decoded.beside is not None and len(decoded.beside.events) == 1


@given(
    st.one_of(
        st.binary(max_size=100),
        st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps).map(str.encode),
    )
)
def test_events_of_any_bytes_are_read_or_refused(raw: bytes) -> None:
    with suppress(Error):
        decode_events(raw, 10)


def test_lines_in_a_form_are_lines() -> None:
    head = b'--XX\r\nContent-Disposition: form-data; name="file"; filename="-"\r\n\r\n'
    raw = head + b"x 1 source=s\ny 2 source=s\n\r\n--XX--\r\n"

    lines = without_form(raw, "multipart/form-data; boundary=XX")

    assert lines.strip().split(b"\n") == [b"x 1 source=s", b"y 2 source=s"]


@given(st.binary(max_size=200), st.text(max_size=20))
def test_a_form_of_any_bytes_is_read_or_refused(raw: bytes, boundary: str) -> None:
    with suppress(DecodeError):
        without_form(raw, f"multipart/form-data; boundary={boundary}")
