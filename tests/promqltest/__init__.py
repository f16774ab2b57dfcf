"""Runs Prometheus's .test language (prometheus/prometheus, promql/promqltest/README.md) on the engine."""
