"""Queries that would take all time or memory: refused or answered, while others go on being answered."""

import threading
from collections.abc import Iterator

import httpx
import numpy as np
import pytest

from tests.e2e.conftest import Starter
from tests.e2e.swell import Swell, labels

pytestmark = pytest.mark.slow

_SERIES = 4_000
_SAMPLES = 60
_START_MS = 1_700_000_000_000
_END_S = _START_MS / 1000 + _SAMPLES
_MORE_BYTES = 1_500_000_000

# query -> the status of its answer, and words of a refusal
_INSTANT = {
    "(" * 5_000 + "1" + ")" * 5_000: (400, "expression nests deeper than 100 levels (query.max_depth)"),
    "-" * 10_000 + "m": (400, "expression nests deeper than 100 levels (query.max_depth)"),
    "m" + " + m" * 5_000: (400, "expression nests deeper than 100 levels (query.max_depth)"),
    "m or " * 30_000 + "m": (400, "the limit (query.max_length) is 100000"),
    'm{pod=~"(a+)+(a|a)*(a|aa)+$"}': (200, ""),
    'm{pod=~"' + "(x*)*" * 4_000 + 'y"}': (200, ""),
    'm{pod=~"(((a{1,100}){1,100}){1,100}){1,100}"}': (400, "is not RE2"),
    'label_replace(m{quarter="1"}, "a", "$1", "pod", "(.*a.{1,900})(.*)*")': (200, ""),
    '{__name__=~".+"}': (422, "query needs 4000 series, the limit (query.max_series) is 3000"),
    'sum({__name__!="", pod=~".*"})': (422, "the limit (query.max_series) is 3000"),
    'sum(rate(m{half="1"}[1m]))': (422, "the limit (query.max_samples) is 100000"),
    "max_over_time(vector(1)[100y:1ms])": (422, "steps, the limit (query.max_steps) is 1000000"),
    "max_over_time(max_over_time(vector(1)[1d:1s])[100d:1s])": (422, "the limit (query.max_steps)"),
    'avg_over_time(m{quarter="1"}[12h:1s])': (422, "bytes, the limit (query.max_bytes) is 200000000"),
    'count_values("v", sort(m{quarter="1"} * time()))': (200, ""),
}

_RANGES = [
    ("0.001", 400, "exceeded maximum resolution of 11,000 points per timeseries"),
    ("1", 400, "exceeded maximum resolution of 11,000 points per timeseries"),
    ("100", 422, "bytes, the limit (query.max_bytes) is 200000000"),
    ("1000", 200, ""),
]


@pytest.fixture
def swell(start: Starter) -> Swell:
    found = start(
        [
            *("--query.max-series", "3000", "--query.max-samples", "100000"),
            *("--query.max-bytes", "200000000", "--query.timeout-s", "20"),
            *("--ingest.max-past-s", "1000000000", "--storage.retention-days", "36500"),
            *("--ingest.flush-interval-s", "0.2"),
        ]
    )
    series = [
        labels("m", {"pod": f"{'a' * 60}{i}", "half": str(i % 2), "quarter": str(i % 4)})
        for i in range(_SERIES)
    ]
    index = np.repeat(np.arange(_SERIES), _SAMPLES)
    times = np.tile(_START_MS + 1000 * np.arange(_SAMPLES), _SERIES)
    for part in np.array_split(np.arange(len(index)), 4):
        assert found.write(series, index[part], times[part], np.sin(part)).is_success
    return found


@pytest.fixture
def others(swell: Swell) -> Iterator[list[str]]:
    """What went wrong for somebody who asks simple things meanwhile."""
    wrong: list[str] = []
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            answer = httpx.get(f"{swell.url}/api/v1/query", params={"query": "1 + 1"}, timeout=10)
            if answer.status_code != 200 or answer.json()["data"]["result"][1] != "2":
                wrong.append(answer.text)

    thread = threading.Thread(target=ask)
    thread.start()
    yield wrong
    done.set()
    thread.join()


def test_hostile_queries_are_refused_or_answered_and_the_server_lives(
    swell: Swell, others: list[str]
) -> None:
    before = swell.resident_bytes()

    for query, (status, words) in _INSTANT.items():
        answer = httpx.post(f"{swell.url}/api/v1/query", data={"query": query, "time": _END_S}, timeout=60)
        assert answer.status_code == status, (query[:60], answer.text[:300])
        assert words in answer.text, (query[:60], answer.text[:300])

    for selector, status in (('{__name__=~".+"}', 422), ('m{pod=~".*(x+x+)+y", quarter="1"}', 200)):
        answer = swell.get("/api/v1/series", **{"match[]": selector})
        assert answer.status_code == status, answer.text[:300]
    found = swell.data("/api/v1/label/quarter/values", **{"match[]": 'm{pod=~"(.*a.{1,900})(.*)*"}'})
    assert found == ["0", "1", "2", "3"]

    assert swell.is_ready()
    assert swell.resident_bytes() - before < _MORE_BYTES
    assert others == []


def test_a_range_of_a_million_steps_is_refused(swell: Swell) -> None:
    for step, status, words in _RANGES:
        times = {"start": _END_S - 1_000_000, "end": _END_S, "step": step}

        answer = swell.get("/api/v1/query_range", query='m{quarter="1"} @ end()', **times)

        assert answer.status_code == status, answer.text[:300]
        assert words in answer.text
