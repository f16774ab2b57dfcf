"""OTLP/JSON to the protobuf that it stands for (opentelemetry.io/docs/specs/otlp, "JSON Protobuf Encoding").

Names are lowerCamelCase (snake_case is understood too), 64-bit numbers are strings or numbers, ids are
hexadecimal, enumerations are numbers or names, and what is not known is passed over.
"""

from __future__ import annotations

import base64
import binascii
import struct
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, TypeAlias

import orjson

from ingest.wire.encoding import varint
from storage.errors import DecodeError

Field: TypeAlias = tuple[int, str]

_MOST_LEVELS: Final = 64
_MESSAGES: Final[Mapping[str, Mapping[str, Field]]] = {
    "Request": {"resourceMetrics": (1, "*ResourceMetrics")},
    "ResourceMetrics": {
        "resource": (1, "Resource"),
        "scopeMetrics": (2, "*ScopeMetrics"),
        "schemaUrl": (3, "string"),
    },
    "Resource": {"attributes": (1, "*KeyValue")},
    "ScopeMetrics": {"scope": (1, "Scope"), "metrics": (2, "*Metric"), "schemaUrl": (3, "string")},
    "Scope": {"name": (1, "string"), "version": (2, "string"), "attributes": (3, "*KeyValue")},
    "KeyValue": {"key": (1, "string"), "value": (2, "AnyValue")},
    "AnyValue": {
        "stringValue": (1, "string"),
        "boolValue": (2, "bool"),
        "intValue": (3, "int64"),
        "doubleValue": (4, "double"),
        "arrayValue": (5, "ArrayValue"),
        "kvlistValue": (6, "KeyValueList"),
        "bytesValue": (7, "base64"),
    },
    "ArrayValue": {"values": (1, "*AnyValue")},
    "KeyValueList": {"values": (1, "*KeyValue")},
    "Metric": {
        "name": (1, "string"),
        "description": (2, "string"),
        "unit": (3, "string"),
        "gauge": (5, "Gauge"),
        "sum": (7, "Sum"),
        "histogram": (9, "Histogram"),
        "exponentialHistogram": (10, "ExponentialHistogram"),
        "summary": (11, "Summary"),
    },
    "Gauge": {"dataPoints": (1, "*NumberDataPoint")},
    "Sum": {
        "dataPoints": (1, "*NumberDataPoint"),
        "aggregationTemporality": (2, "temporality"),
        "isMonotonic": (3, "bool"),
    },
    "Histogram": {
        "dataPoints": (1, "*HistogramDataPoint"),
        "aggregationTemporality": (2, "temporality"),
    },
    "ExponentialHistogram": {
        "dataPoints": (1, "*ExponentialHistogramDataPoint"),
        "aggregationTemporality": (2, "temporality"),
    },
    "Summary": {"dataPoints": (1, "*SummaryDataPoint")},
    "NumberDataPoint": {
        "startTimeUnixNano": (2, "fixed64"),
        "timeUnixNano": (3, "fixed64"),
        "asDouble": (4, "double"),
        "exemplars": (5, "*Exemplar"),
        "asInt": (6, "sfixed64"),
        "attributes": (7, "*KeyValue"),
        "flags": (8, "uint32"),
    },
    "HistogramDataPoint": {
        "startTimeUnixNano": (2, "fixed64"),
        "timeUnixNano": (3, "fixed64"),
        "count": (4, "fixed64"),
        "sum": (5, "double"),
        "bucketCounts": (6, "*fixed64"),
        "explicitBounds": (7, "*double"),
        "exemplars": (8, "*Exemplar"),
        "attributes": (9, "*KeyValue"),
        "flags": (10, "uint32"),
    },
    "ExponentialHistogramDataPoint": {
        "attributes": (1, "*KeyValue"),
        "startTimeUnixNano": (2, "fixed64"),
        "timeUnixNano": (3, "fixed64"),
        "count": (4, "fixed64"),
        "sum": (5, "double"),
        "scale": (6, "sint32"),
        "zeroCount": (7, "fixed64"),
        "positive": (8, "Buckets"),
        "negative": (9, "Buckets"),
        "flags": (10, "uint32"),
        "exemplars": (11, "*Exemplar"),
    },
    "Buckets": {"offset": (1, "sint32"), "bucketCounts": (2, "*uint64")},
    "SummaryDataPoint": {
        "startTimeUnixNano": (2, "fixed64"),
        "timeUnixNano": (3, "fixed64"),
        "count": (4, "fixed64"),
        "sum": (5, "double"),
        "quantileValues": (6, "*ValueAtQuantile"),
        "attributes": (7, "*KeyValue"),
        "flags": (8, "uint32"),
    },
    "ValueAtQuantile": {"quantile": (1, "double"), "value": (2, "double")},
    "Exemplar": {
        "timeUnixNano": (2, "fixed64"),
        "asDouble": (3, "double"),
        "spanId": (4, "hex"),
        "traceId": (5, "hex"),
        "asInt": (6, "sfixed64"),
        "filteredAttributes": (7, "*KeyValue"),
    },
}
_TEMPORALITIES: Final = {
    "AGGREGATION_TEMPORALITY_UNSPECIFIED": 0,
    "AGGREGATION_TEMPORALITY_DELTA": 1,
    "AGGREGATION_TEMPORALITY_CUMULATIVE": 2,
}
_64_BITS: Final = "a whole number of 64 bits"
_DOUBLES: Final = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}


def to_protobuf(raw: bytes) -> bytes:
    """An `ExportMetricsServiceRequest`. Raises `DecodeError` with the field, its value and what fits."""
    try:
        request = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise DecodeError(f"OTLP: the body is not JSON: {error}") from None
    return _message("Request", request, "", 0)


def _message(kind: str, found: Any, path: str, levels: int) -> bytes:
    if not isinstance(found, dict):
        raise _wrong(path, found, "an object")
    if levels > _MOST_LEVELS:
        raise DecodeError(f"OTLP: {path[:80]}… lies deeper than {_MOST_LEVELS} levels")
    parts = []
    fields = _MESSAGES[kind]
    for name, value in found.items():
        known = fields.get(name) or (fields.get(_camel(name)) if "_" in name else None)
        if known is not None and value is not None:
            parts.append(_field(known, value, f"{path}.{name}" if path else name, levels))
    return b"".join(parts)


def _field(known: Field, value: Any, path: str, levels: int) -> bytes:
    number, kind = known
    if not kind.startswith("*"):
        return _one(number, kind, value, path, levels)
    if not isinstance(value, list):
        raise _wrong(path, value, "an array")
    return b"".join(
        _one(number, kind[1:], item, f"{path}[{place}]", levels) for place, item in enumerate(value)
    )


def _one(number: int, kind: str, value: Any, path: str, levels: int) -> bytes:
    if kind in _MESSAGES:
        return _sized(number, _message(kind, value, path, levels + 1))
    wire, write, expected = _SCALARS[kind]
    try:
        content = write(value)
    except (ValueError, TypeError, KeyError, OverflowError, struct.error, binascii.Error):
        raise _wrong(path, value, expected) from None
    return _sized(number, content) if wire == 2 else varint(number << 3 | wire) + content


def _sized(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def _text(value: Any) -> bytes:
    if not isinstance(value, str):
        raise TypeError
    return value.encode()


def _double(value: Any) -> bytes:
    return struct.pack("<d", _DOUBLES[value] if value in _DOUBLES else float(value))


def _whole(value: Any, least: int, bits: int) -> int:
    """The number in two's complement."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise TypeError
    number = int(value)
    if not least <= number < least + (1 << bits):
        raise ValueError
    return number & (1 << 64) - 1


def _flag(value: Any) -> bytes:
    if not isinstance(value, bool):
        raise TypeError
    return b"\x01" if value else b"\x00"


def _signed(value: Any) -> bytes:
    number = _whole(value, -(1 << 31), 32)
    number -= (number >> 63) << 64
    return varint((number << 1 ^ number >> 63) & (1 << 64) - 1)


def _temporality(value: Any) -> bytes:
    return varint(_TEMPORALITIES[value] if isinstance(value, str) else _whole(value, 0, 7))


def _wrong(path: str, value: Any, expected: str) -> DecodeError:
    return DecodeError(f"OTLP: {path or 'the body'} is {value!r:.80}, expected {expected}")


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


# Of each kind of scalar its wire type, how it is written, and what is expected.
_SCALARS: Final[Mapping[str, tuple[int, Callable[[Any], bytes], str]]] = {
    "string": (2, _text, "a string"),
    "hex": (2, bytes.fromhex, "hexadecimal digits"),
    "base64": (2, partial(base64.b64decode, validate=True), "base64"),
    "bool": (0, _flag, "true or false"),
    "double": (1, _double, "a number"),
    "fixed64": (1, lambda value: struct.pack("<Q", _whole(value, 0, 64)), _64_BITS),
    "sfixed64": (
        1,
        lambda value: struct.pack("<Q", _whole(value, -(1 << 63), 64)),
        "a whole number of 64 bits",
    ),
    "int64": (0, lambda value: varint(_whole(value, -(1 << 63), 64)), _64_BITS),
    "uint64": (0, lambda value: varint(_whole(value, 0, 64)), _64_BITS),
    "uint32": (0, lambda value: varint(_whole(value, 0, 32)), "a whole number of 32 bits"),
    "sint32": (0, _signed, "a whole number of 32 bits"),
    "temporality": (0, _temporality, "1 (delta) or 2 (cumulative)"),
}
