"""Native histograms, exemplars and start timestamps of remote write, from the wire to columns."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.beside import Beside
from ingest.decoded import Decoded
from ingest.protocols.remote_write import decode_v1, decode_v2
from storage.errors import DecodeError, LimitError
from storage.model import STALE_NAN_BITS, decode_labels
from tests.ingest.histogram_messages import histograms, read
from tests.ingest.messages import Request, WriteRequest
from tests.storage.histograms import Row, to_rows

CASES = json.loads((Path(__file__).parent / "cases" / "histograms.json").read_text())
STALE_SUM = np.array([STALE_NAN_BITS], np.uint64).view(np.float64)[0]


def request_v1(rows: list[list[dict[str, Any]]]) -> Any:
    request = WriteRequest()
    for i, row in enumerate(rows):
        series = request.timeseries.add()
        series.labels.add(name=b"__name__", value=b"m%d" % i)
        for fields in row:
            series.histograms.add(**fields)
    return request


def request_v2(rows: list[list[dict[str, Any]]]) -> Any:
    request = Request(
        symbols=[b"", b"__name__", b"trace_id", b"abc", *(b"m%d" % i for i in range(len(rows)))]
    )
    for i, row in enumerate(rows):
        series = request.timeseries.add(labels_refs=[1, 4 + i])
        for fields in row:
            series.histograms.add(**fields)
    return request


def beside(decoded: Decoded) -> Beside:
    assert decoded.beside is not None
    return decoded.beside


def found(decoded: Decoded) -> list[tuple[int, int, Row]]:
    """(series, time, histogram) of a request."""
    if decoded.beside is None:
        return []
    columns = (decoded.beside.histogram_series, decoded.beside.histogram_times_ms)
    rows = to_rows(decoded.beside.histograms)
    return list(zip(*(column.tolist() for column in columns), rows, strict=True))


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_histogram_is_read_or_refused_with_the_reason(case: dict[str, Any]) -> None:
    for request, decode in ((request_v1, decode_v1), (request_v2, decode_v2)):
        decoded = decode(request([[case["message"]]]).SerializeToString())
        if "refused" in case:
            assert found(decoded) == []
            assert case["refused"] in decoded.refused["invalid_histogram"].example
            assert decoded.refused["invalid_histogram"].count == 1
            continue
        ((_, time_ms, row),) = found(decoded)
        assert time_ms == case["message"].get("timestamp", 0)
        schema, threshold, zero_count, count, _, hint, positive, negative, bounds = row
        assert {
            "schema": schema,
            "zero": [threshold, zero_count],
            "count": count,
            "hint": hint,
            "positive": [list(pair) for pair in positive],
            "negative": [list(pair) for pair in negative],
            "bounds": list(bounds),
        } == {
            "schema": 0,
            "zero": [0, 0],
            "hint": 0,
            "positive": [],
            "negative": [],
            "bounds": [],
            **case["found"],
        }


@settings(max_examples=300, deadline=None)
@given(st.lists(st.lists(histograms(), max_size=3), max_size=4))
def test_the_kernel_reads_what_plain_python_reads(rows: list[list[dict[str, Any]]]) -> None:
    for request, decode in ((request_v1(rows), decode_v1), (request_v2(rows), decode_v2)):
        messages = [(i, m) for i, series in enumerate(request.timeseries) for m in series.histograms]
        expected = [(i, m.timestamp, read(m)) for i, m in messages]
        decoded = decode(request.SerializeToString())

        assert found(decoded) == [row for row in expected if row[2] is not None]
        refused = decoded.refused.get("invalid_histogram")
        assert (refused.count if refused else 0) == sum(row[2] is None for row in expected)


def test_a_stale_marker_survives_bit_by_bit() -> None:
    for request, decode in ((request_v1, decode_v1), (request_v2, decode_v2)):
        decoded = decode(request([[{"sum": STALE_SUM, "timestamp": 9}]]).SerializeToString())

        assert found(decoded) == [(0, 9, (0, 0.0, 0.0, 0.0, STALE_NAN_BITS, 0, (), (), ()))]


def test_repeated_numbers_may_come_one_by_one() -> None:
    span = b"\x5a\x02\x10\x02"
    packed = b"\x08\x03" + span + b"\x62\x02\x02\x02"
    single = b"\x08\x03" + span + b"\x60\x02" + b"\x60\x02"
    mixed = span + b"\x60\x02" + b"\x62\x01\x02" + b"\x08\x03"

    bodies = [
        b"\x0a" + bytes((len(part) + 2,)) + b"\x22" + bytes((len(part),)) + part
        for part in (packed, single, mixed)
    ]

    one, two, three = (found(decode_v1(body)) for body in bodies)
    assert one == two == three
    assert one[0][2][6] == ((0, 1.0), (1, 2.0))


@pytest.mark.parametrize(
    "fields",
    [
        b"\x09" + b"\0" * 8,
        b"\x62\x01\x80",
        b"\x6a\x07" + b"\0" * 7,
        b"\x5a\x02\x0d\x01",
        b"\x5a\x05\x10",
        b"\x18\x01",
    ],
    ids=[
        "count as double",
        "torn difference",
        "torn double",
        "span of doubles",
        "torn span",
        "sum as varint",
    ],
)
def test_broken_bytes_are_refused_whole(fields: bytes) -> None:
    series = b"\x22" + bytes((len(fields),)) + fields
    with pytest.raises(DecodeError):
        decode_v1(b"\x0a" + bytes((len(series),)) + series)


def test_spans_of_billions_cost_nothing() -> None:
    span = {"offset": 0, "length": 2**32 - 1}
    message = {"count_int": 1, "positive_deltas": [1], "positive_spans": [span] * 1000}

    decoded = decode_v1(request_v1([[message]]).SerializeToString())

    assert "another number of buckets" in decoded.refused["invalid_histogram"].example


def test_a_request_of_too_many_histograms_or_exemplars_is_refused() -> None:
    for request, decode in ((request_v1, decode_v1), (request_v2, decode_v2)):
        many = request([[{}] * 11])
        with pytest.raises(LimitError, match=r"11 histograms, the limit \(ingest.max_request_rows\) is 10"):
            decode(many.SerializeToString(), 10)
        more = request([[]])
        for _ in range(11):
            more.timeseries[0].exemplars.add(value=1.0)
        with pytest.raises(LimitError, match="11 exemplars"):
            decode(more.SerializeToString(), 10)


def exemplars(decoded: Decoded) -> list[tuple[int, int, float, dict[str, str]]]:
    side = beside(decoded)
    columns = (side.exemplar_series, side.exemplar_times_ms, side.exemplar_values)
    labels = [decode_labels(text) for text in side.exemplar_labels]
    return list(zip(*(column.tolist() for column in columns), labels, strict=True))


def test_exemplars_are_read_with_their_labels() -> None:
    one, two = request_v1([[], []]), request_v2([[], []])
    for request in (one, two):
        request.timeseries[1].samples.add(value=1.0, timestamp=4)
        request.timeseries[0].exemplars.add(value=-2.5, timestamp=-7)
    one.timeseries[1].exemplars.add(value=3.0, timestamp=9).labels.add(name=b"trace_id", value=b"abc")
    two.timeseries[1].exemplars.add(value=3.0, timestamp=9, labels_refs=[2, 3])

    for decoded in (decode_v1(one.SerializeToString()), decode_v2(two.SerializeToString())):
        assert exemplars(decoded) == [(0, -7, -2.5, {}), (1, 9, 3.0, {"trace_id": "abc"})]
        assert decoded.values.tolist() == [1.0]


def test_an_exemplar_of_long_labels_is_refused_alone() -> None:
    request = request_v1([[]])
    long = request.timeseries[0].exemplars.add(value=1.0)
    long.labels.add(name=b"trace_id", value=b"x" * 121)
    request.timeseries[0].exemplars.add(value=2.0)

    decoded = decode_v1(request.SerializeToString())

    assert [row[2] for row in exemplars(decoded)] == [2.0]
    assert "129 characters, the limit is 128" in decoded.refused["invalid_exemplar"].example


def test_labels_of_an_exemplar_lie_together() -> None:
    label = b"\x0a\x06\x0a\x01a\x12\x01b"
    for exemplar in (label + b"\x18\x05" + label.replace(b"a", b"c"), b"\x12\x00", b"\x0a\x05"):
        series = b"\x1a" + bytes((len(exemplar),)) + exemplar
        with pytest.raises(DecodeError):
            decode_v1(b"\x0a" + bytes((len(series),)) + series)


@pytest.mark.parametrize("references", [[1], [1, 99]], ids=["a name alone", "outside of the table"])
def test_broken_references_of_an_exemplar_are_refused_whole(references: list[int]) -> None:
    request = request_v2([[]])
    request.timeseries[0].exemplars.add(value=1.0, labels_refs=references)

    with pytest.raises(DecodeError, match="outside of the symbol table"):
        decode_v2(request.SerializeToString())


def starts(decoded: Decoded) -> list[tuple[int, int]]:
    side = beside(decoded)
    return list(zip(side.start_rows.tolist(), side.starts_ms.tolist(), strict=True))


def test_a_sample_starts_where_it_says_and_else_where_its_series_does() -> None:
    request = request_v2([[{"timestamp": 50, "start_timestamp": 20}, {"timestamp": 60}], []])
    first, second = request.timeseries
    first.created_timestamp = 5
    first.samples.add(value=1.0, timestamp=10, start_timestamp=7)
    first.samples.add(value=1.0, timestamp=11)
    second.samples.add(value=1.0, timestamp=12)

    decoded = decode_v2(request.SerializeToString())

    assert decoded.timestamps_ms.tolist() == [10, 11, 12]
    assert starts(decoded) == [(0, 7), (1, 5), (3, 20), (4, 5)]


def test_a_start_behind_its_sample_says_nothing() -> None:
    request = request_v2([[]])
    for time_ms in (9, 10, 11):
        request.timeseries[0].samples.add(value=1.0, timestamp=time_ms, start_timestamp=10)

    assert starts(decode_v2(request.SerializeToString())) == [(1, 10), (2, 10)]


def test_a_request_of_samples_has_nothing_beside_them() -> None:
    for request, decode in ((request_v1([[]]), decode_v1), (request_v2([[]]), decode_v2)):
        request.timeseries[0].samples.add(value=1.0, timestamp=1)
        assert decode(request.SerializeToString()).beside is None
