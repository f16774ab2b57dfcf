"""Exemplars and created times of OpenMetrics."""

import numpy as np
import pytest

from ingest.beside import Beside
from ingest.decoded import Decoded
from ingest.protocols.exposition import decode
from storage.model import METRIC_NAME

NOW_MS = 5_000_000

BODY = """\
# TYPE acme_http counter
acme_http_total{path="/a"} 3 # {trace_id="x#y"} 0.5 4000.25
acme_http_created{path="/a"} 1000.5
acme_http_total{path="/b"} 4
# TYPE acme_seconds histogram
acme_seconds_bucket{le="1"} 1 # {trace_id="z"} -2
acme_seconds_bucket{le="+Inf"} 2
acme_seconds_count 2
acme_seconds_sum 3.5
acme_seconds_created 2000
# TYPE acme_created gauge
acme_created 7
acme_total 8
# EOF
"""


def read(text: str, is_openmetrics: bool = True) -> Decoded:
    return decode(text.encode(), NOW_MS, is_openmetrics)


def beside(decoded: Decoded) -> Beside:
    assert decoded.beside is not None
    return decoded.beside


def names(decoded: Decoded, rows: np.ndarray[tuple[int], np.dtype[np.int64]]) -> list[str]:
    return [dict(decoded.labels(int(i)))[METRIC_NAME] for i in rows]


def test_exemplars_belong_to_their_samples_series() -> None:
    decoded = read(BODY)
    found = beside(decoded)

    assert names(decoded, found.exemplar_series) == ["acme_http_total", "acme_seconds_bucket"]
    assert found.exemplar_values.tolist() == [0.5, -2.0]
    assert found.exemplar_times_ms.tolist() == [4_000_250, NOW_MS]
    assert list(found.exemplar_labels) == ['{"trace_id":"x#y"}', '{"trace_id":"z"}']
    assert decoded.refused == {}


def test_a_created_time_is_the_start_of_the_samples_of_its_family_and_labels() -> None:
    decoded = read(BODY)
    found = beside(decoded)

    assert names(decoded, decoded.series_index[found.start_rows]) == [
        "acme_http_total",
        "acme_seconds_bucket",
        "acme_seconds_bucket",
        "acme_seconds_count",
        "acme_seconds_sum",
    ]
    assert found.starts_ms.tolist() == [1_000_500] + [2_000_000] * 4
    assert len(decoded.values) == 10


@pytest.mark.parametrize("seconds", ["0", "-1", "NaN", "+Inf", "5000.001"])
def test_a_created_time_that_makes_no_sense_says_nothing(seconds: str) -> None:
    assert read(f"# TYPE a counter\na_total 1\na_created {seconds}\n# EOF\n").beside is None


@pytest.mark.parametrize(
    ("exemplar", "reason"),
    [
        ("trace 1", "is not an exemplar"),
        ("{} 1 2 3", "is not an exemplar"),
        ('{a="x",a="y"} 1', "stands twice"),
        ("{}", "is not an exemplar"),
        ('{trace="} 1', "is not an exemplar"),
        ('{trace="x"} y', "is not a value"),
        ('{trace="x"} 1 noon', "is not a timestamp"),
        ('{trace="' + "x" * 124 + '"} 1', "129 characters, the limit is 128"),
    ],
)
def test_an_exemplar_that_is_wrong_is_refused_and_its_sample_kept(exemplar: str, reason: str) -> None:
    decoded = read(f"a 1 # {exemplar}\n# EOF\n")

    assert decoded.values.tolist() == [1.0]
    assert decoded.beside is None
    assert reason in decoded.refused["invalid_exemplar"].example


def test_the_plain_format_has_neither() -> None:
    assert read("# TYPE a counter\na_total 1\na_created 1\n", is_openmetrics=False).beside is None
