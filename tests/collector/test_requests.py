"""Bodies are bounded, and a body of 2.0 can be rewritten as one of 1.0."""

from __future__ import annotations

import contextlib

import cramjam
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.body import Body
from collector.downgrade import as_v1, downgraded
from collector.encode import Cache, requests_v1, requests_v2
from collector.requests import Requests, split
from collector.sweep import Example, Sweep
from ingest.decoded import Decoded
from ingest.protocols.remote_write import decode_v1, decode_v2
from ingest.wire.encoding import encode_labels
from storage.errors import DecodeError
from storage.model import Metadata
from tests.collector.receiver import samples

NOW_MS = 1_700_000_000_000


def line(number: int) -> bytes:
    return encode_labels((("__name__", "m"), ("i", str(number))))


def sweep(count: int, is_last: bool = False) -> Sweep:
    return Sweep(
        "s",
        [line(number) for number in range(count)],
        np.arange(count, dtype=np.float64),
        np.full(count, NOW_MS, np.int64),
        metadata=[Metadata("m", "gauge", "help", "")],
        exemplars=[Example(count - 1, encode_labels((("trace_id", "t"),)), 1.0, NOW_MS)],
        is_last=is_last,
    )


def raw(body: Body) -> bytes:
    return bytes(cramjam.snappy.decompress_raw(body.content))


def decoded(body: Body) -> Decoded:
    return decode_v2(raw(body)) if body.version == 2 else decode_v1(raw(body))


@pytest.mark.parametrize("version", [1, 2])
def test_a_sweep_becomes_as_many_bodies_as_it_needs_and_none_is_lost(version: int) -> None:
    bodies = Requests(max_samples=4).bodies(sweep(10), version)

    assert [each.samples for each in bodies] == [4, 4, 2]
    found = [samples(decoded(each)) for each in bodies]
    assert sum(map(len, found)) == 10
    assert {name: value for each in found for name, value in each.items()} == {
        ("m", (("i", str(number)),)): number for number in range(10)
    }


@pytest.mark.parametrize("version", [1, 2])
def test_a_body_that_would_be_too_long_is_halved_also_the_next_time(version: int) -> None:
    requests = Requests(max_samples=1000, max_bytes=600)

    first, second = (requests.bodies(sweep(100), version) for _ in range(2))

    assert all(len(raw(each)) <= 600 for each in first)
    assert [each.samples for each in first] == [each.samples for each in second]
    assert sum(each.samples for each in first) == 100


def test_a_single_sample_goes_however_long_it_is() -> None:
    assert [each.samples for each in Requests(max_bytes=1).bodies(sweep(3), 2)] == [1, 1, 1]


def test_a_sweep_without_samples_makes_no_body() -> None:
    assert [each.samples for each in Requests().bodies(Sweep("s", ()), 1)] == []


def test_an_exemplar_stays_with_its_sample() -> None:
    parts = list(split(sweep(10), 4))

    assert [[one.row for one in part.exemplars] for part in parts] == [[], [], [1]]


def test_what_is_remembered_of_a_source_goes_with_its_last_sweep() -> None:
    requests = Requests(max_samples=2)
    requests.bodies(sweep(5), 2)
    assert len(requests._caches[2].sources) == 3

    requests.bodies(sweep(1, is_last=True), 2)

    assert requests._caches[2].sources == {}


@given(st.integers(0, 20))
def test_a_request_of_2_and_its_rewriting_say_the_same(count: int) -> None:
    given_sweep = sweep(count) if count else Sweep("s", ())
    rewritten = decode_v1(as_v1(requests_v2(given_sweep, Cache())))
    direct = decode_v1(requests_v1(given_sweep))

    assert samples(rewritten) == samples(direct)
    assert rewritten.timestamps_ms.tolist() == direct.timestamps_ms.tolist()


def test_a_body_of_1_is_left_as_it_is() -> None:
    body = Body(b"x", 1, 1)

    assert downgraded(body) is body


@given(st.binary(max_size=60))
def test_hostile_bytes_raise_nothing_but_a_decode_error(content: bytes) -> None:
    with contextlib.suppress(DecodeError):
        as_v1(content)
