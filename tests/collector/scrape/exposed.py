"""Messages of prometheus/client_model for Google's protobuf library, the other opinion in tests.

Fields after io/prometheus/client/metrics.proto.
"""

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_SCHEMA = {
    "LabelPair": "name=1 string, value=2 string",
    "Timestamp": "seconds=1 int64, nanos=2 int32",
    "Exemplar": "label=1 LabelPair*, value=2 double, timestamp=3 Timestamp",
    "Gauge": "value=1 double",
    "Counter": "value=1 double, exemplar=2 Exemplar, created_timestamp=3 Timestamp",
    "Quantile": "quantile=1 double, value=2 double",
    "Summary": "sample_count=1 uint64, sample_sum=2 double, quantile=3 Quantile*, "
    "created_timestamp=4 Timestamp",
    "Untyped": "value=1 double",
    "BucketSpan": "offset=1 sint32, length=2 uint32",
    "Bucket": "cumulative_count=1 uint64, cumulative_count_float=4 double, upper_bound=2 double, "
    "exemplar=3 Exemplar",
    "Histogram": "sample_count=1 uint64, sample_count_float=4 double, sample_sum=2 double, bucket=3 Bucket*, "
    "created_timestamp=15 Timestamp, schema=5 sint32, zero_threshold=6 double, zero_count=7 uint64, "
    "zero_count_float=8 double, negative_span=9 BucketSpan*, negative_delta=10 sint64*, "
    "negative_count=11 double*, positive_span=12 BucketSpan*, positive_delta=13 sint64*, "
    "positive_count=14 double*, exemplars=16 Exemplar*",
    "Metric": "label=1 LabelPair*, gauge=2 Gauge, counter=3 Counter, summary=4 Summary, untyped=5 Untyped, "
    "histogram=7 Histogram, timestamp_ms=6 int64",
    "MetricFamily": "name=1 string, help=2 string, type=3 uint32, metric=4 Metric*, unit=5 string",
}


def _build() -> dict[str, Any]:
    # The file is of the older syntax, in which repeated numbers are not packed and a 0 that is set is sent.
    file = descriptor_pb2.FileDescriptorProto(name="exposed.proto", package="exposed", syntax="proto2")
    for name, fields in _SCHEMA.items():
        message = file.message_type.add(name=name)
        for text in fields.split(", "):
            label, kind = text.split(" ")
            field_name, number = label.split("=")
            field = message.field.add(name=field_name, number=int(number))
            field.label = field.LABEL_REPEATED if kind.endswith("*") else field.LABEL_OPTIONAL
            kind = kind.rstrip("*")
            if kind in _SCHEMA:
                field.type, field.type_name = field.TYPE_MESSAGE, f".exposed.{kind}"
            else:
                field.type = getattr(field, f"TYPE_{kind.upper()}")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"exposed.{name}"))
        for name in _SCHEMA
    }


_MESSAGES = _build()
MetricFamily = _MESSAGES["MetricFamily"]
COUNTER, GAUGE, SUMMARY, UNTYPED, HISTOGRAM, GAUGE_HISTOGRAM = range(6)


def delimited(*families: Any) -> bytes:
    """A page."""
    found = b""
    for family in families:
        raw = family.SerializeToString()
        size = len(raw)
        while size > 0x7F:
            found += bytes((size & 0x7F | 0x80,))
            size >>= 7
        found += bytes((size,)) + raw
    return found
