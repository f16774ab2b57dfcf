"""Protobuf pages as Google's library writes them."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.scrape.native import stale_histogram, with_time
from collector.scrape.page import Page, Quota
from collector.scrape.protobuf import ProtobufMemory, ProtobufReader
from collector.symbols import label_pairs
from ingest.relabel.rules import Action, Rule
from storage.errors import DecodeError, ScrapeError
from storage.model import STALE_NAN_BITS, Metadata, is_stale
from tests.collector.scrape.exposed import (
    COUNTER,
    GAUGE,
    GAUGE_HISTOGRAM,
    HISTOGRAM,
    SUMMARY,
    MetricFamily,
    delimited,
)
from tests.collector.scrape.pages import naming, samples
from tests.ingest.messages import Histogram

STALE = float(np.array([STALE_NAN_BITS], np.uint64).view(np.float64)[0])


def read(raw: bytes, memory: ProtobufMemory | None = None, step: int = 7, **options: Any) -> Page:
    name = naming(rules=options.pop("rules", ())).encoded
    quota = Quota(options.pop("limit", 0))
    reader = ProtobufReader(memory or ProtobufMemory(), name, quota, **options)
    for at in range(0, len(raw), step):
        reader.feed(raw[at : at + step])
    return reader.finish()


def family(name: str, kind: int, **metric: Any) -> Any:
    found = MetricFamily(name=name, type=kind, help="About it.", unit="bytes")
    found.metric.add(label=[{"name": "a", "value": "b"}], **metric)
    return found


EXEMPLAR = {
    "label": [{"name": "trace_id", "value": "x"}],
    "value": 0.5,
    "timestamp": {"seconds": 1_700_000_000, "nanos": 123_000_000},
}
CREATED = {"seconds": 1_600_000_000, "nanos": 500_000_000}


def rows(page: Page) -> list[str]:
    return [
        " ".join([*(f"{name}={value}" for name, value in labels.items()), value])
        for labels, value in samples(page)
    ]


def test_simple_values_are_read() -> None:
    page = read(
        delimited(
            family(
                "c_total", COUNTER, counter={"value": 3, "exemplar": EXEMPLAR, "created_timestamp": CREATED}
            ),
            family("g", GAUGE, gauge={"value": -1.5}, timestamp_ms=-5),
            family("u", 3, untyped={"value": float("inf")}),
        )
    )

    assert rows(page) == ["__name__=c_total a=b 3.0", "__name__=g a=b -1.5 @-5", "__name__=u a=b inf"]
    assert page.starts_ms.tolist() == [1_600_000_000_500, 0, 0]
    assert [(note.row, note.value, note.time_ms) for note in page.notes] == [(0, 0.5, 1_700_000_000_123)]
    assert page.families["c_total"] == Metadata("c_total", "counter", "About it.", "bytes")


def test_a_summary_has_its_count_its_sum_and_its_quantiles() -> None:
    quantiles = [{"quantile": 0.5, "value": 2}, {"quantile": 1, "value": float("nan")}]
    page = read(
        delimited(family("s", SUMMARY, summary={"sample_count": 4, "sample_sum": 9, "quantile": quantiles}))
    )

    assert rows(page) == [
        "__name__=s_count a=b 4.0",
        "__name__=s_sum a=b 9.0",
        "__name__=s a=b quantile=0.5 2.0",
        "__name__=s a=b quantile=1.0 nan",
    ]


CLASSIC = {
    "sample_count": 4,
    "sample_sum": 9,
    "bucket": [{"cumulative_count": 3, "upper_bound": 1, "exemplar": EXEMPLAR}],
}
NATIVE = {
    **CLASSIC,
    "schema": 3,
    "zero_threshold": 1e-9,
    "zero_count": 1,
    "positive_span": [{"offset": -2, "length": 2}],
    "positive_delta": [1, 1],
    "negative_span": [{"offset": 5, "length": 1}],
    "negative_delta": [2],
    "exemplars": [EXEMPLAR],
    "created_timestamp": CREATED,
}
BUCKETS = [
    "__name__=h_count a=b 4.0",
    "__name__=h_sum a=b 9.0",
    "__name__=h_bucket a=b le=1.0 3.0",
    "__name__=h_bucket a=b le=+Inf 4.0",
]


def test_a_classic_histogram_has_its_buckets_and_the_last_one_is_added() -> None:
    page = read(delimited(family("h", HISTOGRAM, histogram=CLASSIC)))

    assert rows(page) == BUCKETS
    assert [note.row for note in page.notes] == [2]


@pytest.mark.parametrize("classic_too", [False, True])
def test_a_native_histogram_is_kept_and_its_classic_buckets_where_asked_for(classic_too: bool) -> None:
    page = read(delimited(family("h", HISTOGRAM, histogram=NATIVE)), classic_too=classic_too)

    assert rows(page) == (BUCKETS if classic_too else [])
    [found] = page.histograms
    message = Histogram.FromString(with_time(found.encoded, 1_700_000_000_000))
    assert label_pairs(found.line) == [(b"__name__", b"h"), (b"a", b"b")]
    assert (message.count_int, message.sum, message.schema) == (4, 9, 3)
    assert (message.zero_threshold, message.zero_count_int) == (1e-9, 1)
    assert [(span.offset, span.length) for span in message.positive_spans] == [(-2, 2)]
    assert list(message.positive_deltas) == [1, 1]
    assert [(span.offset, span.length) for span in message.negative_spans] == [(5, 1)]
    assert list(message.negative_deltas) == [2]
    assert (message.reset_hint, message.timestamp) == (0, 1_700_000_000_000)
    assert found.start_ms == 1_600_000_000_500
    assert ~page.notes[0].row == 0


def test_a_native_histogram_of_floats_keeps_them() -> None:
    floats = {
        "sample_count": 4,
        "sample_count_float": 4.5,
        "sample_sum": 1,
        "zero_count_float": 0.5,
        "positive_span": [{"offset": 0, "length": 2}],
        "positive_count": [1.5, 2.5],
    }
    [found] = read(delimited(family("h", GAUGE_HISTOGRAM, histogram=floats))).histograms
    message = Histogram.FromString(found.encoded)

    assert (message.count_int, message.count_float, message.zero_count_float) == (0, 4.5, 0.5)
    assert list(message.positive_counts) == [1.5, 2.5]
    assert message.reset_hint == 3


def test_native_histograms_that_nobody_asked_for_are_classic_ones() -> None:
    page = read(delimited(family("h", HISTOGRAM, histogram=NATIVE)), natives=False)

    assert rows(page) == BUCKETS
    assert not page.histograms


def test_the_end_of_a_histogram_is_a_stale_sum() -> None:
    message = Histogram.FromString(stale_histogram(5))

    assert is_stale(np.array([message.sum]))[0]
    assert message.timestamp == 5


def test_the_bits_of_a_marker_pass() -> None:
    page = read(delimited(family("g", GAUGE, gauge={"value": STALE})))

    assert is_stale(page.values).all()


def test_series_are_known_by_their_bytes_from_page_to_page() -> None:
    memory = ProtobufMemory()
    raw = delimited(
        family("h", HISTOGRAM, histogram=CLASSIC), family("c_total", COUNTER, counter={"value": 3})
    )
    first, again = read(raw, memory), read(raw, memory, step=1000)

    assert again.layout is first.layout
    assert read(delimited(family("c_total", COUNTER, counter={"value": 3})), memory).layout.lines
    assert set(memory.lines) == {"c_total"}


def test_rules_drop_histograms_too() -> None:
    drop = Rule(action=Action.DROP, source_labels=("__name__",), regex="h")
    page = read(delimited(family("h", HISTOGRAM, histogram=NATIVE)), rules=(drop,))

    assert not page.histograms
    assert page.dropped_histograms == 1


def test_histograms_count_as_samples_where_there_is_a_limit() -> None:
    raw = delimited(
        family("h", HISTOGRAM, histogram=NATIVE), family("c_total", COUNTER, counter={"value": 3})
    )

    assert read(raw, limit=2).histograms
    with pytest.raises(ScrapeError, match="sample_limit"):
        read(raw, limit=1)


@pytest.mark.parametrize(
    "raw",
    [
        b"\x05",
        b"\x02\x0a",
        b"\x01\x0a",
        b"\x00",
        b"\x03\x0a\x01\xff",
        b"\x80" * 11,
        delimited(MetricFamily(name="g", type=GAUGE))[:-1],
        delimited(MetricFamily(help="no name")),
    ],
)
def test_bytes_that_are_no_families_are_refused(raw: bytes) -> None:
    with pytest.raises(DecodeError):
        read(raw)


BODY = delimited(
    family("h", HISTOGRAM, histogram=NATIVE), family("c_total", COUNTER, counter={"exemplar": EXEMPLAR})
)


@given(st.binary(max_size=80) | st.tuples(st.integers(0, len(BODY) - 1), st.integers(0, 255)))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_read_or_refused(change: bytes | tuple[int, int]) -> None:
    if isinstance(change, bytes):
        raw = change
    else:
        at, byte = change
        raw = BODY[:at] + bytes((byte,)) + BODY[at + 1 :]
    try:
        page = read(raw, classic_too=True)
    except DecodeError:
        return
    assert len(page.values) == len(page.layout.all_lines) == len(page.times_ms)
