"""Remote read: what is written is what a plain reader and a real Prometheus read."""

import json
from itertools import accumulate
from pathlib import Path

import cramjam
import httpx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from query.remote_read import kernels
from query.remote_read.messages import read_request
from storage.errors import InputError
from tests.api import remote_read_twin as twin
from tests.differential.data import START_MS
from tests.differential.prometheus import Prometheus, find_program
from tests.ingest.messages import ChunkedReadResponse, ReadResponse

_ALL = [(2, "__name__", ".+")]
_SPAN = (START_MS, START_MS + 3_600_000)


@given(
    st.integers(-(2**40), 2**40),
    st.lists(
        st.tuples(
            st.one_of(st.integers(1, 70_000), st.integers(1, 2**40)),
            st.one_of(st.floats(), st.integers(0, 9).map(float)),
        ),
        min_size=1,
        max_size=kernels.CHUNK_SAMPLES,
    ),
)
def test_a_chunk_holds_its_samples_bit_by_bit(first: int, steps: list[tuple[int, float]]) -> None:
    times = first + np.cumsum([step for step, _ in steps])
    bits = np.array([value for _, value in steps]).view(np.uint64)
    out = np.empty(kernels.CHUNK_BYTES, np.uint8)

    size = kernels.write_chunk(times, bits, out)

    assert twin.samples(out[:size].tobytes()) == list(zip(times.tolist(), bits.tolist(), strict=True))


@given(st.binary(max_size=300))
def test_a_frames_checksum_is_crc32c(data: bytes) -> None:
    assert int(kernels.crc32c(np.frombuffer(data, np.uint8))) == twin.checksum(data)


@given(st.binary(max_size=60))
def test_bytes_that_are_no_request_are_refused(data: bytes) -> None:
    try:
        read_request(data)
    except InputError as error:
        assert str(error).startswith("remote read: ")


def _read(swell: httpx.Client, body: bytes) -> httpx.Response:
    return swell.post("/api/v1/read", content=body)


def test_samples_and_chunks_say_the_same(swell: httpx.Client) -> None:
    selector = [(0, "__name__", "c_total"), (1, "job", "b")]
    plain = _read(swell, twin.request(selector, *_SPAN))
    streamed = _read(swell, twin.request(selector, *_SPAN, accepted=[1, 0]))

    assert plain.headers["content-type"] == "application/x-protobuf"
    assert "ChunkedReadResponse" in streamed.headers["content-type"]
    message = ReadResponse.FromString(bytes(cramjam.snappy.decompress_raw(plain.content)))
    expected = {
        _labels(series): [(sample.timestamp, sample.value) for sample in series.samples]
        for series in message.results[0].timeseries
    }
    found = {}
    for checksum, frame in twin.frames(streamed.content):
        assert checksum == twin.checksum(frame)
        (series,) = ChunkedReadResponse.FromString(frame).chunked_series
        samples = [one for chunk in series.chunks for one in twin.samples(chunk.data)]
        values = np.array([bits for _, bits in samples], np.uint64).view(np.float64)
        found[_labels(series)] = list(zip([time for time, _ in samples], values.tolist(), strict=True))
    assert len(expected) == 2
    assert json.dumps(list(map(str, found.items()))) == json.dumps(list(map(str, expected.items())))


def _labels(series: object) -> tuple[tuple[bytes, bytes], ...]:
    return tuple((label.name, label.value) for label in series.labels)  # type: ignore[attr-defined]


def test_native_histograms_are_sent_as_samples(swell: httpx.Client) -> None:
    answer = _read(swell, twin.request([(0, "__name__", "n_custom")], *_SPAN, accepted=[1, 0]))

    message = ReadResponse.FromString(bytes(cramjam.snappy.decompress_raw(answer.content)))
    histograms = message.results[0].timeseries[0].histograms
    assert len(histograms) > 50 and list(histograms[0].custom_values) == [0.1, 0.5, 1.0, 5.0]
    assert sum(accumulate(histograms[0].positive_deltas)) == histograms[0].count_int


def test_histograms_of_fractions_are_sent_as_floats(swell: httpx.Client) -> None:
    answer = _read(swell, twin.request([(0, "__name__", "n"), (0, "instance", "2")], *_SPAN))

    message = ReadResponse.FromString(bytes(cramjam.snappy.decompress_raw(answer.content)))
    last = message.results[0].timeseries[0].histograms[-1]
    held = [*last.positive_counts, *last.negative_counts, last.zero_count_float]
    assert sum(held) == last.count_float != round(last.count_float)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"no snappy", "not snappy"),
        (twin.request([(7, "a", "b")], 0, 1), "matcher type 7"),
        (twin.request(_ALL, 0, 1, accepted=[5]), "response types [5]"),
    ],
)
def test_a_wrong_request_is_refused_with_the_reason(body: bytes, message: str, swell: httpx.Client) -> None:
    answer = _read(swell, body)

    assert answer.status_code == 400 and message in answer.json()["error"]


@pytest.mark.peers
def test_a_prometheus_that_reads_from_swell_answers_like_one_that_has_the_data(
    swell: httpx.Client, prometheus: Prometheus, tmp_path: Path
) -> None:
    program, version = find_program()
    if program is None:
        pytest.skip(version)
    url = swell.base_url.join("/api/v1/read")
    reader = Prometheus(program, tmp_path, f"remote_read: [{{url: '{url}', read_recent: true}}]\n")
    try:
        for query in ("c_total", "sum by (job) (rate(g[5m]))", "odd", 'l_bucket{le="0.5"}'):
            asked = {"query": query, "start": START_MS / 1000, "end": START_MS / 1000 + 1800, "step": 60}
            assert reader.ask("query_range", asked) == prometheus.ask("query_range", asked), query
    finally:
        reader.close()
