"""What the encoders write, read by the service's own decoders."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.encode import Cache, requests_v1, requests_v2
from collector.sweep import Example, Spread, Sweep
from collector.symbols import metric_name
from ingest.decoded import Decoded
from ingest.protocols.remote_write import decode_v1, decode_v2
from ingest.wire.encoding import encode_labels
from storage.errors import DecodeError
from storage.model import Metadata, is_stale, stale_nan
from tests.ingest.messages import Histogram, Request, WriteRequest

NOW_MS = 1_790_000_000_000
TEXTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=200)
LABELS = st.dictionaries(TEXTS, TEXTS, min_size=1, max_size=9)
PLAIN_TIMES = st.integers(1 << 35, (1 << 42) - 1)
ANY_TIMES = st.integers(-(2**63), 2**63 - 1)


@st.composite
def sweeps(draw: st.DrawFn) -> Sweep:
    series = draw(st.lists(LABELS, max_size=8))
    size = len(series)
    times = draw(st.lists(draw(st.sampled_from([PLAIN_TIMES, ANY_TIMES])), min_size=size, max_size=size))
    values = draw(st.lists(st.floats(), min_size=size, max_size=size))
    lines = tuple(encode_labels(sorted(labels.items())) for labels in series)
    return Sweep("test", lines, np.array(values, np.float64), np.array(times, np.int64))


def rows(decoded: Decoded) -> list[tuple[list[tuple[str, str]], float, int]]:
    """Every sample with its labels."""
    columns = (decoded.series_index, decoded.values, decoded.timestamps_ms)
    return [
        (decoded.labels(index), value, time_ms)
        for index, value, time_ms in zip(*(column.tolist() for column in columns), strict=True)
    ]


def line(**labels: str) -> bytes:
    return encode_labels(sorted({"__name__": "m", **labels}.items()))


def sweep(*lines: bytes, start: float = 0.0, metadata: tuple[Metadata, ...] = ()) -> Sweep:
    size = len(lines)
    values = start + np.arange(size, dtype=np.float64)
    return Sweep("test", lines, values, np.full(size, NOW_MS, np.int64), metadata=metadata)


@given(sweeps())
@settings(max_examples=60, deadline=None)
def test_both_versions_say_the_same(given_sweep: Sweep) -> None:
    first = rows(decode_v1(requests_v1(given_sweep)))
    second = rows(decode_v2(requests_v2(given_sweep, Cache())))

    assert repr(first) == repr(second)
    assert [time_ms for _, _, time_ms in first] == given_sweep.times_ms.tolist()
    assert np.array_equal([value for _, value, _ in first], given_sweep.values, equal_nan=True)
    assert tuple(encode_labels(pairs) for pairs, _, _ in first) == given_sweep.lines


@given(st.lists(sweeps(), max_size=4))
@settings(max_examples=40, deadline=None)
def test_what_is_remembered_changes_nothing(some: list[Sweep]) -> None:
    cache, cache_v1 = Cache(), Cache()

    for one in [*some, *some[:1], *some[:1]]:
        plain = repr(rows(decode_v1(requests_v1(one))))
        assert repr(rows(decode_v2(requests_v2(one, cache)))) == plain
        assert repr(rows(decode_v1(requests_v1(one, cache_v1)))) == plain


def test_a_repeated_sweep_has_the_bytes_of_the_first_but_for_values_and_times() -> None:
    cache = Cache()
    lines = tuple(line(n=str(i)) for i in range(300))
    first = requests_v2(sweep(*lines), cache)

    assert requests_v2(sweep(*lines), cache) == first
    assert len(requests_v2(sweep(*lines, start=5), cache)) == len(first)


def test_the_staleness_marker_keeps_its_bits() -> None:
    one = Sweep("test", (line(),), np.array([stale_nan()]), np.array([NOW_MS]))

    for decoded in (decode_v1(requests_v1(one)), decode_v2(requests_v2(one, Cache()))):
        assert is_stale(decoded.values).all()


def test_series_of_2_0_carry_the_metadata_of_their_families() -> None:
    about = Metadata("m", "histogram", "What it is.", "seconds")
    bucket = encode_labels([("__name__", "m_bucket"), ("le", "1")])
    cache = Cache()
    requests_v2(sweep(bucket), cache)  # before anything is known of the family
    decoded = decode_v2(requests_v2(sweep(bucket, metadata=(about,)), cache))

    assert decoded.describe is not None
    found = decoded.describe(0)
    assert found == Metadata("", "histogram", "What it is.", "seconds")


def test_metadata_stands_by_itself_in_1_0() -> None:
    about = Metadata("m", "counter", "What it is.", "")

    assert list(decode_v1(requests_v1(sweep(line(), metadata=(about,)))).metadata) == [about]


def test_histograms_exemplars_and_starts_arrive() -> None:
    histogram = Histogram(count_int=3, sum=2.5, schema=1, zero_threshold=0.1, timestamp=NOW_MS)
    histogram.positive_spans.add(offset=1, length=1)
    histogram.positive_deltas.extend([3])
    one = Sweep(
        "test",
        (line(a="1"), line(a="2")),
        np.array([1.0, 2.0]),
        np.array([NOW_MS, NOW_MS]),
        histograms=(Spread(line(h="1"), histogram.SerializeToString(), NOW_MS - 5),),
        exemplars=(
            Example(1, encode_labels([("trace_id", "abc")]), 1.5, NOW_MS - 1),
            Example(2, encode_labels([("trace_id", "d")]), 0.5, NOW_MS - 2),
        ),
        starts_ms=np.array([NOW_MS - 9, 0]),
    )

    request = Request.FromString(requests_v2(one, Cache()))
    assert [row.created_timestamp for row in request.timeseries] == [NOW_MS - 9, 0, NOW_MS - 5]
    assert [len(row.samples) for row in request.timeseries] == [1, 1, 0]
    assert request.timeseries[2].histograms[0].count_int == 3
    for raw, decode in ((requests_v1(one), decode_v1), (requests_v2(one, Cache()), decode_v2)):
        beside = decode(raw).beside
        assert beside is not None
        assert beside.histogram_times_ms.tolist() == [NOW_MS]
        assert list(beside.exemplar_labels) == ['{"trace_id":"abc"}', '{"trace_id":"d"}']
        assert beside.exemplar_values.tolist() == [1.5, 0.5]
        assert beside.exemplar_times_ms.tolist() == [NOW_MS - 1, NOW_MS - 2]
    assert len(WriteRequest.FromString(requests_v1(one)).timeseries) == 3


def test_exemplars_do_not_stay_in_what_is_remembered() -> None:
    cache = Cache()
    plain = sweep(line(a="1"), line(a="2"))
    first = requests_v2(plain, cache)
    example = Example(0, encode_labels([("m", "1")]), 1.5, NOW_MS)
    requests_v2(Sweep("test", plain.lines, plain.values, plain.times_ms, exemplars=(example,)), cache)

    assert requests_v2(plain, cache) == first


def test_symbols_of_series_that_are_gone_are_forgotten() -> None:
    cache = Cache()
    sizes = []
    for generation in range(40):
        lines = tuple(line(pod=f"pod-{generation}-{i}") for i in range(200))
        sizes.append(len(requests_v2(sweep(*lines), cache)))

    assert max(sizes) < 4 * sizes[0]


def test_a_source_that_ends_is_forgotten() -> None:
    cache = Cache()
    one = sweep(line())
    requests_v2(one, cache)
    requests_v2(Sweep("test", one.lines, one.values, one.times_ms, is_last=True), cache)

    assert cache.sources == {}


@pytest.mark.parametrize("raw", [b"\x0a", b"\x0a\xff", b"\x0b\x00", b"\x0a\x02\x0a\x05", b"\x0a\x01\x0a"])
def test_labels_that_are_none_are_refused(raw: bytes) -> None:
    with pytest.raises(DecodeError):
        requests_v2(Sweep("test", (raw,), np.array([math.pi]), np.array([NOW_MS])), Cache())


def test_a_name_is_found_among_labels() -> None:
    assert metric_name(line(a="b")) == "m"
    assert metric_name(line(A="b")) == "m"
    assert metric_name(encode_labels([("__name__", "m" * 200)])) == "m" * 200
    assert metric_name(encode_labels([("a", "b")])) == ""
