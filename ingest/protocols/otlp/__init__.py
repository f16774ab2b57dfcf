"""OpenTelemetry metrics (OTLP 1.x): protobuf and JSON bodies to columns, named as Prometheus names them."""
