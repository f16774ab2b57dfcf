import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.decoded import Decoded, parse_labels
from ingest.protocols.remote_write import decode_v1, decode_v2
from ingest.wire.encoding import encode_labels, encode_v1, varint
from storage.errors import DecodeError, InputError, LimitError
from storage.model import Metadata, is_stale, stale_nan
from tests.ingest.messages import Request, WriteRequest

TEXTS = st.text(st.characters(codec="utf-8"), max_size=200)
LABELS = st.lists(st.tuples(TEXTS, TEXTS), max_size=9)
TIMES = st.integers(-(2**63), 2**63 - 1)
SAMPLES = st.lists(st.tuples(st.floats(), TIMES), max_size=5)
SERIES = st.lists(st.tuples(LABELS, SAMPLES), max_size=8)
METADATA = st.lists(st.tuples(st.integers(0, 9), TEXTS, TEXTS, TEXTS), max_size=4)

Series = list[tuple[list[tuple[str, str]], list[tuple[float, int]]]]


def message_v1(series: Series) -> Any:
    request = WriteRequest()
    for labels, samples in series:
        row = request.timeseries.add()
        for name, value in labels:
            row.labels.add(name=name.encode(), value=value.encode())
        for value, time_ms in samples:
            row.samples.add(value=value, timestamp=time_ms)
    return request


def message_v2(series: Series) -> Any:
    request = Request()
    symbols: dict[str, int] = {"": 0}
    for labels, samples in series:
        row = request.timeseries.add()
        row.labels_refs.extend(symbols.setdefault(text, len(symbols)) for pair in labels for text in pair)
        for value, time_ms in samples:
            row.samples.add(value=value, timestamp=time_ms)
    request.symbols.extend(text.encode() for text in symbols)
    return request


def rows(decoded: Decoded) -> Series:
    """What was decoded, one series after the other."""
    found: Series = [(decoded.labels(i), []) for i in range(len(decoded.label_start))]
    columns = (decoded.series_index, decoded.values, decoded.timestamps_ms)
    for index, value, time_ms in zip(*(column.tolist() for column in columns), strict=True):
        found[index][1].append((value, time_ms))
    return found


def same(left: Series, right: Series) -> bool:
    """Equality where NaN equals NaN."""
    return repr(left) == repr(right)


@given(SERIES)
def test_version_1_reads_what_the_protobuf_library_wrote(series: Series) -> None:
    assert same(rows(decode_v1(message_v1(series).SerializeToString())), series)


@given(SERIES)
def test_version_2_reads_what_the_protobuf_library_wrote(series: Series) -> None:
    assert same(rows(decode_v2(message_v2(series).SerializeToString())), series)


@given(SERIES)
def test_both_versions_name_a_series_by_the_same_bytes(series: Series) -> None:
    one, two = (
        decode_v1(message_v1(series).SerializeToString()),
        decode_v2(message_v2(series).SerializeToString()),
    )

    for i in range(len(series)):
        names = [d.body[d.label_start[i] : d.label_end[i]].tobytes() for d in (one, two)]
        assert names[1] == encode_labels(series[i][0])
        assert parse_labels(names[0]) == parse_labels(names[1])


@given(SERIES, METADATA)
def test_the_protobuf_library_reads_what_we_write(
    series: Series, metadata: list[tuple[int, str, str, str]]
) -> None:
    index = np.array([i for i, (_, samples) in enumerate(series) for _ in samples], np.int64)
    samples = [sample for _, samples in series for sample in samples]
    values = np.array([value for value, _ in samples], np.float64)
    times = np.array([time_ms for _, time_ms in samples], np.int64)
    types = ("unknown", "counter", "gauge", "histogram", "gaugehistogram", "summary", "info", "stateset")
    about = [Metadata(name, types[kind % 8], text, unit) for kind, name, text, unit in metadata]

    names = [encode_labels(tuple(labels)) for labels, _ in series]
    request = WriteRequest.FromString(encode_v1(names, index, times, values, about))

    sent = [
        (
            [(p.name.decode(), p.value.decode()) for p in row.labels],
            [(s.value, s.timestamp) for s in row.samples],
        )
        for row in request.timeseries
    ]
    assert same(sent, [(series[i][0], [samples[k]]) for k, i in enumerate(index.tolist())])
    assert [(m.metric_family_name, types[m.type], m.help, m.unit) for m in request.metadata] == [
        (m.metric, m.type, m.help, m.unit) for m in about
    ]


@given(LABELS)
def test_raw_labels_are_what_the_protobuf_library_writes(labels: list[tuple[str, str]]) -> None:
    # Proto3 leaves out empty strings, we write them: the same labels in other bytes.
    assert parse_labels(encode_labels(labels)) == labels
    if all(name and value for name, value in labels):
        series = message_v1([(labels, [])]).timeseries[0].SerializeToString()
        assert encode_labels(labels) == series


@given(METADATA)
def test_metadata_of_version_1_is_read(metadata: list[tuple[int, str, str, str]]) -> None:
    request = WriteRequest()
    for kind, name, text, unit in metadata:
        request.metadata.add(type=kind, metric_family_name=name, help=text, unit=unit)

    found = decode_v1(request.SerializeToString()).metadata

    assert [(m.metric, m.help, m.unit) for m in found] == [row[1:] for row in metadata if row[1]]
    assert all(
        m.type == "unknown" for m, row in zip(found, [r for r in metadata if r[1]], strict=True) if row[0] > 7
    )


def test_metadata_of_version_2_comes_with_its_series() -> None:
    request = message_v2([([("__name__", "up")], [(1.0, 5)]), ([("__name__", "down")], [])])
    request.symbols.extend([b"Whether it is up.", b"seconds"])
    request.timeseries[0].metadata.type = 2
    request.timeseries[0].metadata.help_ref = len(request.symbols) - 2
    request.timeseries[0].metadata.unit_ref = len(request.symbols) - 1

    decoded = decode_v2(request.SerializeToString())

    assert decoded.describe is not None
    assert decoded.describe(0) == Metadata("", "gauge", "Whether it is up.", "seconds")
    assert decoded.describe(1) is None


def test_the_bits_of_a_stale_marker_survive() -> None:
    raw = encode_v1(
        [encode_labels([("__name__", "up")])],
        np.zeros(1, np.int64),
        np.zeros(1, np.int64),
        np.array([stale_nan()]),
    )

    assert is_stale(decode_v1(raw).values).all()


def test_unknown_fields_are_skipped() -> None:
    unknown = b"\x78\x05" + b"\x7a\x03abc" + b"\x79" + b"\0" * 8 + b"\x7d" + b"\0" * 4
    label = b"\x0a\x01a" + unknown + b"\x12\x01b"
    sample = b"\x09" + b"\0" * 8 + unknown + b"\x10\x07"
    series = b"\x0a" + varint(len(label)) + label + unknown + b"\x12" + varint(len(sample)) + sample

    decoded = decode_v1(unknown + b"\x0a" + varint(len(series)) + series + unknown)

    assert rows(decoded) == [([("a", "b")], [(0.0, 7)])]


def test_label_references_may_come_one_by_one() -> None:
    symbols = b"".join(b"\x22" + varint(len(text)) + text for text in (b"", b"a", b"b", b"c"))
    series = b"\x0a\x02\x01\x02" + b"\x08\x03" + b"\x12\x00" + b"\x08\x01"

    decoded = decode_v2(symbols + b"\x2a" + varint(len(series)) + series)

    assert rows(decoded) == [([("a", "b"), ("c", "a")], [(0.0, 0)])]


def test_more_samples_than_were_guessed_are_all_read() -> None:
    series: Series = [([("__name__", "up")], [(float(i), i) for i in range(500)])]

    assert rows(decode_v1(message_v1(series).SerializeToString())) == series


def test_a_label_that_is_not_utf8_is_named_when_it_is_read() -> None:
    request = WriteRequest()
    request.timeseries.add().labels.add(name=b"a", value=b"\xff")

    with pytest.raises(DecodeError, match="not UTF-8"):
        decode_v1(request.SerializeToString()).labels(0)


@pytest.mark.parametrize("decode", [decode_v1, decode_v2])
def test_an_empty_body_holds_nothing(decode: Any) -> None:
    assert rows(decode(b"")) == []


BROKEN_V1 = {
    "varint that never ends": (b"\xff" * 11, "varint"),
    "varint beyond 64 bits": (b"\x78" + b"\xff" * 9 + b"\x02", "varint"),
    "length beyond the buffer": (b"\x0a\x05\x00", "more bytes than are left"),
    "length of 2^63": (b"\x0a" + b"\xff" * 8 + b"\x7f", "more bytes than are left"),
    "length of 2^64-1": (b"\x0a" + b"\xff" * 9 + b"\x01", "more bytes than are left"),
    "field number 0": (b"\x02\x00", "number 0"),
    "group": (b"\x7b\x7c", "wire type"),
    "series as a varint": (b"\x08\x01", "wire type"),
    "label as a varint": (b"\x0a\x02\x08\x01", "wire type"),
    "sample as a fixed64": (b"\x0a\x09\x11" + b"\0" * 8, "wire type"),
    "value as a varint": (b"\x0a\x04\x12\x02\x08\x01", "wire type"),
    "timestamp as bytes": (b"\x0a\x05\x12\x03\x12\x01a", "wire type"),
    "value cut short": (b"\x0a\x05\x12\x03\x09\x00\x00", "more bytes than are left"),
    "labels around a sample": (b"\x0a\x06\x0a\x00\x12\x00\x0a\x00", "interleaved"),
    "metadata with a name of a varint": (b"\x1a\x02\x10\x01", "wrong type"),
    "metadata cut short": (b"\x1a\x02\x12\x07", "more bytes than are left"),
}
BROKEN_V2 = {
    "first symbol not empty": (b"\x22\x01a", "first symbol"),
    "reference outside": (b"\x22\x00\x2a\x04\x0a\x02\x00\x01", "reference"),
    "reference without symbols": (b"\x2a\x04\x0a\x02\x00\x00", "reference"),
    "name without value": (b"\x22\x00\x2a\x03\x0a\x01\x00", "lacks its value"),
    "reference cut short": (b"\x22\x00\x2a\x04\x0a\x02\x00\x80", "reference"),
    "metadata reference outside": (b"\x22\x00\x2a\x04\x2a\x02\x18\x09", "reference"),
    "metadata type as bytes": (b"\x22\x00\x2a\x04\x2a\x02\x0a\x00", "wire type"),
    "a 1.0 request": (b"\x0a\x00", "1.0"),
    "sample as a varint": (b"\x22\x00\x2a\x02\x10\x01", "wire type"),
}


@pytest.mark.parametrize("case", BROKEN_V1)
def test_a_broken_body_of_version_1_is_refused_with_the_reason(case: str) -> None:
    body, reason = BROKEN_V1[case]

    with pytest.raises(DecodeError, match=reason):
        decode_v1(body)


@pytest.mark.parametrize("case", BROKEN_V2)
def test_a_broken_body_of_version_2_is_refused_with_the_reason(case: str) -> None:
    body, reason = BROKEN_V2[case]

    with pytest.raises(DecodeError, match=reason):
        decode_v2(body)


def test_an_error_names_the_offset() -> None:
    with pytest.raises(DecodeError, match="at byte 3 of"):
        decode_v1(b"\x0a\x00" + b"\x0a\x05\x00")


@pytest.mark.parametrize(
    "body",
    [b"\x0a\x00" * 11, b"\x0a\x16" + b"\x12\x00" * 11, b"\x1a\x00" * 11],
    ids=["series", "samples", "metadata"],
)
def test_rows_beyond_the_limit_are_refused_before_their_memory_is_taken(body: bytes) -> None:
    with pytest.raises(LimitError, match=r"11 .* is 10"):
        decode_v1(body, max_rows=10)


def test_references_cannot_blow_a_small_body_up() -> None:
    symbol = b"a" * 10_000
    references = b"\x01" * 10_000
    series = b"\x0a" + varint(len(references)) + references
    body = b"\x22\x00" + b"\x22" + varint(len(symbol)) + symbol + b"\x2a" + varint(len(series)) + series

    with pytest.raises(LimitError, match="more than 1000000 bytes"):
        decode_v2(body, max_label_bytes=1_000_000)


def fuzz(decode: Any, body: bytes) -> None:
    """Whatever the bytes: columns that fit together, or an error that blames the input."""
    try:
        decoded = decode(body)
    except (InputError, LimitError):
        return
    assert len(decoded.values) == len(decoded.timestamps_ms) == len(decoded.series_index)
    assert not len(decoded.series_index) or decoded.series_index.max() < len(decoded.label_start)
    assert (decoded.label_start <= decoded.label_end).all()
    assert not len(decoded.label_end) or decoded.label_end.max() <= len(decoded.body)
    for i in range(len(decoded.label_start)):
        try:
            decoded.labels(i)
        except DecodeError:
            continue


VALID: Series = [
    (
        [("__name__", "http_requests_total"), ("code", "200"), ("long", "x" * 300)],
        [(1.5, 1_700_000_000_000), (math.nan, -1)],
    ),
    ([("__name__", "up"), ("job", "näme")], [(0.0, 1_700_000_000_000)]),
    ([], []),
]


def valid_bodies() -> list[tuple[Any, bytes]]:
    one, two = message_v1(VALID), message_v2(VALID)
    one.metadata.add(type=1, metric_family_name="up", help="Up.", unit="")
    one.timeseries[0].exemplars.add(value=1.0).labels.add(name=b"trace_id", value=b"abc")
    two.timeseries[0].metadata.type = 1
    two.timeseries[1].created_timestamp = 7
    two.timeseries[0].exemplars.add(value=1.0, labels_refs=[1, 2])
    for row in (one.timeseries[0], two.timeseries[0]):
        found = row.histograms.add(count_int=3, sum=4.0, schema=2, positive_deltas=[1, 1], timestamp=5)
        found.positive_spans.add(offset=-3, length=2)
        found = row.histograms.add(count_float=3, schema=-53, positive_counts=[1, 2], custom_values=[0, 9])
        found.positive_spans.add(length=2)
    return [(decode_v1, one.SerializeToString()), (decode_v2, two.SerializeToString())]


@pytest.mark.parametrize("version", [0, 1])
def test_every_truncation_is_refused_or_sound(version: int) -> None:
    decode, body = valid_bodies()[version]

    for size in range(len(body)):
        fuzz(decode, body[:size])


@pytest.mark.parametrize("version", [0, 1])
def test_every_flipped_bit_is_refused_or_sound(version: int) -> None:
    decode, body = valid_bodies()[version]

    for bit in range(8 * len(body)):
        flipped = bytearray(body)
        flipped[bit // 8] ^= 1 << bit % 8
        fuzz(decode, bytes(flipped))


@settings(max_examples=500)
@given(st.binary(max_size=120))
def test_any_bytes_are_refused_or_sound(body: bytes) -> None:
    fuzz(decode_v1, body)
    fuzz(decode_v2, b"\x22\x00" + body)


@settings(max_examples=200)
@given(st.data())
def test_spliced_bodies_are_refused_or_sound(data: st.DataObject) -> None:
    decode, body = data.draw(st.sampled_from(valid_bodies()))
    start = data.draw(st.integers(0, len(body)))
    end = data.draw(st.integers(start, len(body)))

    fuzz(decode, body[:start] + data.draw(st.binary(max_size=8)) + body[end:])
