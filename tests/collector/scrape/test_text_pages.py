"""Text and OpenMetrics: what a page says, and that remembering the last page changes nothing."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.openmetrics.exposition import generate_latest

from collector.scrape.layout import Layout
from collector.scrape.text import TextMemory
from ingest.relabel.rules import Action, Rule
from storage.errors import DecodeError, ScrapeError
from storage.model import Metadata
from tests.collector.scrape.pages import (
    CAPTURES,
    Sample,
    capture,
    naming,
    oracle,
    read,
    samples,
    sorted_samples,
)

PAGE = b'# HELP m About it.\n# TYPE m counter\nm{a="1"} 1\nm{a="2"} 2.5\n\nn 3\n'


NAMES = st.from_regex(r"[a-zA-Z_:][a-zA-Z0-9_:]{0,8}", fullmatch=True)
LABEL_NAMES = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,8}", fullmatch=True).filter(
    lambda name: name != "__name__"
)
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc"), include_characters="\n"))
FLOATS = st.floats() | st.integers(-(10**20), 10**20).map(float)


def values(raw: bytes, memory: TextMemory | None = None, openmetrics: bool = False) -> list[Sample]:
    return samples(read(raw, memory, openmetrics)[0])


@pytest.mark.parametrize("name", CAPTURES)
def test_a_captured_page_is_what_prometheus_client_reads(shared_data: Path, name: str) -> None:
    raw = capture(shared_data, CAPTURES[name])

    assert sorted_samples(values(raw)) == sorted_samples(oracle(raw, openmetrics=False))


@given(
    st.dictionaries(TEXTS, st.floats(0, 1e9), max_size=3),
    st.lists(st.floats(0, 1e9), max_size=5),
    st.dictionaries(LABEL_NAMES, TEXTS, max_size=1),
)
@settings(max_examples=50, deadline=None)
def test_openmetrics_is_what_prometheus_client_reads(
    counts: dict[str, float], observed: list[float], exemplar: dict[str, str]
) -> None:
    registry = CollectorRegistry()
    counter = Counter("c", 'About "it"\n\\.', ["a"], unit="seconds", registry=registry)
    for value, count in counts.items():
        counter.labels(value).inc(count, {name: text[:60] for name, text in exemplar.items()})
    histogram = Histogram("h", "", registry=registry)
    for one in observed:
        histogram.observe(one)
    raw = generate_latest(registry)
    memory = TextMemory()
    try:
        expected = sorted_samples(oracle(raw, True))
    except ValueError:  # its parser cannot read some of what its writer writes, such as '"}' in a value
        reject()

    for _ in range(2):
        assert sorted_samples(values(raw, memory, True)) == expected


@pytest.mark.parametrize("name", ["cadvisor 1.35", "etcd", "node_exporter"])
@pytest.mark.parametrize("step", [1_000, 65_536, 1 << 30])
def test_a_page_that_comes_again_is_read_without_its_labels(shared_data: Path, name: str, step: int) -> None:
    raw, memory = capture(shared_data, CAPTURES[name]), TextMemory()
    first, was_known = read(raw, memory, step=step)
    again, is_known = read(raw, memory, step=step)

    assert (was_known, is_known) == (False, True)
    assert again.layout is first.layout
    assert np.array_equal(again.values, first.values, equal_nan=True)
    assert np.array_equal(again.times_ms, first.times_ms)
    assert again.families is first.families


def test_new_numbers_are_read_where_the_series_are_the_last_ones() -> None:
    memory = TextMemory()
    read(PAGE, memory)

    page, is_known = read(PAGE.replace(b"2.5", b"NaN").replace(b" 3", b" 1e+06"), memory)

    assert is_known
    assert [value for _, value in samples(page)] == ["1.0", "nan", "1000000.0"]


CHANGES = {
    "a line more": b'# TYPE m counter\nm{a="1"} 1\nm{a="1b"} 9\nm{a="2"} 2.5\nn 3\n',
    "a line less": b'# HELP m About it.\n# TYPE m counter\nm{a="2"} 2.5\n\nn 3\n',
    "another order": b'n 3\nm{a="2"} 2.5\n# TYPE m counter\nm{a="1"} 1\n',
    "its end is missing": b'# HELP m About it.\n# TYPE m counter\nm{a="1"} 1\n',
    "a longer comment": PAGE.replace(b"About it.", b"About it. 7"),
    "a timestamp": PAGE.replace(b"2.5", b"2.5 1700000000000"),
    "two timestamps": PAGE.replace(b"1\nm", b"1 1700000000000\nm").replace(b" 3", b" 3 5"),
    "other blanks": PAGE.replace(b" 2.5", b"   2.5  "),
    "no last newline": PAGE[:-1],
    "nothing": b"",
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("step", [5, 1 << 20])
def test_a_page_that_changed_is_read_as_if_it_were_the_first(change: str, step: int) -> None:
    memory = TextMemory()
    read(PAGE, memory)

    page, _ = read(CHANGES[change], memory, step=step)
    back, _ = read(PAGE, memory, step=step)

    assert samples(page) == values(CHANGES[change])
    assert samples(back) == values(PAGE)


LINES = st.sampled_from(
    [b'm{a="%d"} %d' % (a, b) for a in range(4) for b in range(3)]
    + [b"# TYPE m gauge", b"", b"n 1", b"n 2 1700000000000", b'm{a="1"} NaN 5', b"n 1e300"]
)


@given(st.lists(st.lists(LINES, max_size=12), max_size=6), st.integers(1, 40))
@settings(max_examples=150, deadline=None)
def test_what_is_remembered_changes_nothing(pages: list[list[bytes]], step: int) -> None:
    memory = TextMemory()
    for lines in pages:
        raw = b"\n".join(lines)
        page, _ = read(raw, memory, step=step)
        assert samples(page) == values(raw)
        assert page.families == read(raw)[0].families


ROWS = st.lists(
    st.tuples(
        NAMES,
        st.dictionaries(LABEL_NAMES, TEXTS, max_size=4),
        FLOATS,
        st.none() | st.integers(-(10**12), 10**14),
    ),
    max_size=8,
)


def written(value: float) -> str:
    return {"inf": "+Inf", "-inf": "-Inf", "nan": "NaN"}.get(repr(value), repr(value))


@given(ROWS)
@settings(max_examples=150, deadline=None)
def test_what_is_written_is_read(
    rows: list[tuple[str, dict[str, str], float, int | None]],
) -> None:
    text, expected = "", []
    for number, (name, labels, value, time_ms) in enumerate(rows):
        own = {**labels, "row": str(number)}
        pairs = ",".join(
            '{}="{}"'.format(label, text_.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n"))
            for label, text_ in own.items()
        )
        time = "" if time_ms is None else f" {time_ms}"
        text += f"{name}{{{pairs}}} {written(value)}{time}\n"
        kept = {"__name__": name, **{label: text_ for label, text_ in own.items() if text_}}
        expected.append((kept, f"{value!r}" + (f" @{time_ms}" if time_ms is not None else "")))

    memory = TextMemory()
    for _ in range(2):
        assert sorted_samples(values(text.encode(), memory)) == sorted_samples(expected)


@pytest.mark.parametrize(
    ("line", "labels", "value"),
    [
        (b'm{a="b"}1', {"__name__": "m", "a": "b"}, "1.0"),
        (b'  m  {  a = "b" , c="d", }  1  ', {"__name__": "m", "a": "b", "c": "d"}, "1.0"),
        (b'm{a="} 2 # {"} 1', {"__name__": "m", "a": "} 2 # {"}, "1.0"),
        (b'm{a="x\\"y\\\\z\\nw\\q"} 1', {"__name__": "m", "a": 'x"y\\z\nw\\q'}, "1.0"),
        (b'{"my.metric","my.label"="x"} 1', {"__name__": "my.metric", "my.label": "x"}, "1.0"),
        (b'm{a=""} 1', {"__name__": "m"}, "1.0"),
        (b"m{} +Inf", {"__name__": "m"}, "inf"),
        (b"m\t1\t1700000000000", {"__name__": "m"}, "1.0 @1700000000000"),
        (b"m 1 -5\r", {"__name__": "m"}, "1.0 @-5"),
        (b"m 1e5", {"__name__": "m"}, "100000.0"),
        (b"m .5", {"__name__": "m"}, "0.5"),
        (b"m 18446744073709551616", {"__name__": "m"}, "1.8446744073709552e+19"),
    ],
)
def test_a_line_may_be_written_in_many_ways(line: bytes, labels: dict[str, str], value: str) -> None:
    memory = TextMemory()

    assert values(line, memory) == [(labels, value)]
    assert values(line, memory) == [(labels, value)]


@pytest.mark.parametrize(
    "line",
    [
        b"m",
        b"m ",
        b"m x",
        b"m 1_0",
        b"m 1,2",
        b"m 1,2 3",
        b"m [1]",
        b"m true",
        b"m 0x1p3",
        b"m 1 2 3",
        b"m 1 1.5",
        b"m 1 x",
        b'm{a="b" 1',
        b'm{a="b"c="d"} 1',
        b"m{a=b} 1",
        b'm{="b"} 1',
        b'{"a"="b"} 1',
        b'm{a="1",a="2"} 1',
        b'm{a="\xff"} 1',
        b"1m 1",
        b"m-x 1",
        b'm{a="b"} 1 } 2',
        b'm 1 # {a="b"} 1',
        b"\xff 1",
    ],
)
def test_one_wrong_line_refuses_the_page_and_what_was_remembered_stays(line: bytes) -> None:
    memory = TextMemory()
    first, _ = read(PAGE, memory)
    with pytest.raises(DecodeError):
        read(PAGE + line + b"\n", memory)
    again, is_known = read(PAGE, memory)

    assert is_known
    assert again.layout is first.layout


def test_families_are_described() -> None:
    raw = b"# HELP m A \\\\ b\\nc.\n# TYPE m counter\n# UNIT m bytes\n# TYPE n strange\n# a comment\nm 1\n"

    assert read(raw)[0].families == {
        "m": Metadata("m", "counter", "A \\ b\nc.", "bytes"),
        "n": Metadata("n", "unknown", "", ""),
    }


def test_a_series_that_comes_twice_counts_once() -> None:
    page, _ = read(b"m 1\nn 2\nm 3\n")

    assert samples(page) == [({"__name__": "m"}, "1.0"), ({"__name__": "n"}, "2.0")]
    assert page.layout.duplicates == 1


def test_a_series_may_come_again_with_another_time() -> None:
    page, _ = read(b"m 1 1000\nm 2 2000\nm 3 1500\nm 4 2000\nm 5\n")

    assert [value for _, value in samples(page)] == ["1.0 @1000", "2.0 @2000", "3.0 @1500", "4.0 @2000"]
    assert page.layout.late(page.layout.kept_times(page.times_ms)) == [2, 3]


def test_times_of_a_page_do_not_count_where_they_are_not_honored() -> None:
    page, _ = read(b"m 1 1000\nm 2 2000\n", honors_times=False)

    assert samples(page) == [({"__name__": "m"}, "1.0")]
    assert not page.layout.has_times


def test_series_that_rules_drop_are_read_and_not_kept() -> None:
    drop = Rule(action=Action.DROP, source_labels=("a",), regex="1")
    memory, name = TextMemory(), naming(rules=(drop,))

    for _ in range(2):
        page, _ = read(PAGE, memory, name=name)
        assert [value for _, value in samples(page)] == ["2.5", "3.0"]
        assert page.layout.dropped == 1


def test_a_page_beyond_the_limit_is_counted_to_its_end_and_not_remembered() -> None:
    memory = TextMemory()
    with pytest.raises(ScrapeError, match=r"3 samples after relabelling, the limit \(sample_limit\) is 2"):
        read(PAGE, memory, step=20, limit=2)

    assert memory.skeleton.layout.lines == Layout().lines
    assert read(PAGE, memory, limit=3)[0].layout.lines


OPENMETRICS = b"""# TYPE c counter
# UNIT c seconds
c_total{a="1"} 1 # {trace_id="x"} 0.5 1700000000.123
c_created{a="1"} 1600000000.5
c_total{a="2"} 2 1700000001.5
# EOF
"""


def test_openmetrics_tells_exemplars_seconds_and_when_counting_began() -> None:
    memory = TextMemory()
    for _ in range(2):
        page, _ = read(OPENMETRICS, memory, openmetrics=True)
        assert [value for _, value in samples(page)] == ["1.0", "1600000000.5", "2.0 @1700000001500"]
        assert page.starts_ms.tolist() == [1_600_000_000_500, 0, 0]
        assert [(note.row, note.value, note.time_ms) for note in page.notes] == [(0, 0.5, 1_700_000_000_123)]


def test_exemplars_change_without_the_series_being_read_again() -> None:
    memory = TextMemory()
    read(OPENMETRICS, memory, openmetrics=True)

    page, is_known = read(OPENMETRICS.replace(b'"x"} 0.5', b'"other"} 7'), memory, openmetrics=True)

    assert is_known
    assert [note.value for note in page.notes] == [7.0]


def test_an_exemplar_that_is_too_long_is_left_out() -> None:
    raw = OPENMETRICS.replace(b'"x"', b'"' + b"x" * 200 + b'"')

    assert list(read(raw, openmetrics=True)[0].notes) == []


@pytest.mark.parametrize(
    "raw",
    [
        b"m 1\n",
        b"# EOF\nm 1\n",
        b"m 1\n# EOF\n# EOF\n",
        b"",
        b"m 1 # x\n# EOF\n",
        b'm 1 # {a="b"}\n# EOF\n',
        b"m 1 1e300\n# EOF\n",
    ],
)
def test_openmetrics_that_is_wrong_or_cut_off_is_refused(raw: bytes) -> None:
    with pytest.raises(DecodeError):
        read(raw, openmetrics=True)


@given(st.lists(st.binary(max_size=60) | st.just(PAGE) | st.just(OPENMETRICS), max_size=4), st.booleans())
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_read_or_refused(pages: list[bytes], openmetrics: bool) -> None:
    memory = TextMemory()
    for raw in pages:
        try:
            page, _ = read(raw, memory, openmetrics, step=16)
        except DecodeError:
            with pytest.raises(DecodeError):
                read(raw, openmetrics=openmetrics)
        else:
            assert samples(page) == values(raw, openmetrics=openmetrics)
