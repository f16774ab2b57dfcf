"""Graphite, OpenTSDB and collectd: what a message means, and that nothing else escapes."""

from __future__ import annotations

import json
import pickle
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingest.decoded import Decoded
from ingest.protocols import collectd, opentsdb
from ingest.protocols.graphite import lines, pickled
from storage.errors import DecodeError, Error, LimitError
from tests.ingest.cases import cases, check

NOW_MS = 1_700_000_000_123
DECODERS: dict[str, Callable[[bytes, int, int], Decoded]] = {
    "graphite.json": lines.decode,
    "opentsdb_telnet.json": opentsdb.decode_lines,
    "opentsdb_http.json": opentsdb.decode_json,
    "collectd.json": collectd.decode,
}


@pytest.mark.parametrize(
    ("name", "case"),
    [pytest.param(name, *case.values, id=f"{name}: {case.id}") for name in DECODERS for case in cases(name)],
)
def test_messages_mean_what_the_format_says(name: str, case: dict[str, Any]) -> None:
    body = case["body"].encode() if "body" in case else json.dumps(case["json"]).encode()

    found = DECODERS[name](body, NOW_MS, 100)

    check(found, case)
    assert {row.metric: row.type for row in found.metadata} == case.get("types", {})


_WORDS = [b"put ", b"m", b" 1", b" 1700000000", b" a=b", b";t=1", b"\n", b"nan", b"e9", b"\xff", b"version"]
_JSON = [
    b"[",
    b"]",
    b"{",
    b"}",
    b'"metric":',
    b'"value":',
    b'"values":',
    b'"x"',
    b"1",
    b",",
    b"null",
    b"1e999",
]


@pytest.mark.parametrize("decode", DECODERS.values(), ids=DECODERS)
@given(
    body=st.one_of(
        st.binary(max_size=40),
        st.lists(st.sampled_from(_WORDS)).map(b"".join),
        st.lists(st.sampled_from(_JSON)).map(b"".join),
    )
)
def test_any_bytes_are_read_or_refused(decode: Callable[[bytes, int, int], Decoded], body: bytes) -> None:
    try:
        found = decode(body, NOW_MS, 5)
    except Error:
        return
    assert len(found.values) <= 5


@pytest.mark.parametrize(
    ("decode", "body"),
    [
        (lines.decode, b"a 1 2\n" * 3),
        (opentsdb.decode_lines, b"put a 1 2\n" * 3),
        (
            opentsdb.decode_json,
            b'[{"metric":"a","value":1},{"metric":"a","value":1},{"metric":"a","value":1}]',
        ),
        (opentsdb.decode_json, b"[" + b"0," * 200 + b"0]"),
        (collectd.decode, b"[" + b"0," * 200 + b"0]"),
    ],
)
def test_more_samples_than_the_limit_are_refused_whole(
    decode: Callable[[bytes, int, int], Decoded], body: bytes
) -> None:
    with pytest.raises(LimitError, match="max_request_rows"):
        decode(body, NOW_MS, 2)


@pytest.mark.parametrize("decode", [opentsdb.decode_json, collectd.decode])
def test_what_is_not_json_is_refused_whole(decode: Callable[[bytes, int, int], Decoded]) -> None:
    with pytest.raises(DecodeError, match="the body is not JSON"):
        decode(b"[{", NOW_MS, 2)


def frame(content: bytes) -> bytes:
    return len(content).to_bytes(4, "big") + content


SAMPLES = [("a.b", (1700000000, 1.5)), ("a.b;t=x", (-1, 2)), ("c", ("1700000000.5", "3")), ("ü", (1, 10**19))]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("kind", [list, tuple])
def test_pickles_of_every_version_are_read(protocol: int, kind: Any) -> None:
    found = pickled.decode(frame(pickle.dumps(kind(SAMPLES), protocol)) * 2, NOW_MS, 100)

    check(
        found,
        {
            "series": [
                ["a.b{}", 1700000000000, 1.5],
                ['a.b{t="x"}', NOW_MS, 2],
                ["c{}", 1700000000500, 3],
                ["ü{}", 1000, 1e19],
            ]
            * 2
        },
    )


def test_texts_of_python_2_are_bytes() -> None:
    old = b"(lp0\n(S'a.b'\np1\n(I1700000000\nF1.5\ntp2\ntp3\na(U\x02\xc3\xbcI5\nI6\n\x86ta."

    check(
        pickled.decode(frame(old), NOW_MS, 10), {"series": [["a.b{}", 1700000000000, 1.5], ["ü{}", 5000, 6]]}
    )


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return print, ("run",)


_ITSELF: list[Any] = [("a", (1, 2))]
_ITSELF.append(_ITSELF)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (pickle.dumps([Evil()]), "is refused, expected lists, tuples, numbers and texts alone"),
        (pickle.dumps({"a": 1}), "EMPTY_DICT is refused"),
        (b"cos\nsystem\n(S'true'\ntR.", "GLOBAL is refused"),
        (b"\x80\x04\x96" + b"\xff" * 7 + b"\x0f.", "pickle is broken"),
        (b"\x80\x02]r\xff\xff\xff\xff.", ""),
        (b"\x80\x04\x8d" + b"\xff" * 8 + b".", "pickle is broken"),
        (b"J", "pickle is broken"),
        (b"\x85.", "pickle is broken"),
        (b"t.", "pickle is broken"),
        (b"h\x01.", "pickle is broken"),
        (b"I1\nI2\na.", "appended to what is no list"),
        (pickle.dumps("text"), "holds 'text', expected a list of samples"),
        (pickle.dumps([1]), "it is not (path, (timestamp, value))"),
        (pickle.dumps([("a", (1, True))]), "NEWTRUE is refused"),
        (pickle.dumps([("a", (1, 10**400))]), "a int is not a number"),
        (pickle.dumps(_ITSELF), "a list of 2: it is not"),
    ],
)
def test_pickles_that_are_more_than_data_are_refused(
    content: bytes, reason: str, capfd: pytest.CaptureFixture[str]
) -> None:
    tracemalloc.start()
    found = pickled.decode(frame(content), NOW_MS, 10)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert reason in "".join(one.example for one in found.refused.values())
    assert peak < 1 << 20
    assert capfd.readouterr().out == ""


_OPCODES = [b"(", b"]", b"t", b"e", b"a", b"K\x01", b"U\x01a", b"q\x00", b"h\x00", b"."]


@given(st.one_of(st.binary(max_size=60), st.lists(st.sampled_from(_OPCODES)).map(b"".join)))
@example(b"((")
def test_any_pickle_is_read_or_refused(content: bytes) -> None:
    pickled.decode(frame(content), NOW_MS, 50)


def test_frames_are_cut_where_they_end() -> None:
    buffer = bytearray(frame(b"ab") + frame(b"c") + b"\x00\x00\x00\x05abcd")

    assert pickled.whole_frames(buffer) == 11
    assert pickled.whole_frames(buffer[:3]) == 0
    for size in (0, pickled.MAX_FRAME_BYTES + 1):
        with pytest.raises(DecodeError, match=f"a frame of {size} bytes"):
            pickled.whole_frames(bytearray(size.to_bytes(4, "big")))
