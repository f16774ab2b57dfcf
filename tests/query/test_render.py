import math
import struct
from decimal import Decimal

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from query.ast import ValueType
from query.block import Block, Result, Samples, ScalarBlock, StringValue
from query.render.frames import render_frame
from query.render.json import render_result
from storage.errors import ExecutionError
from storage.labels import LabelTable

_NAN = float("nan")


def go_float(value: float) -> str:
    """Go's strconv.AppendFloat as Prometheus's JSON calls it: the plain twin of the kernel."""
    if math.isnan(value):
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "+Inf" if value > 0 else "-Inf"
    if value and not 1e-6 <= abs(value) < 1e21:
        mantissa, exponent = repr(value).split("e")
        return f"{mantissa.removesuffix('.0')}e{exponent[0]}{exponent[1:].lstrip('0')}"
    plain = format(Decimal(repr(value)), "f")
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


def matrix(values: list[list[float]], present: list[list[bool]] | None = None, start_ms: int = 0) -> Result:
    array = np.array(values, np.float64)
    there = np.ones(array.shape, np.bool_) if present is None else np.array(present, np.bool_)
    labels = LabelTable.from_rows({"__name__": "m", "i": str(i)} for i in range(len(values)))
    steps = start_ms + 1000 * np.arange(array.shape[1])
    return Result(ValueType.MATRIX, Block(labels, array, there), steps)


def data(result: Result, limit: int = 0) -> dict[str, object]:
    found: dict[str, object] = orjson.loads(render_result(result, limit=limit))["data"]
    return found


@given(st.lists(st.floats(), min_size=1))
def test_numbers_are_written_as_go_writes_them(values: list[float]) -> None:
    found = orjson.loads(render_result(matrix([values])))["data"]["result"][0]["values"]

    assert [text for _, text in found] == [go_float(value) for value in values]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1e21, "1e+21"),
        (1e20, "100000000000000000000"),
        (1.5e17, "150000000000000000"),
        (1e-6, "0.000001"),
        (-9.75e-6, "-0.00000975"),
        (1e-7, "1e-7"),
        (5e-324, "5e-324"),
        (-0.0, "-0"),
        (3.0, "3"),
        (float("-inf"), "-Inf"),
    ],
)
def test_notation_changes_where_go_changes_it(value: float, text: str) -> None:
    assert go_float(value) == text
    assert data(matrix([[value]]))["result"] == [
        {"metric": {"__name__": "m", "i": "0"}, "values": [[0, text]]}
    ]


@given(st.integers(-8_000_000_000_000, 8_000_000_000_000))
def test_times_are_seconds_with_milliseconds_only_where_there_are_any(time_ms: int) -> None:
    result = Result(ValueType.SCALAR, ScalarBlock(np.array([1.0])), np.array([time_ms]))

    body = render_result(result).decode()
    sign, seconds, fraction = "-" * (time_ms < 0), abs(time_ms) // 1000, abs(time_ms) % 1000
    expected = f"{sign}{seconds}.{fraction:03d}" if fraction else f"{sign}{seconds}"

    assert body == f'{{"status":"success","data":{{"resultType":"scalar","result":[{expected},"1"]}}}}'


def test_absent_values_are_left_out_and_nan_is_not() -> None:
    found = data(matrix([[1, 2, _NAN], [3, 4, 5]], [[True, False, True], [False, True, False]]))

    assert found["result"] == [
        {"metric": {"__name__": "m", "i": "0"}, "values": [[0, "1"], [2, "NaN"]]},
        {"metric": {"__name__": "m", "i": "1"}, "values": [[1, "4"]]},
    ]


def test_a_vector_has_one_value_a_series() -> None:
    block = matrix([[1.5], [2.5]]).value
    found = data(Result(ValueType.VECTOR, block, np.array([1234])))

    assert found == {
        "resultType": "vector",
        "result": [
            {"metric": {"__name__": "m", "i": "0"}, "value": [1.234, "1.5"]},
            {"metric": {"__name__": "m", "i": "1"}, "value": [1.234, "2.5"]},
        ],
    }


def test_raw_samples_keep_their_own_times() -> None:
    labels = LabelTable.from_rows([{"a": "1"}, {"a": "2"}])
    samples = Samples(labels, np.array([1, 5000, 7]), np.array([1.0, 2.0, 3.0]), np.array([0, 2, 3]))

    found = data(Result(ValueType.MATRIX, samples, np.array([9000])))

    assert found["result"] == [
        {"metric": {"a": "1"}, "values": [[0.001, "1"], [5, "2"]]},
        {"metric": {"a": "2"}, "values": [[0.007, "3"]]},
    ]


def test_an_empty_answer_is_an_empty_list() -> None:
    empty = Block(LabelTable({}, 0), np.empty((0, 3)), np.empty((0, 3), np.bool_))

    assert data(Result(ValueType.MATRIX, empty, np.arange(3))) == {"resultType": "matrix", "result": []}


def test_a_string_is_escaped() -> None:
    found = data(Result(ValueType.STRING, StringValue('a"b\n'), np.array([1000])))

    assert found == {"resultType": "string", "result": [1, 'a"b\n']}


def test_a_string_that_is_not_text_is_refused() -> None:
    with pytest.raises(ExecutionError, match="not UTF-8"):
        render_result(Result(ValueType.STRING, StringValue("\udcff"), np.array([1000])))


def test_a_limit_cuts_series_and_says_so() -> None:
    body = orjson.loads(render_result(matrix([[1], [2], [3]]), limit=2))

    assert len(body["data"]["result"]) == 2
    assert body["warnings"] == ["results truncated due to limit"]


@given(st.integers(0, 5), st.integers(1, 5), st.integers(-(10**12), 10**12))
def test_a_frame_is_a_header_and_aligned_columns(series: int, steps: int, start_ms: int) -> None:
    values = np.arange(series * steps, dtype=np.float64).reshape(series, steps)
    present = values % 2 == 0
    labels = LabelTable.from_rows({"i": str(i)} for i in range(series))
    result = Result(ValueType.MATRIX, Block(labels, values, present), start_ms + 15_000 * np.arange(steps))

    frame = render_frame(result, 15_000)

    (length,) = struct.unpack("<I", frame[4:8])
    header = orjson.loads(frame[8 : 8 + length])
    body = np.frombuffer(frame[8 + length :], "<f8").reshape(series, steps)
    assert frame[:4] == b"SWF1"
    assert length % 8 == 0
    assert header["steps_ms"] == {"start": start_ms, "step": 15_000, "count": steps}
    assert [one["labels"] for one in header["series"]] == [{"i": str(i)} for i in range(series)]
    assert np.array_equal(np.isnan(body), ~present)
    assert np.array_equal(body[present], values[present])


def test_only_a_matrix_is_a_frame() -> None:
    with pytest.raises(ExecutionError, match="a frame holds a matrix, and the query answers a scalar"):
        render_frame(Result(ValueType.SCALAR, ScalarBlock(np.array([1.0])), np.array([0])), 1000)


def test_ten_remarks_of_a_kind_are_shown_and_the_others_counted() -> None:
    remarks = tuple(f"PromQL info: {i}" for i in range(13))
    result = Result(ValueType.STRING, StringValue(""), np.array([0]), remarks[:10], remarks)

    body = orjson.loads(render_result(result))

    assert body["warnings"] == list(remarks[:10])
    assert body["infos"] == [*remarks[:10], "3 more info annotations omitted"]
