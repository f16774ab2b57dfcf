"""OpenTelemetry metrics by gRPC: `opentelemetry.proto.collector.metrics.v1.MetricsService/Export`.

No code is generated: the message's bytes go to the same decoder as those of HTTP, and are acknowledged once
they are durable, in the same way.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import grpc

from ingest.pipeline import Pipeline
from ingest.protocols.otlp import answers
from ingest.protocols.otlp.translator import Translator
from storage.errors import Error

_SERVICE: Final = "opentelemetry.proto.collector.metrics.v1.MetricsService"
_METHOD: Final = "Export"
_THREADS: Final = 8
_DETAILS: Final = "grpc-status-details-bin"


class OtlpGrpc:
    """The service of one process. `is_allowed` is asked about the `authorization` of each call."""

    def __init__(
        self,
        pipeline: Pipeline,
        translator: Translator,
        is_allowed: Callable[[str], bool],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._pipeline = pipeline
        self._translator = translator
        self._is_allowed = is_allowed
        self._clock = clock
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="grpc")
        self._server = self._built()

    def start(self, host: str, port: int) -> int:
        """Listen; returns the port, which the system chooses where it is 0. Raises `OSError`."""
        try:
            bound: int = self._server.add_insecure_port(
                f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
            )
        except RuntimeError as error:
            raise OSError(str(error)) from None
        self._server.start()
        return bound

    def stop(self, grace_s: float) -> None:
        """Take no more calls, and wait for those that run."""
        self._server.stop(grace_s).wait()
        self._threads.shutdown()

    def _built(self) -> Any:
        handler = grpc.unary_unary_rpc_method_handler(self._export)
        server = grpc.server(
            self._threads,
            options=[
                ("grpc.max_receive_message_length", self._pipeline.limits.max_body_bytes),
                # Another process on the same port would take half of the calls.
                ("grpc.so_reuseport", 0),
            ],
            # No `maximum_concurrent_rpcs`: a call that waits for a thread holds no message yet, and what
            # grpcio says of one too many makes senders drop what they have.
        )
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_SERVICE, {_METHOD: handler}),))
        return server

    def _export(self, request: bytes, context: Any) -> bytes:
        metadata: Mapping[str, str] = dict(context.invocation_metadata())
        if not self._is_allowed(metadata.get("authorization", "")):
            self._count(grpc.StatusCode.UNAUTHENTICATED)
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "missing or wrong bearer token")
        limits = self._pipeline.limits
        try:
            self._pipeline.check_room()
            decoded = self._translator.decode(
                request,
                int(self._clock() * 1000),
                limits.max_request_rows,
                limits.max_decoded_bytes,
                self._pipeline.familiar,
            )
            accepted, durable = self._pipeline.submit(decoded, "otlp")
            durable.result()
        except Error as error:
            code = grpc.StatusCode[answers.code_of(error).name]
            self._count(code)
            context.set_trailing_metadata(((_DETAILS, answers.status(error, is_json=False)),))
            context.abort(code, str(error))
        self._count(grpc.StatusCode.OK)
        return answers.response(accepted.refused, is_json=False)

    def _count(self, code: grpc.StatusCode) -> None:
        self._pipeline.metrics.requests.labels("otlp_grpc", code.name).inc()
