"""The gRPC service on a port of its own, with a pipeline on a real log."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from prometheus_client import CollectorRegistry

from ingest.limits import Limits
from ingest.otlp_grpc import OtlpGrpc
from ingest.pipeline import Pipeline
from ingest.protocols.otlp.translator import Translator
from storage.memory import MemoryStorage
from tests.ingest.otlp_requests import as_protobuf

EXPORT = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"
MOST_BYTES = 1 << 20
IDLE = 10_000
_CONNECT = """
import resource, socket, sys
most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
opened = []
for number in range(int(sys.argv[2])):
    opened.append(socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=30))
    if number % 2:
        opened[-1].sendall(b"PRI * HTTP/2.0")
print(len(opened), flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def pipeline(tmp_path: Path) -> Iterator[Pipeline]:
    limits = Limits(max_body_bytes=MOST_BYTES)
    found = Pipeline(MemoryStorage(), tmp_path / "wal", limits, CollectorRegistry())
    found.start()
    yield found
    found.stop()


@pytest.fixture
def port(pipeline: Pipeline) -> Iterator[int]:
    service = OtlpGrpc(pipeline, Translator(), lambda authorization: authorization == "Bearer good")
    yield service.start("127.0.0.1", 0)
    service.stop(5)


@pytest.fixture
def export(port: int) -> Iterator[Callable[..., bytes]]:
    with grpc.insecure_channel(f"127.0.0.1:{port}", [("grpc.max_send_message_length", -1)]) as channel:
        call = channel.unary_unary(EXPORT)
        good = (("authorization", "Bearer good"),)
        yield lambda body, metadata=good, **more: call(body, metadata=metadata, timeout=30, **more)


def body(value: int = 1) -> bytes:
    point = {"timeUnixNano": str(time.time_ns()), "asInt": str(value)}
    metrics = [{"name": "g", "gauge": {"dataPoints": [point]}}]
    return as_protobuf({"resourceMetrics": [{"scopeMetrics": [{"metrics": metrics}]}]})


def test_what_is_answered_is_in_the_log_and_counted(pipeline: Pipeline, export: Callable[..., bytes]) -> None:
    for value in range(3):
        assert export(body(value)) == b""

    assert pipeline.metrics.samples._value.get() == 3
    assert pipeline.metrics.requests.labels("otlp_grpc", "OK")._value.get() == 3


def test_calls_that_come_at_once_wait_for_one_another(
    pipeline: Pipeline, export: Callable[..., bytes]
) -> None:
    with ThreadPoolExecutor(200) as threads:
        answers = list(threads.map(export, [body(value) for value in range(400)]))

    assert answers == [b""] * 400
    assert pipeline.metrics.samples._value.get() == 400


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_a_message_larger_than_allowed_is_refused_as_it_comes(
    export: Callable[..., bytes], compression: grpc.Compression
) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        export(b"\0" * (MOST_BYTES + 1), compression=compression)

    assert raised.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED


@pytest.mark.parametrize("metadata", [(), (("authorization", "Bearer bad"),)])
def test_a_call_without_the_token_is_refused(
    pipeline: Pipeline, export: Callable[..., bytes], metadata: tuple[tuple[str, str], ...]
) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        export(body(), metadata)

    assert raised.value.code() == grpc.StatusCode.UNAUTHENTICATED
    assert pipeline.metrics.samples._value.get() == 0


def test_a_port_that_is_taken_is_an_error(pipeline: Pipeline, port: int) -> None:
    other = OtlpGrpc(pipeline, Translator(), lambda _: True)

    with pytest.raises(OSError, match=str(port)):
        other.start("127.0.0.1", port)
    other.stop(0)


@pytest.mark.slow
def test_idle_and_half_open_connections_do_not_stop_a_sender(port: int, export: Callable[..., bytes]) -> None:
    soft, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most < IDLE + 1000:
        pytest.skip(f"this machine allows {most} open files, the test needs {IDLE + 1000}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    command = [sys.executable, "-c", _CONNECT, str(port), str(IDLE)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as others:
        assert others.stdin is not None
        assert others.stdout is not None
        assert int(others.stdout.readline()) == IDLE
        for value in range(10):
            assert export(body(value)) == b""
        others.stdin.close()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, most))
