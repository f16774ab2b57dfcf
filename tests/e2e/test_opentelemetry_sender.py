"""The OpenTelemetry SDK sends by HTTP and by gRPC, and PromQL reads back what it sent."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import grpc
import httpx
import pytest
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as HttpExporter
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceResponse,
)
from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider, UpDownCounter
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    MetricExporter,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.metrics.view import (
    ExplicitBucketHistogramAggregation,
    ExponentialBucketHistogramAggregation,
    View,
)
from opentelemetry.sdk.resources import Resource

from tests.e2e.conftest import Starter
from tests.e2e.swell import Swell
from tests.ingest.otlp_requests import as_protobuf, expanded
from tests.peers import free_port, wait_until

pytestmark = pytest.mark.slow

TOKEN = "a-token-of-the-test"
EXPORT = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"
DELTA = {
    Counter: AggregationTemporality.DELTA,
    Histogram: AggregationTemporality.DELTA,
    UpDownCounter: AggregationTemporality.CUMULATIVE,
}
BOUNDS = (0.1, 1.0, 10.0)
OBSERVED = (0.05, 0.5, 0.7, 5.0, 50.0)


@dataclass(frozen=True)
class Receiver:
    swell: Swell
    grpc_port: int

    def exporter(self, transport: str, temporality: dict[type, AggregationTemporality]) -> MetricExporter:
        if transport == "grpc":
            return GrpcExporter(
                endpoint=f"127.0.0.1:{self.grpc_port}",
                insecure=True,
                headers=(("authorization", f"Bearer {TOKEN}"),),
                preferred_temporality=temporality,
            )
        return HttpExporter(
            endpoint=f"{self.swell.url}/v1/metrics",
            headers={"Authorization": f"Bearer {TOKEN}"},
            preferred_temporality=temporality,
        )


@pytest.fixture(scope="module")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    port = free_port()
    flags = ["--ingest.otlp-grpc-port", str(port), "--token", TOKEN, "--no-collect.enabled"]
    swell = Swell(tmp_path_factory.mktemp("swell") / "data", flags, token=TOKEN).start()
    yield Receiver(swell, port)
    swell.stop()


class Application:
    """Something instrumented: what it counts is known."""

    def __init__(self, exporter: MetricExporter, name: str) -> None:
        reader = PeriodicExportingMetricReader(exporter, export_interval_millis=3_600_000)
        self.provider = MeterProvider(
            [reader],
            Resource.create(
                {
                    "service.name": name,
                    "service.namespace": "shop",
                    "service.instance.id": "i1",
                    "host.name": "h1",
                }
            ),
            views=[
                View(instrument_name="exponential", aggregation=ExponentialBucketHistogramAggregation()),
                View(instrument_name="explicit", aggregation=ExplicitBucketHistogramAggregation(BOUNDS)),
            ],
        )
        meter = self.provider.get_meter("app", "1.0")
        self.requests = meter.create_counter("http.requests", "1", "Requests answered.")
        self.sent = meter.create_counter("sent", "By")
        self.waiting = meter.create_up_down_counter("queue.waiting", "{item}")
        self.explicit = meter.create_histogram("explicit", "s", "Of any duration.")
        self.exponential = meter.create_histogram("exponential", "ms")
        meter.create_observable_gauge("temperature", [self._temperature], "Cel")

    def _temperature(self, _: CallbackOptions) -> Sequence[Observation]:
        return [Observation(21.5, {"room": "a"}), Observation(-3, {"room": "b"})]

    def work(self) -> None:
        self.requests.add(3, {"http.method": "GET", "http.status_code": 200})
        self.requests.add(2, {"http.method": "PUT", "http.status_code": 500})
        self.sent.add(1.5)
        self.waiting.add(7)
        self.waiting.add(-2)
        for value in OBSERVED:
            self.explicit.record(value, {"route": "/"})
            self.exponential.record(value)

    def send(self) -> None:
        assert self.provider.force_flush(20_000)


@contextmanager
def running(exporter: MetricExporter, name: str) -> Iterator[Application]:
    application = Application(exporter, name)
    try:
        yield application
    finally:
        application.provider.shutdown()


def values(swell: Swell, query: str) -> dict[tuple[tuple[str, str], ...], float]:
    return {tuple(sorted(row["metric"].items())): float(row["value"][1]) for row in swell.instant(query)}


def reads(swell: Swell, query: str) -> list[float]:
    return list(values(swell, query).values())


def one(swell: Swell, query: str) -> float:
    found = reads(swell, query)
    assert len(found) == 1, (query, found)
    return found[0]


@pytest.mark.parametrize("temporality", ["cumulative", "delta"])
@pytest.mark.parametrize("transport", ["http", "grpc"])
def test_what_the_sdk_sent_is_read_back_and_equal(
    receiver: Receiver, transport: str, temporality: str
) -> None:
    swell, job = receiver.swell, f'job="shop/{transport}-{temporality}"'
    exporter = receiver.exporter(transport, DELTA if temporality == "delta" else {})
    with running(exporter, f"{transport}-{temporality}") as application:
        for _ in range(2):
            application.work()
            application.send()

    wait_until(lambda: reads(swell, f"sent_bytes_total{{{job}}}") == [3], "the second export")
    assert values(swell, f"sum by (http_method, http_status_code) (http_requests_total{{{job}}})") == {
        (("http_method", "GET"), ("http_status_code", "200")): 6,
        (("http_method", "PUT"), ("http_status_code", "500")): 4,
    }
    assert values(swell, f"sum by (room, instance) (temperature_celsius{{{job}}})") == {
        (("instance", "i1"), ("room", "a")): 21.5,
        (("instance", "i1"), ("room", "b")): -3,
    }
    assert one(swell, f"queue_waiting{{{job}}}") == 10
    assert values(swell, f"sum by (le) (explicit_seconds_bucket{{{job}}})") == {
        (("le", "0.1"),): 2,
        (("le", "1"),): 6,
        (("le", "10"),): 8,
        (("le", "+Inf"),): 10,
    }
    assert one(swell, f"explicit_seconds_sum{{{job}}}") == pytest.approx(2 * sum(OBSERVED))
    assert one(swell, f"explicit_seconds_count{{{job}}}") == 10
    assert one(swell, f"histogram_count(exponential_milliseconds{{{job}}})") == 10
    assert one(swell, f"histogram_sum(exponential_milliseconds{{{job}}})") == pytest.approx(2 * sum(OBSERVED))
    assert one(swell, f"histogram_fraction(0, 1, exponential_milliseconds{{{job}}})") == pytest.approx(0.6)
    assert one(swell, f'target_info{{{job}, host_name="h1", telemetry_sdk_language="python"}}') == 1
    metadata = swell.data("/api/v1/metadata")
    assert metadata["http_requests_total"][0] == {
        "type": "counter",
        "help": "Requests answered.",
        "unit": "1",
    }
    assert metadata["explicit_seconds"][0]["type"] == "histogram"


@pytest.fixture
def channel(receiver: Receiver) -> Iterator[Callable[..., bytes]]:
    """Calls Export with raw bytes."""
    with grpc.insecure_channel(f"127.0.0.1:{receiver.grpc_port}") as opened:
        call = opened.unary_unary(EXPORT)

        def export(body: bytes, token: str = TOKEN, compression: Any = None) -> bytes:
            metadata = (("authorization", f"Bearer {token}"),)
            found: bytes = call(body, metadata=metadata, compression=compression, timeout=20)
            return found

        yield export


def gauge(name: str, *names: str, at_ns: int | None = None) -> dict[str, Any]:
    """A gauge of each name that is 1."""
    point = {"timeUnixNano": str(at_ns or time.time_ns()), "asDouble": 1}
    metrics = [{"name": each, "gauge": {"dataPoints": [point]}} for each in (name, *names)]
    found: dict[str, Any] = expanded({"resourceMetrics": [{"scopeMetrics": [{"metrics": metrics}]}]})
    return found


def test_a_part_that_is_refused_is_named_and_the_rest_is_stored(
    receiver: Receiver, channel: Callable[..., bytes]
) -> None:
    swell = receiver.swell
    for kind, path in (("protobuf", "/opentelemetry/v1/metrics"), ("json", "/api/v1/otlp/v1/metrics")):
        request = gauge(f"{kind}_taken", "...")
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Encoding": "gzip"}
        headers["Content-Type"] = "application/json" if kind == "json" else "application/x-protobuf"
        body = json.dumps(request).encode() if kind == "json" else as_protobuf(request)
        answer = httpx.post(swell.url + path, content=gzip.compress(body), headers=headers)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == headers["Content-Type"]
        if kind == "json":
            partial = answer.json()["partialSuccess"]
            assert partial["rejectedDataPoints"] == "1"
            assert "nothing of its name" in partial["errorMessage"]
        else:
            found = ExportMetricsServiceResponse.FromString(answer.content).partial_success
            assert found.rejected_data_points == 1
            assert "nothing of its name" in found.error_message
    found = ExportMetricsServiceResponse.FromString(channel(as_protobuf(gauge("grpc_taken", "..."))))
    assert found.partial_success.rejected_data_points == 1
    assert channel(as_protobuf(gauge("whole")), compression=grpc.Compression.Gzip) == b""

    for name in ("protobuf_taken", "json_taken", "grpc_taken", "whole"):
        wait_until(lambda name=name: values(swell, name) != {}, name)


def test_what_cannot_be_read_is_told_in_the_senders_own_encoding(
    receiver: Receiver, channel: Callable[..., bytes]
) -> None:
    url = receiver.swell.url + "/v1/metrics"
    headers = {"Authorization": f"Bearer {TOKEN}"}
    broken = httpx.post(
        url, content=b"\x0a\x7f", headers={**headers, "Content-Type": "application/x-protobuf"}
    )
    assert broken.status_code == 400
    assert "claims more bytes" in Status.FromString(broken.content).message
    broken = httpx.post(url, content=b"{", headers={**headers, "Content-Type": "application/json"})
    assert (broken.status_code, broken.json()["code"]) == (400, 3)
    other = httpx.post(url, content=b"x", headers={**headers, "Content-Type": "text/plain"})
    assert other.status_code == 415
    assert httpx.post(url, content=b"").status_code == 401

    for body, token, code in (
        (b"\x0a\x7f", TOKEN, grpc.StatusCode.INVALID_ARGUMENT),
        (b"", "wrong", grpc.StatusCode.UNAUTHENTICATED),
        (b"\x0a\x00" * 1_000_001, TOKEN, grpc.StatusCode.RESOURCE_EXHAUSTED),
    ):
        with pytest.raises(grpc.RpcError) as raised:
            channel(body, token)
        assert raised.value.code() == code, raised.value


def test_a_sender_is_told_when_to_try_again(start: Starter) -> None:
    port = free_port()
    free_disk = str(1 << 60)
    swell = start(
        [
            "--ingest.otlp-grpc-port",
            str(port),
            "--ingest.min-free-bytes",
            free_disk,
            "--no-collect.enabled",
        ]
    )
    body = as_protobuf(gauge("later"))

    answer = httpx.post(swell.url + "/v1/metrics", content=body)

    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1
    status = Status.FromString(answer.content)
    assert status.code == grpc.StatusCode.UNAVAILABLE.value[0]
    with grpc.insecure_channel(f"127.0.0.1:{port}") as opened, pytest.raises(grpc.RpcError) as raised:
        opened.unary_unary(EXPORT)(body, timeout=20)
    assert raised.value.code() == grpc.StatusCode.UNAVAILABLE
    details = dict(raised.value.trailing_metadata())["grpc-status-details-bin"]
    told = RetryInfo()
    assert Status.FromString(details).details[0].Unpack(told)
    assert told.retry_delay != Duration()


def test_deltas_begin_anew_in_a_server_that_was_restarted(receiver: Receiver) -> None:
    swell, sent = receiver.swell, 'sent_bytes_total{job="shop/again"}'
    with running(receiver.exporter("http", DELTA), "again") as application:
        for _ in range(2):
            application.work()
            application.send()
        wait_until(lambda: reads(swell, sent) == [3], "what was sent before")

        swell.stop()
        swell.start()
        for _ in range(2):
            application.work()
            application.send()

    wait_until(lambda: reads(swell, f"count_over_time({sent}[10m])") == [4], "what was sent since")
    assert [value for _, value in swell.instant(f"{sent}[10m]")[0]["values"]] == [
        "1.5",
        "3",
        "1.5",
        "3",
    ]
    assert one(swell, f"resets({sent}[10m])") == 1
