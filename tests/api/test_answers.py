"""What the API answers where no Prometheus can be asked the same."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from query.engine import Engine
from storage.catalogue import Catalogue
from storage.embedded import open_embedded
from storage.exemplars import ExemplarBatch
from storage.model import DAY_MS, Metadata, SampleBatch, SeriesRow, canonical, encode_labels
from tests.api.conftest import NOW_S, serving

_NOW_MS = int(NOW_S * 1000)


@pytest.fixture(scope="module")
def client(embedded_root: Path) -> Iterator[httpx.Client]:
    """A store with two targets, an exemplar and metadata."""
    storage = open_embedded(embedded_root, "answers")
    rows = [
        SeriesRow.of(canonical({"__name__": name, "job": job, "instance": "1"}), _NOW_MS // DAY_MS)
        for name in ("up", "x_total")
        for job in ("a", "b")
    ]
    storage.write_series(rows)
    times = np.array([_NOW_MS - 90_000, _NOW_MS - 30_000] * 4)
    storage.write_samples(
        SampleBatch(
            np.repeat(np.array([row.metric_id for row in rows], np.uint64), 2),
            np.repeat(np.array([row.series_id for row in rows], np.uint64), 2),
            times,
            np.array([1.0, 1.0, 1.0, 0.0, 5.0, 6.5, 7.0, 8.0]),
        ),
        "",
    )
    storage.write_exemplars(
        ExemplarBatch(
            np.array([rows[2].metric_id], np.uint64),
            np.array([rows[2].series_id], np.uint64),
            np.array([_NOW_MS - 30_500]),
            np.array([0.25]),
            [encode_labels(canonical({"trace_id": "abc"}))],
        ),
        "",
    )
    storage.write_metadata([Metadata("x_total", "counter", "Things.", "")])
    engine = Engine(storage, Catalogue(storage))
    with serving(storage, engine) as found:
        yield found
    engine.close()
    storage.close()


def data(client: httpx.Client, path: str, **parameters: Any) -> Any:
    """The data of a successful answer."""
    answer = client.get(f"/api/v1/{path}", params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def test_exemplars_stand_under_their_series(client: httpx.Client) -> None:
    (found,) = data(client, "query_exemplars", query="rate(x_total[5m])")

    assert found == {
        "seriesLabels": {"__name__": "x_total", "instance": "1", "job": "a"},
        "exemplars": [
            {"labels": {"trace_id": "abc"}, "value": "0.25", "timestamp": (_NOW_MS - 30_500) / 1000}
        ],
    }
    assert data(client, "query_exemplars", query="x_total", end=NOW_S - 31) == []


def test_a_target_is_as_healthy_as_its_up(client: httpx.Client) -> None:
    found = data(client, "targets")["activeTargets"]

    assert [(one["scrapePool"], one["health"]) for one in found] == [("a", "up"), ("b", "down")]
    assert found[0]["labels"] == {"instance": "1", "job": "a"}
    assert [one["scrapePool"] for one in data(client, "targets", scrapePool="b")["activeTargets"]] == ["b"]
    assert data(client, "scrape_pools") == {"scrapePools": ["a", "b"]}


def test_metadata_of_targets_is_that_of_metrics(client: httpx.Client) -> None:
    expected = {"target": {}, "metric": "x_total", "type": "counter", "help": "Things.", "unit": ""}
    assert data(client, "targets/metadata", metric="x_total") == [expected]
    assert data(client, "targets/metadata", metric="none") == []


def test_cardinality_counts_series_pairs_and_bytes(client: httpx.Client) -> None:
    found = data(client, "status/tsdb")

    assert (found["headStats"]["numSeries"], found["headStats"]["numLabelPairs"]) == (4, 5)
    assert found["seriesCountByMetricName"] == [{"name": "up", "value": 2}, {"name": "x_total", "value": 2}]
    assert found["labelValueCountByLabelName"][0] == {"name": "__name__", "value": 2}
    assert {"name": "instance", "value": 4 * len("instance1")} in found["memoryInBytesByLabelName"]
    assert found["seriesCountByLabelValuePair"][0] == {"name": "instance=1", "value": 4}
    narrow = data(client, "status/tsdb", **{"match[]": '{job="a"}', "limit": 1})
    assert narrow["headStats"]["numSeries"] == 2 and len(narrow["seriesCountByLabelValuePair"]) == 1


def test_the_process_tells_of_itself(client: httpx.Client) -> None:
    assert data(client, "status/buildinfo")["revision"] == "1.2.3"
    assert data(client, "status/flags") == {"listen": "127.0.0.1:9470"}
    assert data(client, "status/config") == {"yaml": "listen: x\n"}
    runtime = data(client, "status/runtimeinfo")
    assert runtime["storageRetention"] == "90d" and runtime["startTime"] == "2023-11-14T22:38:20Z"


def test_federation_gives_the_newest_samples_as_text(client: httpx.Client) -> None:
    answer = client.get("/federate", params={"match[]": ['{job="a"}', "x_total"]})

    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert answer.text == (
        "# TYPE up untyped\n"
        f'up{{instance="1",job="a"}} 1 {_NOW_MS - 30_000}\n'
        "# TYPE x_total untyped\n"
        f'x_total{{instance="1",job="a"}} 6.5 {_NOW_MS - 30_000}\n'
        f'x_total{{instance="1",job="b"}} 8 {_NOW_MS - 30_000}\n'
    )


def test_a_plan_tells_what_is_read_before_it_is_and_what_it_cost_after(client: httpx.Client) -> None:
    asked = {"query": "sum by (job) (rate(x_total[1m]))", "start": NOW_S - 60, "end": NOW_S, "step": 30}

    planned, done = data(client, "explain", **asked), data(client, "explain", analyze=1, **asked)

    selector = planned["plan"]["inputs"][0]["inputs"][0]
    assert (planned["plan"]["operation"], planned["plan"]["steps"]) == ("aggregate by sum", 3)
    assert selector["read"] == {
        "metrics": 1,
        "series": 2,
        "samples": 4,
        "from_ms": _NOW_MS - 119_999,
        "to_ms": _NOW_MS,
    }
    assert planned["estimated"]["samples"] == 4 and "real" not in planned
    assert planned["text"][2].startswith("    select a range: x_total[1m]")
    assert done["real"]["series"] == 2 and done["real"]["samples"] == 4


@pytest.mark.parametrize(
    ("query", "series"),
    [("sum(x_total)", 1), ("topk(1, x_total)", 2), ("x_total or up", 4), ("absent(x_total)", 1), ("1", 1)],
)
def test_a_plan_bounds_what_comes_out(query: str, series: int, client: httpx.Client) -> None:
    assert data(client, "explain", query=query)["plan"]["series"] == series


def test_a_subquery_is_planned_at_its_own_steps(client: httpx.Client) -> None:
    plan = data(client, "explain", query="max_over_time(x_total[10m:1m])")["plan"]

    assert plan["inputs"][0]["inputs"][0]["steps"] == 10


def test_a_method_that_a_route_does_not_know_is_refused_with_those_that_it_does(swell: httpx.Client) -> None:
    answer = swell.put("/api/v1/query", params={"query": "1"})

    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, POST")
    assert answer.json()["errorType"] == "bad_data"
    assert swell.head("/api/v1/query", params={"query": "1"}).status_code == 200
