"""The same requests to Swell and to a real Prometheus: the answers are equal, refusals in kind."""

import json
import math
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.differential.prometheus import Prometheus

pytestmark = [pytest.mark.peers]

_CASES = json.loads((Path(__file__).parent / "cases.json").read_text())
_COUNTED = (
    "c_total",
    "c_total offset 1m",
    "g @ 1700000600",
    "timestamp(g)",
    "rate(c_total[5m])",
    "sum(rate(c_total[2m] @ end())) + sum(c_total)",
    "max_over_time(rate(c_total[1m])[5m:30s])",
    "absent_over_time(nothing[5m])",
    "1 + 2",
)
_ONLY_GET = ("label/", "alertmanagers", "metadata")


@pytest.mark.parametrize(("path", "parameters"), _CASES, ids=[json.dumps(case) for case in _CASES])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_answer_is_that_of_prometheus(
    path: str, parameters: dict[str, Any], method: str, swell: httpx.Client, prometheus: Prometheus
) -> None:
    if method == "POST" and path.startswith(_ONLY_GET):
        return
    where = {"params": parameters} if method == "GET" else {"data": parameters}

    ours = swell.request(method, f"/api/v1/{path}", **where)
    theirs = prometheus.request(method, path, **where)

    assert ours.status_code == theirs.status_code, ours.text
    mine, other = ours.json(), theirs.json()
    if theirs.status_code != 200:
        assert mine["errorType"] == other["errorType"]
        assert mine["error"] and mine["status"] == "error"
    elif "limit" in parameters and isinstance(other["data"], list):
        # Which ones are left out is anybody's choice.
        assert (len(mine.pop("data")), mine) == (len(other.pop("data")), other)
    else:
        assert ours.headers["content-type"] == "application/json"
        assert _settled(mine) == _settled(other)


def _settled(value: Any) -> Any:
    """Without what need not agree: the order of series in an instant answer, digits beyond the ninth."""
    match value:
        case dict():
            return {key: _settled(one) for key, one in value.items() if key != "infos"}
        case list() if value and isinstance(value[0], dict):
            return sorted(map(_settled, value), key=lambda one: json.dumps(one, sort_keys=True))
        case list():
            return [_settled(one) for one in value]
        case str():
            return _number(value)
    return value


def _number(text: str) -> str:
    try:
        number = float(text)
    except ValueError:
        return text
    return f"{number:.9g}" if math.isfinite(number) else text


@pytest.mark.parametrize("wanted", ["all", "some"])
@pytest.mark.parametrize("query", _COUNTED)
def test_samples_that_a_query_looks_at_are_counted_as_in_prometheus(
    query: str, wanted: str, swell: httpx.Client, prometheus: Prometheus
) -> None:
    whole = {"start": "1700000300", "end": "1700000900", "step": "60"}
    asked = {"query": query, "stats": wanted}

    for path, parameters in (("query", {"time": "1700000900"}), ("query_range", whole)):
        where = {"params": asked | parameters}
        ours = swell.get(f"/api/v1/{path}", **where).json()["data"]["stats"]
        theirs = prometheus.request("GET", path, **where).json()["data"]["stats"]

        assert ours["timings"].keys() == theirs["timings"].keys()
        mine, other = ours["samples"], theirs["samples"]
        assert mine.pop("peakSamples") >= 0  # how much is held at once is each engine's own affair
        other.pop("peakSamples")
        assert mine == other


def test_a_histogram_counts_as_the_floats_that_it_takes_the_memory_of(swell: httpx.Client) -> None:
    def samples(query: str) -> int:
        asked = {"query": query, "time": "1700000900", "stats": "all"}
        found = swell.get("/api/v1/query", params=asked).json()["data"]["stats"]["samples"]
        assert found["totalQueryableSamplesPerStep"] == [[1700000900, found["totalQueryableSamples"]]]
        return int(found["totalQueryableSamples"])

    assert samples("n") > 5 * samples("timestamp(n)") > 0
    assert samples("increase(n[3m])") > samples("n") == samples("histogram_quantile(0.5, n)")
    assert samples("n[3m]") == samples("increase(n[3m])")
