"""OTLP's kernels are compiled, or loaded from numba's cache, before the first sender waits for them."""

from __future__ import annotations

from typing import Any, Final

import orjson

from ingest.limits import Limits
from ingest.protocols.otlp.json_body import to_protobuf
from ingest.protocols.otlp.translator import Translator
from ingest.series.table import SeriesTable

_ATTRIBUTES: Final = [
    {"key": "a.b", "value": {"intValue": "1"}},
    {"key": "c", "value": {"stringValue": "d"}},
    {"key": "e", "value": {"doubleValue": 1.5}},
]
_BUCKETS: Final = {"bucketCounts": ["1", "0"], "explicitBounds": [1]}


def warm_up() -> None:
    """Send metrics of each kind, totals and deltas, to a translator and a table that are thrown away."""
    translator, table = Translator(), SeriesTable(Limits())
    point: dict[str, Any] = {"asInt": "1", "attributes": _ATTRIBUTES[:2], "exemplars": [{"asDouble": 1}]}
    kinds: list[dict[str, Any]] = [
        {"gauge": {"dataPoints": [point, {"asInt": "1", "attributes": _ATTRIBUTES}]}},
        {"sum": {"dataPoints": [point], "aggregationTemporality": 1}},
        {"histogram": {"dataPoints": [{"count": "1", **_BUCKETS}], "aggregationTemporality": 2}},
        {
            "exponentialHistogram": {
                "dataPoints": [{"count": "1", "positive": {"bucketCounts": ["1"]}}],
                "aggregationTemporality": 2,
            }
        },
        {"summary": {"dataPoints": [{"quantileValues": [{"quantile": 0.5}]}]}},
    ]
    metrics = [{"name": f"warm_up_{number}", **kind} for number, kind in enumerate(kinds)]
    request = {"resourceMetrics": [{"scopeMetrics": [{"metrics": metrics}]}]}
    body = to_protobuf(orjson.dumps(request))
    for _ in range(3):  # unknown, known by labels, recognised
        table.resolve(translator.decode(body, now_ms=0, familiar=table.familiar).every_row(), now_ms=0)
