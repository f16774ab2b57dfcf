"""How fast OTLP bodies become columns, and series ids: `python -m bench.otlp`.

A fleet like that of bench.payloads as OpenTelemetry sends it: a resource a node, other labels as attributes,
2,000 data points a request; histograms have 11 bounds. One core; the best of several rounds.
"""

from collections.abc import Iterator
from typing import Any

from google.protobuf import json_format
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from bench.decode import report
from ingest.limits import Limits
from ingest.protocols.otlp.json_body import to_protobuf
from ingest.protocols.otlp.translator import Translator
from ingest.series.table import SeriesTable

NODES = 50
POINTS = 40
REQUESTS = 10
BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
TIME_NS = 1_700_000_000_000_000_000


def main() -> None:
    table, translator = SeriesTable(Limits(max_past_ms=1 << 50)), Translator()
    for what, is_histogram in (("sums", False), ("histograms", True)):
        raws = [request.SerializeToString() for request in requests(is_histogram)]
        decoded = [translator.decode(raw, 0) for raw in raws]
        for one in decoded:
            table.resolve(one.every_row(), TIME_NS // 1_000_000)
        points = REQUESTS * NODES * POINTS
        rows = sum(len(one.values) for one in decoded)
        print(f"{what}: {sum(map(len, raws)) / points:.0f} bytes and {rows / points:.1f} samples a point")
        report(f"new {what}, points", points, lambda raws=raws: [translator.decode(raw, 0) for raw in raws])
        known = table.familiar
        for _ in range(2):  # the second time they are recognised
            decoded = [translator.decode(raw, 0, familiar=known) for raw in raws]
        report(
            f"known {what}, points",
            points,
            lambda raws=raws, known=known: [translator.decode(raw, 0, familiar=known) for raw in raws],
        )
        report(
            "resolve known, samples",
            rows,
            lambda decoded=decoded: [table.resolve(d.every_row(), TIME_NS // 1_000_000) for d in decoded],
        )
    text = json_format.MessageToJson(next(requests(False))).encode()
    report("JSON sums, points", NODES * POINTS, lambda: translator.decode(to_protobuf(text), 0))


def requests(is_histogram: bool) -> Iterator[ExportMetricsServiceRequest]:
    for number in range(REQUESTS):
        request = ExportMetricsServiceRequest()
        for node in range(NODES):
            resource = request.resource_metrics.add()
            name(resource.resource.attributes, "service.name", "kubelet")
            name(resource.resource.attributes, "service.instance.id", f"10.0.{node}.7:10250")
            name(resource.resource.attributes, "k8s.cluster.name", "bench")
            metric = resource.scope_metrics.add().metrics.add(name=f"container.metric.{number}", unit="By")
            data = metric.histogram if is_histogram else metric.sum
            data.aggregation_temporality = 2
            for pod in range(POINTS):
                fill(data.data_points.add(), pod * NODES + node, is_histogram)
            if not is_histogram:
                metric.sum.is_monotonic = True
        yield request


def fill(point: Any, pod: int, is_histogram: bool) -> None:
    point.start_time_unix_nano, point.time_unix_nano = TIME_NS - 10**12, TIME_NS
    name(point.attributes, "k8s.container.name", f"app-{pod % 20:02d}")
    name(point.attributes, "k8s.namespace.name", f"team-{pod % 20:02d}")
    name(point.attributes, "k8s.node.name", f"node-{pod % NODES:03d}")
    name(point.attributes, "k8s.pod.name", f"workload-{pod // 10:03d}-{pod * 2654435761 % 4294967296:08x}")
    if not is_histogram:
        point.as_double = pod * 1.5
        return
    point.count, point.sum = 100, 20.5
    point.explicit_bounds.extend(BOUNDS)
    point.bucket_counts.extend([8] * (len(BOUNDS) + 1))


def name(attributes: Any, key: str, value: str) -> None:
    attributes.add(key=key).value.string_value = value


if __name__ == "__main__":
    main()
