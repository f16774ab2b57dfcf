"""OpenTelemetry metrics, from bodies to columns."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from google.protobuf import json_format
from hypothesis import example, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from ingest.decoded import Decoded
from ingest.limits import Limits
from ingest.protocols.otlp.exponential_histograms import added
from ingest.protocols.otlp.json_body import to_protobuf
from ingest.protocols.otlp.names import Strategy
from ingest.protocols.otlp.sources import Options
from ingest.protocols.otlp.translator import Translator
from ingest.series.table import SeriesTable
from ingest.wire.encoding import varint
from storage.errors import DecodeError, InputError, LimitError, OverloadedError
from tests.ingest.otlp_requests import any_value, as_json, as_protobuf, metadata_of, request_of, text_of
from tests.ingest.otlp_twin import rows_of
from tests.storage.histograms import histogram, of_rows

CASES = json.loads((Path(__file__).parent / "cases" / "otlp.json").read_text())
NOW_MS = 1_800_000_000_000
TIME = "1700000000000000000"
SHARED = Translator()


def translator(case: dict[str, Any]) -> Translator:
    options = dict(case.get("options", {}))
    if "promote" in options:
        options["promote"] = tuple(options["promote"])
    if "strategy" in options:
        options["strategy"] = Strategy(options["strategy"])
    return Translator(Options(**options))


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
@pytest.mark.parametrize("encoding", ["json", "protobuf"])
def test_a_request_becomes_series_and_samples(case: dict[str, Any], encoding: str) -> None:
    request = request_of(case)
    body = to_protobuf(as_json(request)) if encoding == "json" else as_protobuf(request)

    decoded = translator(case).decode(body, NOW_MS)

    if "count" in case:
        assert len(decoded.values) == case["count"]
    else:
        assert text_of(decoded) == case["expect"]
    if "metadata" in case:
        assert metadata_of(decoded) == case["metadata"]


def gauge(points: list[dict[str, Any]], name: str = "g") -> dict[str, Any]:
    return {
        "resourceMetrics": [
            {"scopeMetrics": [{"metrics": [{"name": name, "gauge": {"dataPoints": points}}]}]}
        ]
    }


def point(attributes: dict[str, Any]) -> dict[str, Any]:
    pairs = [{"key": key, "value": any_value(value)} for key, value in attributes.items()]
    return {"timeUnixNano": TIME, "asInt": "1", "attributes": pairs}


def test_plain_attributes_are_labels_that_a_kernel_learns() -> None:
    decoded = SHARED.decode(as_protobuf(gauge([point({"z.a": "x", "b": 1, "Q": True})])), NOW_MS)

    resolved = SeriesTable(Limits(max_past_ms=1 << 50)).resolve(decoded, NOW_MS)

    assert resolved.keep.all()
    assert [name for name, _ in decoded.labels(0)] == sorted(name for name, _ in decoded.labels(0))
    assert resolved.new_rows[0].text == '{"Q":"true","__name__":"g","b":"1","z_a":"x"}'


def test_metadata_is_told_once_for_all_series_of_a_histogram() -> None:
    case = next(case for case in CASES if case["name"].startswith("an explicit histogram"))
    decoded = SHARED.decode(as_protobuf(request_of(case)), NOW_MS)

    resolved = SeriesTable(Limits(max_past_ms=1 << 50)).resolve(decoded.every_row(), NOW_MS)

    assert [row.metric for row in resolved.metadata] == ["http_duration_milliseconds"]


def test_totals_are_kept_up_to_the_limit_and_those_idle_longest_begin_anew() -> None:
    own = Translator(Options(max_delta_series=4))

    def add(names: str, second: int) -> dict[str, float]:
        metrics = [
            {
                "name": name,
                "sum": {
                    "aggregationTemporality": 1,
                    "dataPoints": [{"timeUnixNano": str(second * 10**9), "asInt": "10"}],
                },
            }
            for name in names
        ]
        decoded = own.decode(
            as_protobuf({"resourceMetrics": [{"scopeMetrics": [{"metrics": metrics}]}]}), second * 1000
        )
        return dict(zip(names, decoded.values.tolist(), strict=True))

    assert add("ab", 1) == {"a": 10, "b": 10}
    assert add("cd", 2) == {"c": 10, "d": 10}
    assert add("cd", 3) == {"c": 20, "d": 20}
    assert add("e", 4) == {"e": 10}
    assert add("cda", 5) == {"c": 30, "d": 30, "a": 10}


def test_more_rows_than_allowed_are_refused_whole() -> None:
    body = as_protobuf(gauge([point({}) for _ in range(3)]))

    assert len(SHARED.decode(body, NOW_MS, max_rows=3).values) == 3
    with pytest.raises(LimitError, match="3 data points"):
        SHARED.decode(body, NOW_MS, max_rows=2)
    with pytest.raises(LimitError, match="attributes that are not plain"):
        SHARED.decode(as_protobuf(gauge([point({f"k{i}": 1.5 for i in range(9)})])), NOW_MS, max_rows=20)


def test_labels_that_would_fill_memory_are_refused_whole() -> None:
    bounds = {"explicitBounds": list(range(2000)), "bucketCounts": ["1"] * 2001, "count": "2001"}
    attribute = {"key": "k", "value": {"stringValue": "x" * 100_000}}
    histogram = {"aggregationTemporality": 2, "dataPoints": [{**bounds, "attributes": [attribute]}]}
    request = {"resourceMetrics": [{"scopeMetrics": [{"metrics": [{"name": "h", "histogram": histogram}]}]}]}

    with pytest.raises(LimitError, match="labels have up to"):
        SHARED.decode(as_protobuf(request), NOW_MS, max_label_bytes=1 << 20)


def test_many_attributes_of_one_point_take_no_longer_than_they_must() -> None:
    attributes = {f"k{i:05}": f"v{i}" for i in range(20_000)}

    decoded = SHARED.decode(as_protobuf(gauge([point(attributes)])), NOW_MS)

    assert len(decoded.labels(0)) == 20_001


def test_numbers_that_are_not_packed_are_read_too() -> None:
    def field(number: int, wire: int, content: bytes) -> bytes:
        size = varint(len(content)) if wire == 2 else b""
        return varint(number << 3 | wire) + size + content

    def word(value: int) -> bytes:
        return value.to_bytes(8, "little")

    counts = b"".join(field(6, 1, word(count)) for count in (1, 2))
    bounds = field(7, 1, np.float64(5).tobytes())
    histogram = field(1, 2, field(4, 1, word(3)) + counts + bounds) + field(2, 0, b"\x02")
    metric = field(1, 2, b"h") + field(9, 2, histogram)

    decoded = SHARED.decode(field(1, 2, field(2, 2, field(2, 2, metric))), NOW_MS)

    assert text_of(decoded)["samples"] == [
        f"h_count 3 @{NOW_MS}",
        f'h_bucket{{le="5"}} 1 @{NOW_MS}',
        f'h_bucket{{le="+Inf"}} 3 @{NOW_MS}',
    ]


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"\x0a\x05\x12", "claims more bytes"),
        (b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "varint does not end"),
        (b"\x08\x01", "wire type"),
        (b"\x00\x01", "number 0"),
    ],
)
def test_bytes_that_are_not_sound_are_refused_with_their_place(body: bytes, problem: str) -> None:
    with pytest.raises(DecodeError, match=f"{problem}.* at byte [01] "):
        SHARED.decode(body, NOW_MS)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("[]", "the body is .*, expected an object"),
        ("{", "not JSON"),
        ('{"resourceMetrics": 1}', "resourceMetrics is 1, expected an array"),
        (json.dumps(gauge([{"asInt": "x"}])), r"dataPoints\[0\].asInt is 'x', expected a whole number"),
        (json.dumps(gauge([{"asInt": str(1 << 63)}])), "expected a whole number of 64 bits"),
        (json.dumps(gauge([{"flags": -1}])), "expected a whole number of 32 bits"),
        (json.dumps(gauge([{"exemplars": [{"traceId": "xyz"}]}])), "traceId is 'xyz', expected hexadecimal"),
        (json.dumps(gauge([{"asDouble": "1.5x"}])), "expected a number"),
        (json.dumps(gauge([{"attributes": [{"value": {"bytesValue": "?"}}]}])), "expected base64"),
        (json.dumps(gauge([{"attributes": [{"value": {"boolValue": 1}}]}])), "expected true or false"),
    ],
)
def test_json_that_does_not_fit_is_refused_with_its_place(body: str, problem: str) -> None:
    with pytest.raises(DecodeError, match=problem):
        to_protobuf(body.encode())


def test_json_may_have_names_with_underscores_numbers_as_numbers_and_what_nobody_knows() -> None:
    odd = {"time_unix_nano": int(TIME), "as_int": 7, "new": {"x": 1}, "attributes": None}
    request = {
        "resource_metrics": [
            {"scope_metrics": [{"metrics": [{"name": "g", "gauge": {"data_points": [odd]}}]}]}
        ]
    }

    decoded = SHARED.decode(to_protobuf(as_json(request)), NOW_MS)

    assert text_of(decoded) == {"samples": [f"g 7 @{int(TIME) // 10**6}"]}


# --- fuzz: kernels against plain Python, and bytes that nobody meant ---

_KEYS = st.sampled_from(["a", "b.c", "b_c", "http.method", "_x", "9", "le", "job", "", "ü", "Z"]) | st.text(
    max_size=4
)
_VALUES = st.one_of(
    st.text(max_size=5),
    st.booleans(),
    st.integers(-(1 << 63), (1 << 63) - 1),
    st.none(),
    st.builds(lambda raw: {"bytesValue": raw}, st.sampled_from(["", "AQID"])),
)
_ATTRIBUTES = st.lists(
    st.builds(lambda key, value: {"key": key, "value": any_value(value)}, _KEYS, _VALUES), max_size=5
)
_TIMES = st.integers(1, 1 << 62).map(str)
_COUNTS = st.integers(0, (1 << 64) - 1).map(str)
_DOUBLES = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from(["NaN", "Infinity"])
_FLAGS = st.sampled_from([0, 0, 0, 1])
_NUMBERS = st.one_of(
    st.fixed_dictionaries(
        {"timeUnixNano": _TIMES, "asDouble": _DOUBLES, "attributes": _ATTRIBUTES, "flags": _FLAGS}
    ),
    st.fixed_dictionaries(
        {
            "timeUnixNano": _TIMES,
            "asInt": st.integers(-(1 << 63), (1 << 63) - 1).map(str),
            "attributes": _ATTRIBUTES,
        }
    ),
)
_HISTOGRAMS = st.fixed_dictionaries(
    {
        "timeUnixNano": _TIMES,
        "count": _COUNTS,
        "bucketCounts": st.lists(_COUNTS, max_size=4),
        "explicitBounds": st.lists(_DOUBLES, max_size=4),
        "attributes": _ATTRIBUTES,
        "flags": _FLAGS,
    },
    optional={"sum": _DOUBLES},
)
_SUMMARIES = st.fixed_dictionaries(
    {
        "timeUnixNano": _TIMES,
        "count": _COUNTS,
        "sum": _DOUBLES,
        "quantileValues": st.lists(
            st.fixed_dictionaries({"quantile": _DOUBLES, "value": _DOUBLES}), max_size=3
        ),
        "attributes": _ATTRIBUTES,
    }
)
_NAMES = st.sampled_from(["m", "m.total", "1m", "a..b", "total"])


def metric(kind: str, points: st.SearchStrategy[Any], **more: Any) -> st.SearchStrategy[Any]:
    lists = st.lists(points, min_size=1, max_size=3)
    return st.builds(lambda name, found: {"name": name, kind: {"dataPoints": found, **more}}, _NAMES, lists)


_METRICS = st.one_of(
    metric("gauge", _NUMBERS),
    metric("sum", _NUMBERS, aggregationTemporality=2, isMonotonic=True),
    metric("sum", _NUMBERS, aggregationTemporality=2),
    metric("histogram", _HISTOGRAMS, aggregationTemporality=2),
    metric("summary", _SUMMARIES),
)
_RESOURCES = st.lists(
    st.builds(
        lambda key, value: {"key": key, "value": any_value(value)},
        st.sampled_from(["service.name", "service.namespace", "service.instance.id"]),
        st.text(max_size=3) | st.integers(0, 9),
    ),
    max_size=3,
)
_REQUESTS = st.lists(
    st.builds(
        lambda attributes, scopes: {
            "resource": {"attributes": attributes},
            "scopeMetrics": [{"metrics": metrics} for metrics in scopes],
        },
        _RESOURCES,
        st.lists(st.lists(_METRICS, max_size=3), max_size=2),
    ),
    max_size=2,
).map(lambda resources: {"resourceMetrics": resources})


def sorted_rows(decoded: Decoded) -> list[tuple[tuple[tuple[str, str], ...], int, bytes]]:
    labels = [tuple(decoded.labels(i)) for i in range(len(decoded.label_start))]
    assert all(list(one) == sorted(one) for one in labels)
    rows = zip(decoded.series_index.tolist(), decoded.timestamps_ms.tolist(), decoded.values, strict=True)
    found = [(labels[series], time, value.tobytes()) for series, time, value in rows]
    return sorted(row for row in found if dict(row[0])["__name__"] != "target_info")


_HIDING = {
    "resourceMetrics": [
        {
            "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": ""}}]},
            "scopeMetrics": [
                {
                    "metrics": [
                        {
                            "name": "m",
                            "gauge": {
                                "dataPoints": [
                                    {
                                        "timeUnixNano": "1",
                                        "asInt": "0",
                                        "attributes": [{"key": "job", "value": {"stringValue": "0"}}],
                                    }
                                ]
                            },
                        }
                    ]
                }
            ],
        }
    ]
}
"""A service without a name takes the label `job` away that a data point has."""


@settings(max_examples=300)
@given(_REQUESTS)
@example(_HIDING)
def test_kernels_agree_with_plain_python(request: dict[str, Any]) -> None:
    message = json_format.ParseDict(request, ExportMetricsServiceRequest())
    raw = message.SerializeToString()

    expected = sorted(rows_of(raw))

    for body in (raw, to_protobuf(as_json(request))):
        assert sorted_rows(SHARED.decode(body, NOW_MS)) == expected


@settings(max_examples=300)
@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    read_or_refuse(raw)


BODIES = [as_protobuf(request_of(case)) for case in CASES if "count" not in case]


@settings(max_examples=500)
@given(
    st.sampled_from(BODIES),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=4),
    st.floats(0, 1),
)
def test_bodies_with_wrong_bytes_are_read_or_refused(
    body: bytes, changes: list[tuple[float, int]], cut: float
) -> None:
    raw = bytearray(body)
    for place, byte in changes:
        if raw:
            raw[int(place * (len(raw) - 1))] = byte
    read_or_refuse(bytes(raw))
    read_or_refuse(bytes(raw[: int(cut * len(raw))]))


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
)


@settings(max_examples=200)
@given(
    _JSON, st.sampled_from(["resourceMetrics", "scopeMetrics", "metrics", "gauge", "asDouble", "attributes"])
)
def test_any_json_is_read_or_refused(found: Any, key: str) -> None:
    for body in (found, {"resourceMetrics": [found]}, gauge([found]), gauge([{key: found}]), {key: found}):
        try:
            read_or_refuse(to_protobuf(json.dumps(body).encode()))
        except DecodeError:
            continue


def read_or_refuse(raw: bytes) -> None:
    try:
        decoded = SHARED.decode(raw, NOW_MS, max_rows=10_000, max_label_bytes=1 << 20)
    except (InputError, LimitError):
        return
    SeriesTable(Limits(max_past_ms=1 << 50)).resolve(decoded.every_row(), NOW_MS)


# --- recognised points ---


def ids(decoded: Decoded, table: SeriesTable) -> list[tuple[int, int, int, bytes]]:
    every = decoded.every_row()
    found = table.resolve(every, NOW_MS)
    values = decoded.values.view(np.uint64).tolist()
    beside = [0] * (len(found.metric_ids) - len(values))
    columns = (found.metric_ids.tolist(), found.series_ids.tolist(), every.timestamps_ms.tolist())
    return list(zip(*columns, values + beside, strict=True))


LIMITS = Limits(max_past_ms=1 << 62, max_future_ms=1 << 62)


@settings(max_examples=150)
@given(st.lists(_REQUESTS, min_size=1, max_size=3))
def test_what_is_recognised_is_what_was_written_before(requests: list[dict[str, Any]]) -> None:
    bodies = [to_protobuf(as_json(request)) for request in requests]
    table, own = SeriesTable(LIMITS), Translator()

    expected = [ids(SHARED.decode(body, NOW_MS), SeriesTable(LIMITS)) for body in bodies]

    for _ in range(3):
        for body, rows in zip(bodies, expected, strict=True):
            assert ids(own.decode(body, NOW_MS, familiar=table.familiar), table) == rows


def test_points_of_known_series_have_no_labels_written() -> None:
    body = as_protobuf(request_of(next(case for case in CASES if case["name"].startswith("an explicit"))))
    table, own = SeriesTable(LIMITS), Translator()

    sizes = []
    for _ in range(3):
        decoded = own.decode(body, NOW_MS, familiar=table.familiar)
        table.resolve(decoded, NOW_MS)
        sizes.append(len(decoded.body))

    assert sizes[0] == sizes[1] > 0
    assert sizes[2] == 0


def test_recognised_points_are_forgotten_when_memory_is_full_and_learned_again() -> None:
    table, own = SeriesTable(LIMITS), Translator(Options(max_known_bytes=20_000))
    bodies = [as_protobuf(gauge([point({"a": f"{i}-{j}"}) for j in range(50)])) for i in range(8)]

    for _ in range(4):
        for body in bodies:
            assert ids(own.decode(body, NOW_MS, familiar=table.familiar), table) == ids(
                SHARED.decode(body, NOW_MS), table
            )


def test_points_by_number_alone_are_pushed_back_when_the_table_numbers_anew() -> None:
    table, own = SeriesTable(Limits(max_past_ms=1 << 62, max_series=2)), Translator()
    body = as_protobuf(gauge([point({"a": "1"}), point({"a": "2"})]))
    for _ in range(2):
        table.resolve(own.decode(body, NOW_MS, familiar=table.familiar), NOW_MS)
    decoded = own.decode(body, NOW_MS, familiar=table.familiar)
    later_ms = NOW_MS + 2 * LIMITS.active_window_ms
    table.resolve(SHARED.decode(as_protobuf(gauge([point({"b": "1"})])), later_ms), later_ms)

    with pytest.raises(OverloadedError, match="numbered anew"):
        table.resolve(decoded, later_ms)

    again = own.decode(body, later_ms, familiar=table.familiar)
    assert table.resolve(again, later_ms).keep.tolist() == [True, False]


# --- totals against plain Python ---

_DELTAS = st.lists(
    st.tuples(st.sampled_from("abcd"), st.integers(1, 6), st.integers(0, 3), st.integers(-5, 50)), max_size=40
)


@given(st.lists(_DELTAS, min_size=1, max_size=3))
def test_totals_are_those_of_plain_python(requests: list[list[tuple[str, int, int, int]]]) -> None:
    own, totals = Translator(), dict[str, tuple[int, int, int, int]]()
    for rows in requests:
        points = [
            {
                "timeUnixNano": str(time * 10**9),
                "startTimeUnixNano": str(start * 10**8),
                "asInt": str(value),
                "attributes": [{"key": "s", "value": {"stringValue": name}}],
            }
            for name, time, start, value in rows
        ]
        metrics = [{"name": "m", "sum": {"aggregationTemporality": 1, "dataPoints": points}}]
        request = {"resourceMetrics": [{"scopeMetrics": [{"metrics": metrics}]}]}

        decoded = own.decode(as_protobuf(request), NOW_MS)

        expected = []
        for name, time, start, value in rows:
            last, first, sent, total = totals.get(name, (0, start, start, 0))
            if time > last:
                totals[name] = (time, first, start, total + value)
            elif (time, start) != (last, sent):
                continue
            expected.append((name, time * 1000, totals[name][3]))
        labels = [dict(decoded.labels(i)).get("s") for i in decoded.series_index.tolist()]
        assert (
            list(zip(labels, decoded.timestamps_ms.tolist(), decoded.values.tolist(), strict=True))
            == expected
        )


_BUCKET_LISTS = st.dictionaries(st.integers(-20, 20), st.integers(1, 9), max_size=6)


@given(st.lists(st.tuples(st.integers(0, 3), _BUCKET_LISTS, _BUCKET_LISTS), min_size=2, max_size=2))
def test_histograms_are_added_at_the_coarser_scale(
    both: list[tuple[int, dict[int, int], dict[int, int]]],
) -> None:
    coarsest = min(schema for schema, _, _ in both)
    expected: list[dict[int, int]] = [{}, {}]
    for schema, *signs in both:
        for sign, buckets in enumerate(signs):
            for index, count in buckets.items():
                place = -((-index) // (1 << schema - coarsest))
                expected[sign][place] = expected[sign].get(place, 0) + count
    one, two = (
        histogram(sum(p.values()) + sum(n.values()), 1.5, sorted(p.items()), sorted(n.items()), schema=schema)
        for schema, p, n in both
    )

    found = added(of_rows([one]), of_rows([two]))

    assert found.schemas.tolist() == [coarsest]
    for buckets, wanted in zip((found.positive, found.negative), expected, strict=True):
        assert dict(zip(buckets.indexes.tolist(), buckets.counts.tolist(), strict=True)) == wanted
    assert found.counts[0] == one[3] + two[3]


def test_services_without_a_name_are_not_mistaken_for_those_without_an_instance_too() -> None:
    found = []
    for missing in (("service.name", "service.instance.id"), ("service.name",)):
        request = gauge([point({"job": "j", "instance": "i"})])
        attributes = [{"key": key, "value": {"stringValue": ""}} for key in missing]
        request["resourceMetrics"][0]["resource"] = {"attributes": attributes}
        found.append(SHARED.decode(as_protobuf(request), NOW_MS).labels(0))

    assert found == [[("__name__", "g")], [("__name__", "g"), ("instance", "i")]]
