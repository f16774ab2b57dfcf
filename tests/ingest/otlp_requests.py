"""OTLP requests as cases write them, and what they become as text."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import orjson
from google.protobuf import json_format
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from ingest.decoded import Decoded
from storage.histograms import Buckets
from storage.model import METRIC_NAME, is_stale


def request_of(case: dict[str, Any]) -> dict[str, Any]:
    """The request of a case in OTLP/JSON: attributes may be objects, one resource needs no lists."""
    if "request" in case:
        found: dict[str, Any] = expanded(case["request"])
        return found
    scope = {"scope": case.get("scope", {}), "metrics": case["metrics"], "schemaUrl": case.get("schema", "")}
    resource = {"resource": {"attributes": case.get("resource", {})}, "scopeMetrics": [scope]}
    return expanded({"resourceMetrics": [resource]})


def expanded(found: Any) -> Any:
    if isinstance(found, list):
        return [expanded(item) for item in found]
    if not isinstance(found, dict):
        return found
    return {
        key: pairs(value)
        if key.lower().endswith("attributes") and isinstance(value, dict)
        else expanded(value)
        for key, value in found.items()
    }


def pairs(attributes: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": any_value(value)} for key, value in attributes.items()]


def any_value(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, list):
        return {"arrayValue": {"values": [any_value(item) for item in value]}}
    if isinstance(value, dict):
        if set(value) <= {"bytesValue", "doubleValue"} and value:
            return value
        return {"kvlistValue": {"values": pairs(value)}}
    return {} if value is None else {"stringValue": value}


def as_json(request: dict[str, Any]) -> bytes:
    return orjson.dumps(request)


def as_protobuf(request: dict[str, Any]) -> bytes:
    """Written by protobuf's own library, which wants ids in base64."""
    message = json_format.ParseDict(with_base64(request), ExportMetricsServiceRequest())
    return bytes(message.SerializeToString())


def with_base64(found: Any) -> Any:
    if isinstance(found, list):
        return [with_base64(item) for item in found]
    if not isinstance(found, dict):
        return found
    return {
        key: base64.b64encode(bytes.fromhex(value)).decode()
        if key in ("traceId", "spanId")
        else with_base64(value)
        for key, value in found.items()
    }


def text_of(decoded: Decoded) -> dict[str, Any]:
    """Everything that a request became, as lines and objects, each in the order it came."""
    names = [series_text(decoded.labels(i)) for i in range(len(decoded.label_start))]
    starts = start_texts(decoded)
    samples = [
        f"{names[series]} {value_text(value)} @{time}{starts.get(row, '')}"
        for row, (series, value, time) in enumerate(
            zip(decoded.series_index.tolist(), decoded.values, decoded.timestamps_ms.tolist(), strict=True)
        )
    ]
    found: dict[str, Any] = {"samples": samples}
    if decoded.beside is not None:
        found |= beside_texts(decoded, names, starts)
    if decoded.refused:
        found["refused"] = {
            reason: [refusal.count, refusal.example] for reason, refusal in decoded.refused.items()
        }
    return found


def metadata_of(decoded: Decoded) -> list[list[str]]:
    assert decoded.describe is not None
    rows = [decoded.describe(i) for i in range(len(decoded.label_start))]
    different = dict.fromkeys(row for row in rows if row is not None)
    return [[row.metric, row.type, row.help, row.unit] for row in different]


def start_texts(decoded: Decoded) -> dict[int, str]:
    if decoded.beside is None:
        return {}
    rows = zip(decoded.beside.start_rows.tolist(), decoded.beside.starts_ms.tolist(), strict=True)
    return {row: f" since {start}" for row, start in rows}


def beside_texts(decoded: Decoded, names: list[str], starts: dict[int, str]) -> dict[str, Any]:
    beside = decoded.beside
    assert beside is not None
    found: dict[str, Any] = {}
    histograms = [
        f"{names[series]} {histogram_text(decoded, i)} @{time}{starts.get(len(decoded.values) + i, '')}"
        for i, (series, time) in enumerate(
            zip(beside.histogram_series.tolist(), beside.histogram_times_ms.tolist(), strict=True)
        )
    ]
    if histograms:
        found["histograms"] = histograms
    columns = (beside.exemplar_series, beside.exemplar_values, beside.exemplar_times_ms)
    exemplars = [
        f"{names[series]} {labels} {value_text(value)} @{time}"
        for series, value, time, labels in zip(
            *(column.tolist() for column in columns), beside.exemplar_labels, strict=True
        )
    ]
    if exemplars:
        found["exemplars"] = exemplars
    return found


def histogram_text(decoded: Decoded, i: int) -> str:
    assert decoded.beside is not None
    one = decoded.beside.histograms
    return (
        f"schema:{one.schemas[i]} count:{one.counts[i]:g} sum:{value_text(one.sums[i])} "
        f"zero:{one.zero_counts[i]:g}/{one.zero_thresholds[i]:g} "
        f"positive:{bucket_text(one.positive, i)} negative:{bucket_text(one.negative, i)}"
    )


def bucket_text(found: Buckets, i: int) -> str:
    at, end = found.offsets[i : i + 2]
    both = zip(found.indexes[at:end].tolist(), found.counts[at:end].tolist(), strict=True)
    return "[" + " ".join(f"{index}:{count:g}" for index, count in both) + "]"


def series_text(labels: list[tuple[str, str]]) -> str:
    rest = ",".join(f'{name}="{value}"' for name, value in labels if name != METRIC_NAME)
    return dict(labels)[METRIC_NAME] + (f"{{{rest}}}" if rest else "")


def value_text(value: float) -> str:
    return "stale" if is_stale(np.array([value]))[0] else repr(float(value)).removesuffix(".0")
