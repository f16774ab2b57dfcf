"""Answers to senders of OTLP, read by protobuf's own library."""

import json

import pytest
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse

from ingest.decoded import Refusal
from ingest.protocols.otlp import answers
from storage.errors import (
    DecodeError,
    Error,
    LimitError,
    OverloadedError,
    RateLimitError,
    StorageError,
)


def test_whole_success_is_an_empty_message() -> None:
    assert answers.response({}, is_json=False) == b""
    assert json.loads(answers.response({}, is_json=True)) == {}


def test_partial_success_counts_and_names_what_was_refused() -> None:
    refused = {"late_delta": Refusal(3, "too late"), "invalid_name": Refusal(300, "no näme")}

    found = ExportMetricsServiceResponse.FromString(answers.response(refused, is_json=False))

    assert found.partial_success.rejected_data_points == 303
    assert found.partial_success.error_message == (
        "late_delta: 3 refused, such as: too late; invalid_name: 300 refused, such as: no näme"
    )
    written = json.loads(answers.response(refused, is_json=True))["partialSuccess"]
    assert written == {
        "rejectedDataPoints": "303",
        "errorMessage": found.partial_success.error_message,
    }


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (DecodeError("broken"), 3),
        (LimitError("too large"), 8),
        (StorageError("gone"), 13),
        (OverloadedError("later", 2.5), 14),
        (RateLimitError("slower", 2.5), 8),
    ],
)
def test_an_error_is_a_status_that_says_when_to_try_again(error: Error, code: int) -> None:
    status = Status.FromString(answers.status(error, is_json=False))

    assert (status.code, status.message) == (code, str(error))
    assert json.loads(answers.status(error, is_json=True)) == {"code": code, "message": str(error)}
    if isinstance(error, OverloadedError):
        told = RetryInfo()
        assert status.details[0].Unpack(told)
        assert told.retry_delay.ToMilliseconds() == 2500
    else:
        assert not status.details
