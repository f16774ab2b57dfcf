"""OTLP in plain Python, over protobuf's own library: what the kernels are compared with."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

Row = tuple[tuple[tuple[str, str], ...], int, bytes]
_STALE = np.array([0x7FF0000000000002], np.uint64).tobytes()
_SUFFIX = {"gauge": "", "sum": "_total"}


def rows_of(raw: bytes) -> list[Row]:
    """(labels, time, bits of the value) of every sample, without units, target_info or native histograms."""
    request = ExportMetricsServiceRequest.FromString(raw)
    found: list[Row] = []
    for resource_metrics in request.resource_metrics:
        identity = identity_of(resource_metrics.resource.attributes)
        for scope_metrics in resource_metrics.scope_metrics:
            for metric in scope_metrics.metrics:
                found += metric_rows(metric, identity)
    return found


def metric_rows(metric: Any, identity: dict[str, str]) -> Iterator[Row]:
    kind = metric.WhichOneof("data")
    if kind is None or kind == "exponential_histogram":
        return
    name = "_".join(re.findall("[a-zA-Z0-9:]+", metric.name))
    name = "_" + name if name[:1].isdigit() else name
    if kind == "sum" and metric.sum.is_monotonic:
        name = "_".join([*(word for word in name.split("_") if word != "total"), "total"])
    for point in getattr(metric, kind).data_points:
        labels = labels_of(point.attributes) | identity
        if kind == "histogram" or (kind == "summary" and point.quantile_values):
            labels.pop("le" if kind == "histogram" else "quantile", None)
        for suffix, own, value in samples_of(kind, point):
            bits = _STALE if point.flags & 1 else np.float64(value).tobytes()
            every = labels | own | {"__name__": name + suffix}
            yield (
                tuple(sorted((key, text) for key, text in every.items() if text)),
                point.time_unix_nano // 1_000_000,
                bits,
            )


def samples_of(kind: str, point: Any) -> Iterator[tuple[str, dict[str, str], float]]:
    if kind in ("gauge", "sum"):
        yield "", {}, point.as_double if point.HasField("as_double") else float(point.as_int)
        return
    if kind == "summary" or point.HasField("sum"):
        yield "_sum", {}, point.sum
    yield "_count", {}, float(point.count)
    if kind == "summary":
        for quantile in point.quantile_values:
            yield "", {"quantile": bound_text(quantile.quantile)}, quantile.value
        return
    total = 0
    for bound, count in zip(point.explicit_bounds, point.bucket_counts, strict=False):
        total = (total + count) % (1 << 64)
        yield "_bucket", {"le": bound_text(bound)}, float(total)
    yield "_bucket", {"le": "+Inf"}, float(point.count)


def bound_text(value: float) -> str:
    if np.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return "NaN" if np.isnan(value) else np.format_float_positional(value, trim="-")


def labels_of(attributes: Any) -> dict[str, str]:
    labels: dict[str, str] = {}
    for pair in sorted(attributes, key=lambda pair: pair.key):
        name = re.sub("[^a-zA-Z0-9_]", "_", pair.key)
        if name[:1].isdigit():
            name = "key_" + name
        elif re.match("_(?!_)", name):
            name = "key" + name
        labels[name] = f"{labels[name]};{text_of(pair.value)}" if name in labels else text_of(pair.value)
    return {name: text for name, text in labels.items() if name not in ("__name__",)}


def text_of(value: Any) -> str:
    kind = value.WhichOneof("value")
    if kind == "string_value":
        return str(value.string_value)
    if kind == "bool_value":
        return "true" if value.bool_value else "false"
    if kind == "int_value":
        return str(value.int_value)
    if kind == "bytes_value":
        return base64.b64encode(value.bytes_value).decode()
    return ""


def identity_of(attributes: Any) -> dict[str, str]:
    known = {pair.key: text_of(pair.value) for pair in reversed(attributes)}
    found = {}
    if "service.name" in known:
        space = known.get("service.namespace")
        found["job"] = known["service.name"] if space is None else f"{space}/{known['service.name']}"
    if "service.instance.id" in known:
        found["instance"] = known["service.instance.id"]
    return found
