"""Remote write's messages for Google's protobuf library, which is the other opinion in these tests.

Fields after prompb/types.proto, prompb/remote.proto and prompb/io/prometheus/write/v2/types.proto.
"""

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_KINDS = {
    "double": descriptor_pb2.FieldDescriptorProto.TYPE_DOUBLE,
    "uint64": descriptor_pb2.FieldDescriptorProto.TYPE_UINT64,
    "sint32": descriptor_pb2.FieldDescriptorProto.TYPE_SINT32,
    "sint64": descriptor_pb2.FieldDescriptorProto.TYPE_SINT64,
    "int64": descriptor_pb2.FieldDescriptorProto.TYPE_INT64,
    "uint32": descriptor_pb2.FieldDescriptorProto.TYPE_UINT32,
    "string": descriptor_pb2.FieldDescriptorProto.TYPE_STRING,
    "bytes": descriptor_pb2.FieldDescriptorProto.TYPE_BYTES,
}
# The counts are a choice of two each, and enumerations are numbers on the wire.
_HISTOGRAM = (
    "count_int=1 uint64, count_float=2 double, sum=3 double, schema=4 sint32, zero_threshold=5 double, "
    "zero_count_int=6 uint64, zero_count_float=7 double, negative_spans=8 BucketSpan*, "
    "negative_deltas=9 sint64*, negative_counts=10 double*, positive_spans=11 BucketSpan*, "
    "positive_deltas=12 sint64*, positive_counts=13 double*, reset_hint=14 uint32, timestamp=15 int64, "
    "custom_values=16 double*, start_timestamp=17 int64"
)
_SCHEMA = {
    "v1": {
        # Strings are declared as bytes where tests send what is not UTF-8.
        "Label": "name=1 bytes, value=2 bytes",
        "Sample": "value=1 double, timestamp=2 int64",
        "Exemplar": "labels=1 Label*, value=2 double, timestamp=3 int64",
        "BucketSpan": "offset=1 sint32, length=2 uint32",
        "Histogram": _HISTOGRAM,
        "TimeSeries": "labels=1 Label*, samples=2 Sample*, exemplars=3 Exemplar*, histograms=4 Histogram*",
        "MetricMetadata": "type=1 uint32, metric_family_name=2 string, help=4 string, unit=5 string",
        "WriteRequest": "timeseries=1 TimeSeries*, metadata=3 MetricMetadata*",
        "QueryResult": "timeseries=1 TimeSeries*",
        "ReadResponse": "results=1 QueryResult*",
        "Chunk": "min_time_ms=1 int64, max_time_ms=2 int64, type=3 uint32, data=4 bytes",
        "ChunkedSeries": "labels=1 Label*, chunks=2 Chunk*",
        "ChunkedReadResponse": "chunked_series=1 ChunkedSeries*, query_index=2 int64",
    },
    "v2": {
        "Sample": "value=1 double, timestamp=2 int64, start_timestamp=3 int64",
        "Exemplar": "labels_refs=1 uint32*, value=2 double, timestamp=3 int64",
        "BucketSpan": "offset=1 sint32, length=2 uint32",
        "Histogram": _HISTOGRAM,
        "Metadata": "type=1 uint32, help_ref=3 uint32, unit_ref=4 uint32",
        "TimeSeries": "labels_refs=1 uint32*, samples=2 Sample*, histograms=3 Histogram*, "
        "exemplars=4 Exemplar*, metadata=5 Metadata, created_timestamp=6 int64",
        "Request": "symbols=4 bytes*, timeseries=5 TimeSeries*",
    },
}


def _build() -> dict[str, Any]:
    pool = descriptor_pool.DescriptorPool()
    found = {}
    for package, messages in _SCHEMA.items():
        file = descriptor_pb2.FileDescriptorProto(name=f"{package}.proto", package=package, syntax="proto3")
        for name, fields in messages.items():
            message = file.message_type.add(name=name)
            for text in fields.split(", "):
                label, kind = text.split(" ")
                _add_field(message, package, *label.split("="), kind)  # type: ignore[misc]
        pool.Add(file)
        for name in messages:
            descriptor = pool.FindMessageTypeByName(f"{package}.{name}")
            found[f"{package}.{name}"] = message_factory.GetMessageClass(descriptor)
    return found


def _add_field(
    message: descriptor_pb2.DescriptorProto, package: str, name: str, number: str, kind: str
) -> None:
    field = message.field.add(name=name, number=int(number))
    is_repeated, kind = kind.endswith("*"), kind.rstrip("*")
    field.label = field.LABEL_REPEATED if is_repeated else field.LABEL_OPTIONAL
    if kind in _KINDS:
        field.type = _KINDS[kind]
    else:
        field.type = field.TYPE_MESSAGE
        field.type_name = f".{package}.{kind}"


_MESSAGES = _build()
WriteRequest = _MESSAGES["v1.WriteRequest"]
Histogram = _MESSAGES["v1.Histogram"]
ReadResponse = _MESSAGES["v1.ReadResponse"]
ChunkedReadResponse = _MESSAGES["v1.ChunkedReadResponse"]
Request = _MESSAGES["v2.Request"]
