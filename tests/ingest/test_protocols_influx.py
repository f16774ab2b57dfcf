"""InfluxDB's line protocol: what a line means, and that what was met before means the same."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.aliases.table import Aliases
from ingest.decoded import Decoded
from ingest.limits import Limits
from ingest.protocols.influx.lines import decode
from ingest.series.familiar import nothing
from ingest.series.table import SeriesTable
from storage.errors import Error, InputError, LimitError
from tests.ingest.cases import cases, check
from tests.ingest.influx_twin import samples

NOW_MS = 1_700_000_000_123
NOBODY = nothing((1, 2))


def read(body: bytes, precision: str = "", max_rows: int = 1_000, max_label_bytes: int = 1 << 20) -> Decoded:
    return decode(body, NOW_MS, precision, max_rows, Aliases(1 << 20), NOBODY, max_label_bytes)


@pytest.mark.parametrize("case", cases("influx.json"))
def test_lines_mean_what_the_format_says(case: dict[str, Any]) -> None:
    check(read(case["body"].encode(), case.get("precision", "")), case)


@pytest.mark.parametrize("case", cases("influx.json"))
def test_lines_met_before_mean_the_same(case: dict[str, Any]) -> None:
    body, precision = case["body"].encode(), case.get("precision", "")
    table, aliases = SeriesTable(Limits()), Aliases(1 << 20)
    seen = []
    for _ in range(4):
        found = decode(body, NOW_MS, precision, 1_000, aliases, table.familiar)
        resolved = table.resolve(found, NOW_MS)
        seen.append((resolved.series_ids.tolist(), found.timestamps_ms.tolist(), found.values.tolist()))
    assert found.numbers is not None
    assert (found.numbers >= 0).all()
    assert len(found.body) == 0  # no label was written again
    assert seen == [seen[0]] * 4


def test_a_field_behind_a_known_one_has_the_line_s_own_head(monkeypatch: pytest.MonkeyPatch) -> None:
    # Fresh memory may hold what looks like the place of the field before, which has none.
    monkeypatch.setattr("ingest.protocols.influx.lines.np.empty", np.zeros)
    table, aliases = SeriesTable(Limits()), Aliases(1 << 20)
    for body in (b"m,h=a a=1", b"m,h=a a=1", b"m,h=a a=1,b=2"):
        found = decode(body, NOW_MS, "", 1_000, aliases, table.familiar)
        table.resolve(found, NOW_MS)

    assert found.labels(1) == [("__name__", "m_b"), ("h", "a")]


_NAME = st.text(st.sampled_from('ab_é\\ ,="1'), min_size=1, max_size=6).filter(lambda text: text[-1] != "\\")


def _escaped(text: str, characters: str) -> str:
    return "".join("\\" + one if one in characters else one for one in text)


@st.composite
def _lines(draw: st.DrawFn) -> str:
    # A '#' begins a comment, and a backslash before what is escaped is not told from one that escapes.
    measurement = _escaped(draw(_NAME), ", ")
    tags = draw(st.dictionaries(_NAME, _NAME, max_size=3))
    fields = draw(
        st.dictionaries(
            _NAME,
            st.one_of(
                st.floats(allow_nan=False, allow_infinity=False).map(repr),
                st.integers(-(2**63), 2**63 - 1).map(lambda i: f"{i}i"),
                st.integers(0, 2**64 - 1).map(lambda i: f"{i}u"),
                st.sampled_from(["t", "FALSE", "True", '"a,b=1 2"', '"\\""', '"\\\\"', '"\n"']),
            ),
            min_size=1,
            max_size=4,
        )
    )
    time = draw(st.one_of(st.just(""), st.integers(-(2**62), 2**62).map(lambda i: f" {i}")))
    head = measurement + "".join(f",{_escaped(k, ',= ')}={_escaped(v, ',= ')}" for k, v in tags.items())
    return head + " " + ",".join(_escaped(k, ",= ") + "=" + v for k, v in fields.items()) + time + "\n"


def _told(found: Decoded) -> list[tuple[dict[str, str], int, bytes]]:
    return [
        (dict(found.labels(i)), int(time), struct.pack("<d", value))
        for i, time, value in zip(
            found.series_index.tolist(), found.timestamps_ms.tolist(), found.values.tolist(), strict=True
        )
    ]


@given(
    st.lists(_lines(), max_size=6).map("".join).filter(lambda text: "\\\\" not in text.replace('"\\\\"', ""))
)
def test_the_kernel_reads_as_its_twin_does(text: str) -> None:
    expected = [(labels, time, struct.pack("<d", value)) for labels, time, value in samples(text, NOW_MS)]

    assert _told(read(text.encode())) == expected


_BYTES = st.lists(
    st.one_of(
        st.binary(max_size=4), st.sampled_from([b"m", b",a=b", b" f=", b'"', b"1", b"i", b"\\", b"\n", b"#"])
    )
).map(b"".join)


@given(_BYTES, st.sampled_from(["", "ms", "h"]))
def test_any_bytes_are_read_or_refused(body: bytes, precision: str) -> None:
    table, aliases = SeriesTable(Limits()), Aliases(4_096)
    try:
        for _ in range(3):
            found = decode(body, NOW_MS, precision, 50, aliases, table.familiar, 2_000)
            table.resolve(found, NOW_MS)
    except Error:
        return
    lines = [line for line in body.split(b"\n") if line.strip(bytes(range(33)))]
    assert len(found.values) + sum(one.count for one in found.refused.values()) <= sum(
        1 + line.count(b",") for line in lines
    )


def test_an_unknown_precision_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(InputError, match="precision 'd' is not known, expected one of n, ns, u"):
        read(b"m value=1", "d")


def test_more_fields_than_the_limit_are_refused_whole() -> None:
    assert len(read(b"m a=1,b=2,c=3\n", max_rows=3).values) == 3
    with pytest.raises(LimitError, match=r"more fields than the limit .* of 2"):
        read(b"m a=1,b=2,c=3\n", max_rows=2)


def test_labels_that_would_fill_memory_are_refused() -> None:
    line = b"m,t=" + b"x" * 10_000 + b" " + b",".join(b"f%d=1" % i for i in range(1_000))

    with pytest.raises(LimitError, match="more than 1048576 bytes"):
        read(line)


def test_what_is_remembered_is_bounded_and_learned_again() -> None:
    table, aliases = SeriesTable(Limits()), Aliases(20_000)
    for i in range(2_000):
        body = b"m,t=%d value=1\n" % (i % 500)
        table.resolve(decode(body, NOW_MS, "", 10, aliases, table.familiar), NOW_MS)
        known = aliases.of(table.familiar)
        assert int(known.used[0]) <= 20_000 // 88
    assert len(table) == 500


def test_a_series_table_is_never_given_the_numbers_of_another() -> None:
    one, other, aliases = SeriesTable(Limits()), SeriesTable(Limits()), Aliases(1 << 20)
    for _ in range(3):
        one.resolve(decode(b"a value=1\nb value=1", NOW_MS, "", 10, aliases, one.familiar), NOW_MS)

    found = decode(b"b value=1", NOW_MS, "", 10, aliases, other.familiar)

    assert found.numbers is not None
    assert np.array_equal(found.numbers, [-1])
    assert found.labels(0) == [("__name__", "b")]
