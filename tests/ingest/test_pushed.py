"""Pushed groups: PUT replaces, POST adds, DELETE ends, and what is there is told again and again."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.decoded import Decoded
from ingest.protocols.pushed.exposed import Exposed, read_text
from ingest.protocols.pushed.families import read_families
from ingest.protocols.pushed.path import group_of
from ingest.pushed.groups import Groups
from storage.errors import ConfigError, DecodeError, Error, LimitError
from storage.model import is_stale
from tests.ingest.cases import cases, written
from tests.ingest.pushed_messages import family, message

JOB = (("job", "j"),)


@pytest.mark.parametrize("case", cases("pushed_paths.json"))
def test_a_path_names_a_group(case: dict[str, Any]) -> None:
    if "error" in case:
        with pytest.raises(DecodeError, match=case["error"]):
            group_of(case["path"])
    else:
        assert dict(group_of(case["path"])) == case["labels"]


def told(found: Decoded) -> dict[str, Any]:
    """Series -> value, 'stale' where it ended; push_time_seconds left out."""
    stale = is_stale(found.values).tolist()
    return {
        written(found.labels(i)): "stale" if stale[row] else found.values[row]
        for row, i in enumerate(found.series_index.tolist())
        if dict(found.labels(i))["__name__"] != "push_time_seconds"
    }


def text(body: str) -> Exposed:
    return read_text(body.encode(), False, 100)


def test_put_replaces_the_group_and_ends_what_is_gone(tmp_path: Path) -> None:
    groups = Groups(tmp_path, 100)

    assert told(groups.put(JOB, text('a 1\nb{job="own",x="y"} 2\n'), 5)) == {
        'a{job="j"}': 1,
        'b{job="j",x="y"}': 2,
    }
    assert told(groups.put(JOB, text("a 3\n"), 6)) == {'a{job="j"}': 3, 'b{job="j",x="y"}': "stale"}
    assert told(groups.repeated(7)) == {'a{job="j"}': 3, 'b{job="j",x="y"}': "stale"}
    assert told(groups.repeated(8)) == {'a{job="j"}': 3}


def test_post_replaces_families_of_the_same_name_alone(tmp_path: Path) -> None:
    groups = Groups(tmp_path, 100)
    groups.put(JOB, text('a 1\n# TYPE h histogram\nh_bucket{le="+Inf"} 1\nh_sum 1\nh_count 1\n'), 5)

    found = told(groups.post(JOB, text('# TYPE h histogram\nh_bucket{le="1.0"} 2\nh_sum 2\nh_count 2\n'), 6))

    assert found == {
        'a{job="j"}': 1,
        'h_bucket{job="j",le="1.0"}': 2,
        'h_sum{job="j"}': 2,
        'h_count{job="j"}': 2,
        'h_bucket{job="j",le="+Inf"}': "stale",
    }


def test_delete_ends_every_series_of_one_group(tmp_path: Path) -> None:
    groups = Groups(tmp_path, 100)
    other = (("instance", "i"), *JOB)
    groups.put(JOB, text("a 1\n"), 5)
    groups.put(other, text("a 2\n"), 5)

    assert told(groups.delete(JOB, 6)) == {'a{job="j"}': "stale"}
    assert told(groups.delete(JOB, 6)) == {}
    assert told(groups.repeated(7)) == {'a{job="j"}': "stale", 'a{instance="i",job="j"}': 2}
    assert told(Groups(tmp_path, 100).repeated(8)) == {'a{instance="i",job="j"}': 2}


def test_the_time_of_a_push_is_a_series_of_its_group(tmp_path: Path) -> None:
    groups = Groups(tmp_path, 100)

    for found in (groups.put(JOB, text("a 1\n"), 1_500), groups.repeated(9_000)):
        rows = {written(found.labels(i)): found.values[i] for i in found.series_index.tolist()}
        assert rows['push_time_seconds{job="j"}'] == 1.5
    assert set(found.timestamps_ms.tolist()) == {9_000}


def test_groups_outlive_the_process_bit_by_bit(tmp_path: Path) -> None:
    Groups(tmp_path, 100).put(JOB, text('a{"ü"="\\n"} 0.1\nb nan\nc -Inf\nd 1e-320\n'), 5)

    found = told(Groups(tmp_path, 100).repeated(6))

    assert found['a{job="j",ü="\n"}'] == 0.1
    assert found['b{job="j"}'] != found['b{job="j"}']
    assert (found['c{job="j"}'], found['d{job="j"}']) == (float("-inf"), 1e-320)


def test_a_file_that_is_no_group_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{")

    with pytest.raises(ConfigError, match=r"x\.json is no group"):
        Groups(tmp_path, 100)


def test_more_series_than_the_limit_are_refused_and_the_group_stays(tmp_path: Path) -> None:
    groups = Groups(tmp_path, 4)
    groups.put(JOB, text("a 1\n"), 5)

    with pytest.raises(LimitError, match=r"5 series, the limit \(ingest.pushed_series\) is 4"):
        groups.put((("job", "k"),), text("a 1\nb 2\n"), 6)

    assert told(groups.repeated(7)) == {'a{job="j"}': 1}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("a 1\nb\n", "line 2: 'b' is not a sample"),
        ("a 1 1700000000000\n", "a sample has a timestamp"),
        ('{b="c"} 1\n', "a sample has no name: {'b': 'c'}"),
    ],
)
def test_a_push_is_taken_whole_or_not_at_all(body: str, reason: str) -> None:
    with pytest.raises(DecodeError, match=reason):
        text(body)


LABEL = (1, message((1, "l"), (2, "ü")))


def test_families_of_every_type_are_read_as_their_text_would_be() -> None:
    raw = (
        family((1, "c"), (2, "help"), (3, 0), (4, message(LABEL, (3, message((1, 1.5))))))
        + family((1, "g"), (3, 1), (4, message((2, message((1, 2.0))))), (5, "s"))
        + family((1, "u"), (3, 3), (4, message((5, message((1, 3.0))))))
        + family(
            (1, "s"), (3, 2), (4, message((4, message((1, 7), (2, 8.0), (3, message((1, 0.5), (2, 4.0)))))))
        )
        + family(
            (1, "h"),
            (3, 4),
            (4, message(LABEL, (7, message((1, 3), (2, 9.0), (3, message((1, 2), (2, 1.0))))))),
        )
    )

    found = read_families(raw, 100)

    samples = {written(list(labels)): value for rows in found.families.values() for labels, value in rows}
    assert samples == {
        'c{l="ü"}': 1.5,
        "g{}": 2,
        "u{}": 3,
        "s_sum{}": 8,
        "s_count{}": 7,
        's{quantile="0.5"}': 4,
        'h_bucket{l="ü",le="1.0"}': 2,
        'h_bucket{l="ü",le="+Inf"}': 3,
        'h_sum{l="ü"}': 9,
        'h_count{l="ü"}': 3,
    }
    assert [(row.metric, row.type, row.help, row.unit) for row in found.metadata] == [
        ("c", "counter", "help", ""),
        ("g", "gauge", "", "s"),
        ("u", "unknown", "", ""),
        ("s", "summary", "", ""),
        ("h", "histogram", "", ""),
    ]


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"\x05ab", "the length of a family is broken, at byte 0"),
        (family((2, "x")), "a family has no name"),
        (family((1, "g"), (4, message((6, 5)))), "has a timestamp"),
        (family((1, b"\xff")), "not UTF-8"),
        (b"\x03\x0a\x05a", "a field is broken"),
    ],
)
def test_broken_families_are_refused_whole(raw: bytes, reason: str) -> None:
    with pytest.raises(DecodeError, match=reason):
        read_families(raw, 100)


@given(
    st.one_of(
        st.binary(max_size=60),
        st.lists(
            st.sampled_from([b"\x0a\x01a", b"\x22\x04", b"\x12\x09", b"\x09" + b"\0" * 8, b"\x3a", b"\x08"])
        )
        .map(b"".join)
        .map(lambda raw: bytes([len(raw) & 127]) + raw),
    )
)
def test_any_families_are_read_or_refused(raw: bytes) -> None:
    with suppress(Error):
        read_families(raw, 5)
